/* sl_unbounded_queue.c under the model: segments linked, drained, retired and used again. */
#include "unbounded_queue_base.hpp"

/* Each producer's elements come out in order. */
template <unsigned PRODUCERS, unsigned CONSUMERS, int EACH>
struct unbounded_fifo : unbounded_base<unbounded_fifo<PRODUCERS, CONSUMERS, EACH>, PRODUCERS + CONSUMERS> {
  void work(unsigned index) {
    if (index < PRODUCERS) {
      for (int i = 0; i < EACH; i++) RL_ASSERT(this->enqueue(index * 8 + i) == SL_OK);
      return;
    }
    int last[PRODUCERS];
    for (int &each : last) each = -1;
    for (int tries = 0; tries < EACH + 2; tries++) {
      int element = this->dequeue();
      if (element < 0) continue;
      RL_ASSERT(element % 8 > last[element / 8]);
      last[element / 8] = element % 8;
    }
  }
};
typedef unbounded_fifo<1, 1, 5> unbounded_one_to_one;
typedef unbounded_fifo<2, 1, 3> unbounded_two_producers;
typedef unbounded_fifo<1, 2, 5> unbounded_two_consumers;
MODEL_TEST(unbounded_one_to_one, 20000)
MODEL_TEST(unbounded_two_producers, 20000)
MODEL_TEST(unbounded_two_consumers, 40000)

/* What was accepted comes out before the end, which comes; what was done before the close is then seen. */
struct unbounded_closing : unbounded_base<unbounded_closing, 3> {
  rl::var<int> before_close;
  void before() {
    unbounded_base<unbounded_closing, 3>::before();
    VAR(before_close) = 0;
  }
  void work(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < 3; i++)
        if (enqueue(i) == SL_CLOSED) {
          RL_ASSERT(VAR(before_close) == 1);
          break;
        }
    } else if (index == 1) {
      VAR(before_close) = 1;
      RL_ASSERT(sl_unbounded_queue_close(queue));
      RL_ASSERT(!sl_unbounded_queue_close(queue));
      RL_ASSERT(enqueue(8) == SL_CLOSED && sl_unbounded_queue_is_closed(queue));
    } else {
      int element;
      while ((element = dequeue()) != -2) rl::yield(1, $);
      RL_ASSERT(VAR(before_close) == 1);
    }
  }
  void after() {
    model::rcu_end();
    RL_ASSERT(dequeue() == -2);
    unbounded_base<unbounded_closing, 3>::after();
  }
};
MODEL_TEST(unbounded_closing, 20000)

/* Who learns of the close, in whatever way, sees what came before it. */
struct unbounded_close_carries : unbounded_base<unbounded_close_carries, 3> {
  rl::var<int> before_close;
  void before() {
    unbounded_base<unbounded_close_carries, 3>::before();
    VAR(before_close) = 0;
  }
  void work(unsigned index) {
    bool learnt;
    if (index == 0) {
      VAR(before_close) = 1;
      sl_unbounded_queue_close(queue);
      return;
    } else if (index == 1) {
      learnt = dequeue() == -2;
    } else {
      learnt = rl::rand(2) == 0 ? sl_unbounded_queue_is_closed(queue) : enqueue(0) == SL_CLOSED;
    }
    if (learnt) RL_ASSERT(VAR(before_close) == 1);
  }
};
MODEL_TEST(unbounded_close_carries, 20000)

/* Two close: one of them is told so. */
struct unbounded_closed_once : unbounded_base<unbounded_closed_once, 3> {
  int closers;
  void before() {
    unbounded_base<unbounded_closed_once, 3>::before();
    closers = 0;
  }
  void work(unsigned index) {
    if (index < 2)
      closers += sl_unbounded_queue_close(queue);
    else
      for (int i = 0; i < 3; i++) enqueue(i);
  }
  void after() {
    RL_ASSERT(closers == 1);
    unbounded_base<unbounded_closed_once, 3>::after();
  }
};
MODEL_TEST(unbounded_closed_once, 20000)

