/* sl_lanes.h under the model: several producers, one consumer. */
#include "model.hpp"

#include "sl_lanes.h"

/* Each producer's elements come once and in order, and never are more than `CAPACITY` in it. Starts just below the
 * wrap-around. Portions, and what the consumer has not told of, are of one element in a queue of so few: where
 * PORTION is more, the test makes them larger. */
template <unsigned PRODUCERS, size_t CAPACITY, size_t LANE, int ELEMENTS, uint32_t PORTION = 1>
struct lanes_base : rl::test_suite<lanes_base<PRODUCERS, CAPACITY, LANE, ELEMENTS, PORTION>, PRODUCERS + 1> {
  sl_lanes lanes;
  sl_lane lane[PRODUCERS];
  rl::var<int> elements[PRODUCERS][4];
  /* Committed, and begun to be taken: in the order of the run, which is no order of the model's. */
  int standing;

  void before() {
    sl_lanes_init(&lanes, lane, PRODUCERS, CAPACITY, LANE, UINT64_MAX - 1);
    if (PORTION > 1) lanes.portion_ = lanes.telling_ = PORTION;
    standing = 0;
  }

  /* As a producer that waits: it gives back what it has, and looks until there is room for it. */
  void wait(uint32_t index) {
    sl_lanes_give_back(&lanes, index);
    do {
      rl::yield(1, $);
    } while (!sl_lanes_has_room(&lanes, index));
  }

  void produce(uint32_t index) {
    for (int i = 0; i < ELEMENTS; i++) {
      size_t slot;
      while (!sl_lanes_try_claim(&lanes, index, &slot)) wait(index);
      VAR(elements[index][slot]) = i;
      standing++;
      RL_ASSERT(standing <= (int)CAPACITY);
      sl_lanes_commit(&lanes, index);
      RL_ASSERT(sl_lanes_count_at_most(&lanes) <= CAPACITY && sl_lanes_count_by(&lanes, index) <= CAPACITY);
    }
    sl_lanes_give_back(&lanes, index);
  }

  void consume() {
    int next[PRODUCERS] = {};
    for (unsigned taken = 0; taken < PRODUCERS * ELEMENTS;) {
      uint32_t producer;
      size_t slot;
      if (!sl_lanes_try_take(&lanes, &producer, &slot)) {
        rl::yield(1, $);
        continue;
      }
      int found = VAR(elements[producer][slot]);
      RL_ASSERT(found == next[producer]);
      next[producer]++;
      standing--;
      sl_lanes_release(&lanes);
      taken++;
    }
  }

  void thread(unsigned index) {
    if (index < PRODUCERS)
      produce(index);
    else
      consume();
  }

  void after() {
    sl_lanes_tell(&lanes);
    RL_ASSERT(sl_lanes_is_empty(&lanes) && sl_lanes_count(&lanes) == 0 && sl_lanes_count_at_most(&lanes) == 0);
    for (uint32_t i = 0; i < PRODUCERS; i++) RL_ASSERT(sl_lanes_has_room(&lanes, i));
    RL_ASSERT(sl_lanes_has_some_room(&lanes) && sl_lanes_passed(&lanes) == UINT64_MAX - 1 + PRODUCERS * ELEMENTS);
  }
};
typedef lanes_base<1, 1, 1, 3> lanes_of_one;
typedef lanes_base<2, 1, 1, 2> lanes_that_share_one_place;
typedef lanes_base<2, 3, 2, 3> lanes_of_two;
typedef lanes_base<2, 3, 2, 3, 2> lanes_in_portions;
typedef lanes_base<3, 2, 1, 2, 2> lanes_of_three;
MODEL_TEST(lanes_of_one, 20000)
MODEL_TEST(lanes_that_share_one_place, 30000)
MODEL_TEST(lanes_of_two, 30000)
MODEL_TEST(lanes_in_portions, 30000)
MODEL_TEST(lanes_of_three, 20000)

/* Who is granted room sees what the consumer did before it took: here it is the only way to learn of it, since the
 * lane was never full. TOLD: the consumer has told of it; else the producer adds up. */
template <bool TOLD> struct lanes_room : rl::test_suite<lanes_room<TOLD>, 2> {
  sl_lanes lanes;
  sl_lane lane[2];
  rl::var<int> farewell;

  void before() {
    sl_lanes_init(&lanes, lane, 2, 1, 1, 0);
    if (!TOLD) lanes.telling_ = 2;
    size_t slot;
    sl_lanes_try_claim(&lanes, 0, &slot);
    sl_lanes_commit(&lanes, 0);
    VAR(farewell) = 0;
  }

  void thread(unsigned index) {
    size_t slot;
    uint32_t producer;
    if (index == 0) {
      RL_ASSERT(sl_lanes_try_take(&lanes, &producer, &slot) && producer == 0);
      VAR(farewell) = 1;
      sl_lanes_release(&lanes);
    } else {
      while (!sl_lanes_try_claim(&lanes, 1, &slot)) rl::yield(1, $);
      RL_ASSERT(VAR(farewell) == 1);
      sl_lanes_commit(&lanes, 1);
    }
  }
};
typedef lanes_room<true> lanes_told;
typedef lanes_room<false> lanes_added_up;
MODEL_TEST(lanes_told, 20000)
MODEL_TEST_EXHAUSTIVE(lanes_told, 100000)
MODEL_TEST(lanes_added_up, 20000)
MODEL_TEST_EXHAUSTIVE(lanes_added_up, 100000)

/* What one producer gives back another may use, and relies on the room as if it had been granted it first. */
struct lanes_given_back : rl::test_suite<lanes_given_back, 3> {
  sl_lanes lanes;
  sl_lane lane[2];
  rl::var<int> farewell;

  void before() {
    sl_lanes_init(&lanes, lane, 2, 2, 2, UINT64_MAX);
    lanes.portion_ = 2;
    size_t slot;
    for (int i = 0; i < 2; i++) {
      sl_lanes_try_claim(&lanes, 1, &slot);
      sl_lanes_commit(&lanes, 1);
    }
    VAR(farewell) = 0;
  }

  void thread(unsigned index) {
    size_t slot;
    uint32_t producer;
    if (index == 2) {
      VAR(farewell) = 1;
      for (int i = 0; i < 2; i++) {
        RL_ASSERT(sl_lanes_try_take(&lanes, &producer, &slot) && producer == 1);
        sl_lanes_release(&lanes);
      }
    } else {
      while (!sl_lanes_try_claim(&lanes, index, &slot)) rl::yield(1, $);
      RL_ASSERT(VAR(farewell) == 1);
      sl_lanes_give_back(&lanes, index);
    }
  }

  void after() {
    size_t slot;
    for (uint32_t i = 0; i < 2; i++) RL_ASSERT(sl_lanes_has_room(&lanes, i));
    RL_ASSERT(sl_lanes_try_claim(&lanes, 0, &slot) && sl_load_relaxed_u64(&lane[0].held_) == 2);
  }
};
MODEL_TEST(lanes_given_back, 20000)
