/* sl_swap_ring.h under the model: what an answer tells the one who gets it. */
#include "swap_ring_base.hpp"

/* "Full" is true at some moment: here there is always room, and who hears of a later state does not
 * take an earlier one for a part of it. */
template <bool LOOKS> struct swap_with_room : swap_ring_base<swap_with_room<LOOKS>, 2, 2> {
  model::signpost done;
  void thread(unsigned index) {
    if (index == 0) {
      RL_ASSERT(this->enqueue(0, 0) == SL_OK);
      RL_ASSERT(this->dequeue(0) >= 0);
      RL_ASSERT(this->enqueue(0, 1) == SL_OK);
      done.reach(1);
    } else if (LOOKS) {
      done.await(1);
      RL_ASSERT(sl_swap_ring_has_room(&this->ring));
    } else {
      RL_ASSERT(this->enqueue(1, 2) == SL_OK);
    }
  }
};
typedef swap_with_room<false> swap_never_full;
typedef swap_with_room<true> swap_never_looks_full;
MODEL_TEST(swap_never_full, 30000)
MODEL_TEST(swap_never_looks_full, 30000)

/* The same with a producer that is the only one. */
struct swap_sole_never_full : swap_ring_base<swap_sole_never_full, 2, 2> {
  model::signpost done;
  void put(int element) {
    uint32_t cell;
    RL_ASSERT(sl_swap_ring_sole_claim(&ring, &cell) == SL_OK);
    VAR(cells[cell]) = element;
    accepted++;
    sl_swap_ring_sole_commit(&ring, cell);
  }
  void thread(unsigned index) {
    if (index == 0) {
      put(0);
      RL_ASSERT(dequeue(0) == 0);
      put(1);
      done.reach(1);
    } else {
      done.await(1);
      RL_ASSERT(sl_swap_ring_has_room(&ring));
    }
  }
};
MODEL_TEST(swap_sole_never_full, 30000)

/* "Empty" is true at some moment: from the first enqueue on there is always an element here. */
struct swap_never_empty : swap_ring_base<swap_never_empty, 2, 2> {
  rl::atomic<int> begun;
  model::signpost done;
  void before() {
    swap_ring_base<swap_never_empty, 2, 2>::before();
    begun($) = 0;
  }
  void thread(unsigned index) {
    if (index == 0) {
      enqueue(0, 0);
      begun.store(1, rl::mo_release, $);
      enqueue(0, 1);
      dequeue(0);
      done.reach(1);
    } else {
      done.await(1);
      if (begun.load(rl::mo_acquire, $) == 1) RL_ASSERT(dequeue(1) >= 0);
    }
  }
  void after() {
    RL_ASSERT(accepted == 2);
    swap_ring_base<swap_never_empty, 2, 2>::after();
  }
};
MODEL_TEST(swap_never_empty, 30000)

/* Who gets the room that a take made sees what came before that take, and may use the cell. */
template <bool IS_SOLE> struct swap_room : swap_ring_base<swap_room<IS_SOLE>, 1, 2> {
  rl::var<int> before_take[4];
  void before() {
    swap_ring_base<swap_room, 1, 2>::before();
    for (auto &each : before_take) VAR(each) = 0;
  }
  void thread(unsigned index) {
    int done = 0;
    if (index == 0) {
      for (int tries = 0; tries < 8 && done < 4; tries++) {
        if (this->enqueue(0, done) != SL_OK) {
          rl::yield(1, $);
          continue;
        }
        if (done > 0) RL_ASSERT(VAR(before_take[done - 1]) == 1);
        done++;
      }
      return;
    }
    VAR(this->cells[this->mine[1]]) = -1; /* so that it is the producer's only after the exchange */
    for (int tries = 0; tries < 8 && done < 3; tries++) {
      VAR(before_take[done]) = 1;
      uint32_t cell;
      if (!IS_SOLE) {
        done += this->dequeue(1) >= 0;
      } else if (sl_swap_ring_sole_take(&this->ring, &cell) == SL_OK) {
        int element = VAR(this->cells[cell]);
        RL_ASSERT(element == done && ++this->taken[element] == 1);
        VAR(this->cells[cell]) = -1;
        sl_swap_ring_sole_release(&this->ring, cell);
        done++;
      }
      rl::yield(1, $);
    }
  }
};
typedef swap_room<false> swap_room_carries;
typedef swap_room<true> swap_room_carries_sole;
MODEL_TEST(swap_room_carries, 30000)
MODEL_TEST(swap_room_carries_sole, 30000)

/* A count is never negative (which would come out as the capacity). */
template <bool IS_SOLE> struct swap_count : swap_ring_base<swap_count<IS_SOLE>, 3, 3> {
  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < 2; i++) this->enqueue(0, i);
    } else if (index == 1) {
      uint32_t cell;
      for (int i = 0; i < 2; i++) {
        if (!IS_SOLE) {
          this->dequeue(1);
        } else if (sl_swap_ring_sole_take(&this->ring, &cell) == SL_OK) {
          RL_ASSERT(++this->taken[VAR(this->cells[cell])] == 1);
          sl_swap_ring_sole_release(&this->ring, cell);
        }
      }
    } else {
      RL_ASSERT(sl_swap_ring_count(&this->ring) <= 2);
    }
  }
};
typedef swap_count<false> swap_counted;
typedef swap_count<true> swap_counted_sole;
MODEL_TEST(swap_counted, 60000)
MODEL_TEST(swap_counted_sole, 60000)

/* What came before the close is visible to who learns of it, in whatever way. */
struct swap_close_carries : swap_ring_base<swap_close_carries, 1, 4> {
  rl::var<int> before_close;
  void before() {
    swap_ring_base<swap_close_carries, 1, 4>::before();
    VAR(before_close) = 0;
  }
  void thread(unsigned index) {
    bool learnt = false;
    switch (index) {
      case 0:
        VAR(before_close) = 1;
        sl_swap_ring_close(&ring);
        break;
      case 1: learnt = dequeue(1) == -2; break;
      case 2: learnt = sl_swap_ring_is_closed(&ring); break;
      case 3: learnt = enqueue(3, 0) == SL_CLOSED; break;
    }
    if (learnt) RL_ASSERT(VAR(before_close) == 1);
  }
};
MODEL_TEST(swap_close_carries, 10000)

/* The same to the only producer and the only consumer. */
struct swap_close_carries_sole : swap_ring_base<swap_close_carries_sole, 1, 3> {
  rl::var<int> before_close;
  void before() {
    swap_ring_base<swap_close_carries_sole, 1, 3>::before();
    VAR(before_close) = 0;
  }
  void thread(unsigned index) {
    uint32_t cell;
    bool learnt = false;
    switch (index) {
      case 0:
        VAR(before_close) = 1;
        sl_swap_ring_close(&ring);
        break;
      case 1: learnt = sl_swap_ring_sole_take(&ring, &cell) == SL_CLOSED; break;
      case 2: learnt = sl_swap_ring_sole_claim(&ring, &cell) == SL_CLOSED; break;
    }
    if (learnt) RL_ASSERT(VAR(before_close) == 1);
  }
};
MODEL_TEST(swap_close_carries_sole, 10000)
MODEL_TEST_EXHAUSTIVE(swap_close_carries_sole, 100000)