/* One closes, or asks whether it is closed, or counts, when the producer is about to link a segment or has just
 * done so; a second producer finds the tail that either of them has moved. */
struct unbounded_linking : unbounded_base<unbounded_linking, 3, 2> {
  model::signpost enqueued;
  void before() {
    unbounded_base<unbounded_linking, 3, 2>::before();
    enqueued.reach(0);
  }
  void work(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < 4; i++) {
        enqueued.reach(i);
        if (enqueue(i) != SL_OK) break;
      }
      enqueued.reach(4);
      return;
    }
    enqueued.await(2);
    if (index == 1) {
      switch (rl::rand(4)) {
        case 0: RL_ASSERT(sl_unbounded_queue_count(queue) <= 8); break;
        case 1: RL_ASSERT(!sl_unbounded_queue_is_closed(queue)); break;
        default: RL_ASSERT(sl_unbounded_queue_close(queue)); break;
      }
    } else {
      enqueue(8);
    }
  }
};
MODEL_TEST(unbounded_linking, 80000)

/* A consumer, or one who closes, moves the tail on for a producer that has just linked a segment, and a third
 * thread follows it: to count, which is the shortest way. */
template <bool CLOSES> struct unbounded_pulled : unbounded_base<unbounded_pulled<CLOSES>, 3, 2> {
  model::signpost step;
  void before() {
    unbounded_base<unbounded_pulled, 3, 2>::before();
    step.reach(0);
    for (int i = 0; i < 2; i++) this->enqueue(i);
    if (!CLOSES)
      for (int i = 0; i < 2; i++) this->dequeue();
  }
  void work(unsigned index) {
    if (index == 0) {
      this->enqueue(2);
    } else if (index == 1) {
      while (sl_load_relaxed_u64(&as_segment(sl_load_relaxed_u64(&this->queue->head))->next) == 0) rl::yield(1, $);
      step.reach(1);
      if (CLOSES)
        sl_unbounded_queue_close(this->queue);
      else
        this->dequeue();
    } else {
      step.await(1);
      for (int i = 0; i < 3; i++) RL_ASSERT(sl_unbounded_queue_count(this->queue) <= 4);
    }
  }
};
typedef unbounded_pulled<false> unbounded_pulled_by_consumer;
typedef unbounded_pulled<true> unbounded_pulled_by_closer;
MODEL_TEST(unbounded_pulled_by_consumer, 20000)
MODEL_TEST(unbounded_pulled_by_closer, 20000)

/* There is an element in the queue at any time: nobody finds it empty, nor counts none. */
template <int AT_FIRST> struct unbounded_never_empty : unbounded_base<unbounded_never_empty<AT_FIRST>, 2, 2> {
  model::signpost rounds;
  void before() {
    unbounded_base<unbounded_never_empty, 2, 2>::before();
    rounds.reach(0);
    for (int i = 0; i < AT_FIRST; i++) this->enqueue(i);
  }
  void work(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < 4; i++) {
        rounds.reach(i);
        this->enqueue(AT_FIRST + i);
        RL_ASSERT(this->dequeue() >= 0);
      }
      return;
    }
    rounds.await(rl::rand(4));
    if (rl::rand(2) == 0)
      RL_ASSERT(sl_unbounded_queue_count(this->queue) > 0);
    else
      RL_ASSERT(this->dequeue() >= 0);
  }
};
typedef unbounded_never_empty<1> unbounded_never_empty_1;
typedef unbounded_never_empty<2> unbounded_never_empty_2;
MODEL_TEST(unbounded_never_empty_1, 20000)
MODEL_TEST(unbounded_never_empty_2, 20000)

/* Segments are retired by two threads, two at a time. */
struct unbounded_batches : unbounded_base<unbounded_batches, 3, 2> {
  void work(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < 8; i++) enqueue(i);
    } else {
      for (int tries = 0; tries < 6; tries++) dequeue();
    }
  }
};
MODEL_TEST(unbounded_batches, 20000)

