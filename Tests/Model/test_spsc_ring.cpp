/* sl_spsc_ring.h under the model: one producer, one consumer. */
#include "model.hpp"

#include "sl_spsc_ring.h"

/* Starts just below the wrap-around; the consumer sees the elements in order, and the end. */
template <size_t CAPACITY, size_t N> struct spsc_ring : rl::test_suite<spsc_ring<CAPACITY, N>, 2> {
  sl_spsc_ring ring;
  rl::var<size_t> elements[4];
  bool ended;

  void before() {
    sl_spsc_ring_init(&ring, CAPACITY, UINT64_MAX - 1);
    ended = false;
  }

  void produce() {
    for (size_t i = 0; i < N; i++) {
      size_t slot;
      while (!sl_spsc_ring_try_claim(&ring, &slot)) rl::yield(1, $);
      VAR(elements[slot]) = i;
      sl_spsc_ring_commit(&ring);
      RL_ASSERT(sl_spsc_ring_count(&ring) <= CAPACITY);
    }
    sl_spsc_ring_close(&ring);
  }

  void consume() {
    size_t next = 0;
    for (;;) {
      size_t slot;
      if (sl_spsc_ring_try_take(&ring, &slot)) {
        size_t found = VAR(elements[slot]);
        RL_ASSERT(found == next);
        next++;
        sl_spsc_ring_release(&ring);
      } else if (sl_spsc_ring_is_drained(&ring)) {
        break;
      } else {
        rl::yield(1, $);
      }
    }
    RL_ASSERT(next == N);
    ended = true;
  }

  void thread(unsigned index) {
    if (index == 0)
      produce();
    else
      consume();
  }

  void after() { RL_ASSERT(ended); }
};
typedef spsc_ring<1, 3> spsc_ring_of_1;
typedef spsc_ring<2, 4> spsc_ring_of_2;
MODEL_TEST(spsc_ring_of_1, 20000)
MODEL_TEST_EXHAUSTIVE(spsc_ring_of_1, 100000)
MODEL_TEST(spsc_ring_of_2, 20000)

/* Elements in rows of up to two, some of which the producer or the consumer leaves for the next row. */
struct spsc_ring_rows : rl::test_suite<spsc_ring_rows, 2> {
  enum { CAPACITY = 3, ELEMENTS = 6 };
  sl_spsc_ring ring;
  rl::var<int> elements[4];

  void before() { sl_spsc_ring_init(&ring, CAPACITY, UINT64_MAX - 1); }

  void thread(unsigned index) {
    for (int next = 0; next < ELEMENTS;) {
      uint64_t first;
      size_t n = index == 0 ? sl_spsc_ring_try_claim_many(&ring, 2, &first)
                            : sl_spsc_ring_try_take_many(&ring, 2, &first);
      RL_ASSERT(n <= 2);
      if (n == 0) rl::yield(1, $);
      if (n == 2 && (next == ELEMENTS - 1 || rl::rand(2) == 0)) n = 1;
      for (size_t i = 0; i < n; i++) {
        rl::var<int> &element = elements[sl_spsc_ring_slot_of(&ring, first + i)];
        if (index == 0)
          VAR(element) = next++;
        else
          RL_ASSERT(VAR(element) == next++);
      }
      if (n > 0 && index == 0) sl_spsc_ring_commit_many(&ring, n);
      if (n > 0 && index == 1) sl_spsc_ring_release_many(&ring, n);
    }
  }

  void after() { RL_ASSERT(sl_spsc_ring_count(&ring) == 0); }
};
MODEL_TEST(spsc_ring_rows, 20000)

/* A third thread counts: it never sees more than the capacity, nor less than nothing. */
struct spsc_ring_counted : rl::test_suite<spsc_ring_counted, 3> {
  sl_spsc_ring ring;

  void before() { sl_spsc_ring_init(&ring, 3, UINT64_MAX - 1); }

  void thread(unsigned index) {
    size_t slot;
    if (index == 0) {
      for (int i = 0; i < 2; i++)
        if (sl_spsc_ring_try_claim(&ring, &slot)) sl_spsc_ring_commit(&ring);
    } else if (index == 1) {
      for (int i = 0; i < 2; i++)
        if (sl_spsc_ring_try_take(&ring, &slot)) sl_spsc_ring_release(&ring);
    } else {
      /* No more than two were ever enqueued: a head that is ahead of the tail would give 3. */
      RL_ASSERT(sl_spsc_ring_count(&ring) <= 2);
    }
  }
};
MODEL_TEST(spsc_ring_counted, 20000)
MODEL_TEST_EXHAUSTIVE(spsc_ring_counted, 100000)

/* The consumer goes: what it did before is visible to the producer that finds out. */
struct spsc_ring_abandoned : rl::test_suite<spsc_ring_abandoned, 2> {
  sl_spsc_ring ring;
  rl::var<int> farewell;

  void before() {
    sl_spsc_ring_init(&ring, 1, 0);
    VAR(farewell) = 0;
  }

  void thread(unsigned index) {
    if (index == 0) {
      VAR(farewell) = 1;
      sl_spsc_ring_abandon(&ring);
    } else {
      while (!sl_spsc_ring_is_abandoned(&ring)) rl::yield(1, $);
      RL_ASSERT(VAR(farewell) == 1);
    }
  }
};
MODEL_TEST(spsc_ring_abandoned, 2000)
MODEL_TEST_EXHAUSTIVE(spsc_ring_abandoned, 100000)
