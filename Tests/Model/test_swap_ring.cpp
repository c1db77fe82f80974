/* sl_swap_ring.h under the model: cells change hands, and nothing is lost or seen half. */
#include "swap_ring_base.hpp"

#include "../../CSupport/sl_swap_ring.c"

template <size_t CAPACITY> struct swap_two_producers : swap_ring_base<swap_two_producers<CAPACITY>, CAPACITY, 3> {
  void thread(unsigned index) {
    if (index < 2) {
      for (int i = 0; i < 2; i++)
        for (int tries = 0; tries < model::TRIES && this->enqueue(index, index * 8 + i) != SL_OK; tries++)
          rl::yield(1, $);
      return;
    }
    int last[2] = {-1, -1};
    for (int tries = 0; tries < 4; tries++) {
      int element = this->dequeue(2);
      if (element < 0) continue;
      RL_ASSERT(element % 8 > last[element / 8]);
      last[element / 8] = element % 8;
    }
  }
};
typedef swap_two_producers<1> swap_two_producers_of_1;
typedef swap_two_producers<2> swap_two_producers_of_2;
MODEL_TEST(swap_two_producers_of_1, 30000)
MODEL_TEST(swap_two_producers_of_2, 30000)

template <size_t CAPACITY> struct swap_two_consumers : swap_ring_base<swap_two_consumers<CAPACITY>, CAPACITY, 3> {
  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < 4; i++)
        for (int tries = 0; tries < model::TRIES && this->enqueue(0, i) != SL_OK; tries++) rl::yield(1, $);
      return;
    }
    int last = -1;
    for (int tries = 0; tries < 3; tries++) {
      int element = this->dequeue(index);
      RL_ASSERT(element < 0 || element > last);
      if (element >= 0) last = element;
    }
  }
};
typedef swap_two_consumers<1> swap_two_consumers_of_1;
typedef swap_two_consumers<2> swap_two_consumers_of_2;
MODEL_TEST(swap_two_consumers_of_1, 30000)
MODEL_TEST(swap_two_consumers_of_2, 30000)

/* One producer that uses no compare-and-swap, two consumers. */
struct swap_sole_producer : swap_ring_base<swap_sole_producer, 2, 3> {
  void thread(unsigned index) {
    if (index > 0) {
      int last = -1;
      for (int tries = 0; tries < 3; tries++) {
        int element = dequeue(index);
        RL_ASSERT(element < 0 || element > last);
        if (element >= 0) last = element;
      }
      return;
    }
    for (int i = 0; i < 4; i++) {
      for (int tries = 0; tries < model::TRIES; tries++) {
        uint32_t cell;
        if (sl_swap_ring_sole_claim(&ring, &cell) != SL_OK) {
          rl::yield(1, $);
          continue;
        }
        VAR(cells[cell]) = i;
        accepted++;
        sl_swap_ring_sole_commit(&ring, cell);
        break;
      }
    }
  }
};
MODEL_TEST(swap_sole_producer, 30000)

/* One consumer that uses no compare-and-swap, two producers, and a close by one of them. */
struct swap_sole_consumer : swap_ring_base<swap_sole_consumer, 2, 3> {
  rl::var<int> before_close;
  void before() {
    swap_ring_base<swap_sole_consumer, 2, 3>::before();
    VAR(before_close) = 0;
  }
  void thread(unsigned index) {
    if (index < 2) {
      for (int i = 0; i < 2; i++)
        for (int tries = 0; tries < model::TRIES; tries++) {
          sl_result result = enqueue(index, index * 8 + i);
          if (result != SL_FULL) break;
          rl::yield(1, $);
        }
      if (index == 1) {
        VAR(before_close) = 1;
        sl_swap_ring_close(&ring);
      }
      return;
    }
    for (;;) {
      uint32_t cell;
      sl_result result = sl_swap_ring_sole_take(&ring, &cell);
      if (result == SL_CLOSED) break;
      if (result == SL_EMPTY) {
        rl::yield(1, $);
        continue;
      }
      int element = VAR(cells[cell]);
      VAR(cells[cell]) = -1;
      RL_ASSERT(++taken[element] == 1);
      sl_swap_ring_sole_release(&ring, cell);
    }
    RL_ASSERT(VAR(before_close) == 1);
  }
};
MODEL_TEST(swap_sole_consumer, 30000)

/* Closing while one enqueues and one dequeues: after "closed and drained" nothing comes, and every
 * enqueue after the close is refused. */
template <size_t CAPACITY> struct swap_closing : swap_ring_base<swap_closing<CAPACITY>, CAPACITY, 3> {
  rl::var<int> before_close;
  int ended, closers;
  void before() {
    swap_ring_base<swap_closing<CAPACITY>, CAPACITY, 3>::before();
    VAR(before_close) = 0;
    ended = closers = 0;
  }
  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < 3; i++) this->enqueue(0, i);
      closers += sl_swap_ring_close(&this->ring);
    } else if (index == 1) {
      VAR(before_close) = 1;
      closers += sl_swap_ring_close(&this->ring);
      RL_ASSERT(sl_swap_ring_is_closed(&this->ring));
      RL_ASSERT(this->enqueue(1, 8) == SL_CLOSED);
    } else {
      int element;
      while ((element = this->dequeue(2)) != -2) rl::yield(1, $);
      RL_ASSERT(this->dequeue(2) == -2);
      ended = 1; /* what `accepted` counts later, this thread has taken before */
      for (int n : this->taken) ended += n;
    }
  }
  void after() {
    RL_ASSERT(ended == this->accepted + 1 && closers == 1);
    swap_ring_base<swap_closing<CAPACITY>, CAPACITY, 3>::after();
  }
};
typedef swap_closing<1> swap_closing_of_1;
typedef swap_closing<2> swap_closing_of_2;
MODEL_TEST(swap_closing_of_1, 30000)
MODEL_TEST(swap_closing_of_2, 30000)
