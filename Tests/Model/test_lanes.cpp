/* sl_lanes.h under the model: several producers, one consumer. */
#include "model.hpp"

#include "sl_lanes.h"

/* Each producer's elements come once and in order, and never are more than `CAPACITY` in it. Starts just below the
 * wrap-around. */
template <unsigned PRODUCERS, size_t CAPACITY, size_t LANE, int ELEMENTS>
struct lanes_base : rl::test_suite<lanes_base<PRODUCERS, CAPACITY, LANE, ELEMENTS>, PRODUCERS + 1> {
  sl_lanes lanes;
  sl_lane lane[PRODUCERS];
  rl::var<int> elements[PRODUCERS][4];
  /* Committed, and begun to be taken: in the order of the run, which is no order of the model's. */
  int standing;

  void before() {
    sl_lanes_init(&lanes, lane, PRODUCERS, CAPACITY, LANE, UINT64_MAX - 1);
    standing = 0;
  }

  void produce(uint32_t index) {
    for (int i = 0; i < ELEMENTS; i++) {
      size_t slot;
      while (!sl_lanes_try_claim(&lanes, index, &slot)) {
        sl_lanes_give_back(&lanes, index);
        rl::yield(1, $);
      }
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
MODEL_TEST(lanes_of_one, 20000)
MODEL_TEST(lanes_that_share_one_place, 30000)
MODEL_TEST(lanes_of_two, 30000)

/* Who is granted room that the consumer has told of sees what the consumer did before: here it is the only way to
 * learn of it, since the lane was never full. */
struct lanes_told : rl::test_suite<lanes_told, 2> {
  sl_lanes lanes;
  sl_lane lane[2];
  rl::var<int> farewell;

  void before() {
    sl_lanes_init(&lanes, lane, 2, 1, 1, 0);
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
MODEL_TEST(lanes_told, 20000)
MODEL_TEST_EXHAUSTIVE(lanes_told, 100000)
