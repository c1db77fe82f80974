/* sl_swap_ring.h under the model: elements in a row, with one access to the ring's end for all of them. */
#include "swap_ring_base.hpp"

template <typename Suite, size_t CAPACITY, unsigned THREADS>
struct swap_rows_base : swap_ring_base<Suite, CAPACITY, THREADS> {
  /* Elements from `first` on, as many as fit; how many. */
  int enqueue_row(unsigned thread, int first, int count) {
    uint64_t tail = sl_swap_ring_begin_enqueues(&this->ring);
    int done = 0;
    for (; done < count; done++) {
      VAR(this->cells[this->mine[thread]]) = first + done;
      if (sl_swap_ring_enqueue_next(&this->ring, &tail, &this->mine[thread]) != SL_OK) break;
      this->accepted++;
    }
    if (done > 0) sl_swap_ring_end_enqueues(&this->ring, tail);
    return done;
  }

  /* Up to `count` elements, each of which is given to `each`; how many. */
  template <typename Each> int dequeue_row(unsigned thread, int count, Each each) {
    uint64_t head = sl_swap_ring_begin_dequeues(&this->ring);
    int done = 0;
    for (; done < count; done++) {
      if (sl_swap_ring_dequeue_next(&this->ring, &head, &this->mine[thread]) != SL_OK) break;
      int element = VAR(this->cells[this->mine[thread]]);
      VAR(this->cells[this->mine[thread]]) = -1;
      RL_ASSERT(element >= 0 && ++this->taken[element] == 1);
      each(element);
    }
    if (done > 0) sl_swap_ring_end_dequeues(&this->ring, head);
    return done;
  }
};

/* Rows by two producers, rows by a consumer. */
template <size_t CAPACITY> struct swap_rows : swap_rows_base<swap_rows<CAPACITY>, CAPACITY, 3> {
  void thread(unsigned index) {
    if (index < 2) {
      for (int next = 0, tries = 0; next < 3 && tries < model::TRIES; tries++) {
        next += this->enqueue_row(index, index * 8 + next, 3 - next);
        rl::yield(1, $);
      }
      return;
    }
    int last[2] = {-1, -1};
    for (int tries = 0; tries < 3; tries++)
      this->dequeue_row(2, 3, [&](int element) {
        RL_ASSERT(element % 8 > last[element / 8]);
        last[element / 8] = element % 8;
      });
  }
};
typedef swap_rows<1> swap_rows_of_1;
typedef swap_rows<3> swap_rows_of_3;
MODEL_TEST(swap_rows_of_1, 20000)
MODEL_TEST(swap_rows_of_3, 20000)

/* A row goes out while another goes in, and a third thread, which comes later, finds the truth: there is
 * room, since each row is taken before the next begins; and there is an element from the first row on. */
template <bool ENQUEUES> struct swap_rows_truth : swap_rows_base<swap_rows_truth<ENQUEUES>, 3, 2> {
  model::signpost done;
  void thread(unsigned index) {
    if (index == 0) {
      RL_ASSERT(this->enqueue_row(0, 0, 2) == 2);
      RL_ASSERT(this->dequeue_row(0, 2, [](int) {}) == 2);
      RL_ASSERT(this->enqueue_row(0, 2, 2) == 2);
      done.reach(1);
    } else if (ENQUEUES) {
      done.await(1);
      RL_ASSERT(this->enqueue_row(1, 8, 1) == 1);
    } else {
      /* Who finds that a later element is there finds those before it too. */
      done.await(1);
      int last = -1;
      this->dequeue_row(1, 3, [&](int element) {
        RL_ASSERT(element > last);
        last = element;
      });
    }
  }
};
typedef swap_rows_truth<true> swap_rows_never_full;
typedef swap_rows_truth<false> swap_rows_in_order;
MODEL_TEST(swap_rows_never_full, 20000)
MODEL_TEST(swap_rows_in_order, 20000)