/* The last one to leave destroys the queue, and does not wait for what is on its way through call_rcu. */
struct unbounded_destroyed : unbounded_base<unbounded_destroyed, 2> {
  sl_atomic_u32 users;
  void before() {
    unbounded_base<unbounded_destroyed, 2>::before();
    sl_store_relaxed_u32(&users, 2);
  }
  void work(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < 5; i++) enqueue(i);
    } else {
      for (int tries = 0; tries < 7; tries++) dequeue();
    }
    if (sl_fetch_sub_acq_rel_u32(&users, 1) > 1) return;
    while (dequeue() >= 0) {}
    sl_unbounded_queue_destroy(queue);
    queue = nullptr;
  }
};
MODEL_TEST(unbounded_destroyed, 20000)

/* A third thread counts: never more than is in it, nor after it is closed. */
struct unbounded_counted : unbounded_base<unbounded_counted, 3> {
  void work(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < 3; i++) enqueue(i);
    } else if (index == 1) {
      for (int tries = 0; tries < 4; tries++) dequeue();
    } else {
      RL_ASSERT(sl_unbounded_queue_count(queue) <= 8);
      RL_ASSERT(!sl_unbounded_queue_is_closed(queue));
    }
  }
};
MODEL_TEST(unbounded_counted, 20000)

/* Numbered: none is given twice, none is left out, and each producer's elements have theirs in order. A number
 * without an element is a cell that was given up. */
template <unsigned PRODUCERS, unsigned CONSUMERS>
struct unbounded_numbered : unbounded_base<unbounded_numbered<PRODUCERS, CONSUMERS>, PRODUCERS + CONSUMERS> {
  typedef unbounded_base<unbounded_numbered, PRODUCERS + CONSUMERS> base;
  enum { EACH = 3, MOST = 32 };
  int given[MOST], number_of[base::ELEMENTS];

  void before() {
    base::before();
    memset(given, 0, sizeof given);
    for (int &each : number_of) each = -1;
  }
  bool dequeue_numbered() {
    sl_unbounded_ticket ticket;
    uint64_t number;
    if (sl_unbounded_queue_try_take_numbered(this->queue, &ticket, &number) != SL_OK) return false;
    RL_ASSERT(number < MOST && ++given[number] == 1);
    if (ticket.element == NULL) return true;
    int element = VAR((*(model_element *)ticket.element));
    sl_unbounded_queue_release(this->queue, &ticket);
    RL_ASSERT(++this->taken[element] == 1);
    number_of[element] = (int)number;
    return true;
  }
  void work(unsigned index) {
    if (index < PRODUCERS) {
      for (int i = 0; i < EACH; i++) RL_ASSERT(this->enqueue((int)index * 8 + i) == SL_OK);
      return;
    }
    for (int tries = 0; tries < EACH + 2; tries++) dequeue_numbered();
  }
  void after() {
    model::rcu_end();
    while (dequeue_numbered()) {}
    int numbers = 0;
    while (numbers < MOST && given[numbers] == 1) numbers++;
    for (int n = numbers; n < MOST; n++) RL_ASSERT(given[n] == 0);
    for (unsigned producer = 0; producer < PRODUCERS; producer++)
      for (int i = 0; i < EACH; i++) {
        RL_ASSERT(this->taken[producer * 8 + i] == 1);
        if (i > 0) RL_ASSERT(number_of[producer * 8 + i] > number_of[producer * 8 + i - 1]);
      }
    base::after();
  }
};
typedef unbounded_numbered<1, 2> unbounded_numbered_by_one;
typedef unbounded_numbered<2, 2> unbounded_numbered_by_two;
MODEL_TEST(unbounded_numbered_by_one, 20000)
MODEL_TEST(unbounded_numbered_by_two, 20000)
