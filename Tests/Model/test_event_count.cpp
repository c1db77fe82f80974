/* sl_event_count.h under the model: who announces itself and sleeps is woken. */
#include "system.hpp"

#include "sl_event_count.h"
#include "sl_inbox.h"

/* Waiters that sleep on a word each; a condition that orders nothing by itself. */
/* With _seldom and _often, or without; or each waiter is looked at by itself. */
enum announcing { PLAIN, SELDOM, SELDOM_SYMMETRIC, EACH };

template <typename Suite, announcing KIND, unsigned WAITERS, unsigned THREADS>
struct event_base : rl::test_suite<Suite, THREADS> {
  sl_atomic_u64 word;
  sl_event_count event;
  sl_atomic_u32 permits;
  sl_atomic_u32 woken[WAITERS];
  rl::var<int> before_change, before_wait[WAITERS];

  void before() {
    model::begin_system(KIND == SELDOM ? model::ASYMMETRIC : model::SYMMETRIC);
    sl_event_count_init(&event, &word, WAITERS);
    sl_store_relaxed_u32(&permits, 0);
    for (auto &w : woken) sl_store_relaxed_u32(&w, 0);
    VAR(before_change) = 0;
    for (auto &each : before_wait) VAR(each) = 0;
  }

  void after() { RL_ASSERT(sl_load_relaxed_u64(&word) == 0 && sl_load_relaxed_u32(&permits) == 0); }

  bool try_get() {
    uint32_t n = sl_load_relaxed_u32(&permits);
    while (n > 0)
      if (sl_cas_relaxed_u32(&permits, &n, n - 1)) return true;
    return false;
  }

  void sleep(uint32_t waiter) {
    while (sl_load_acquire_u32(&woken[waiter]) == 0) sl_futex_wait(&woken[waiter], 0, UINT64_MAX);
    sl_exchange_acquire_u32(&woken[waiter], 0); /* and whoever woke it meanwhile */
  }

  void wake(uint32_t waiter) {
    sl_store_release_u32(&woken[waiter], 1);
    sl_futex_wake(&woken[waiter], 1);
  }

  /* Gets a permit. */
  void wait(uint32_t waiter) {
    while (!try_get()) {
      VAR(before_wait[waiter]) = 1;
      if (KIND == SELDOM || KIND == SELDOM_SYMMETRIC)
        sl_event_count_announce_seldom(&event, waiter);
      else
        sl_event_count_announce(&event, waiter);
      if (try_get()) {
        if (!sl_event_count_retract(&event, waiter)) {
          RL_ASSERT(VAR(before_change) == 1);
          notify(); /* somebody else may need it */
        }
        return;
      }
      sleep(waiter);
    }
  }

  void notify() {
    if (KIND == EACH) return notify_each();
    if (KIND != PLAIN && !sl_event_count_has_any_often(&event)) return;
    uint32_t waiter = KIND != PLAIN ? sl_event_count_take_from(&event, 1) : sl_event_count_take(&event);
    if (waiter == SL_EVENT_COUNT_NONE) return;
    RL_ASSERT(VAR(before_wait[waiter]) == 1);
    wake(waiter);
  }

  void notify_each() {
    sl_fence_seq_cst();
    for (uint32_t waiter = 0; waiter < WAITERS; waiter++) {
      if (!sl_event_count_take_waiter(&event, waiter)) continue;
      RL_ASSERT(VAR(before_wait[waiter]) == 1);
      return wake(waiter);
    }
  }
};

/* One waits, one changes the condition and notifies. */
template <announcing KIND> struct event_one_waiter : event_base<event_one_waiter<KIND>, KIND, 1, 2> {
  void thread(unsigned index) {
    if (index == 0) return this->wait(0);
    VAR(this->before_change) = 1;
    sl_fetch_add_relaxed_u32(&this->permits, 1);
    this->notify();
  }
};
typedef event_one_waiter<PLAIN> event_wakes_one;
typedef event_one_waiter<SELDOM> event_wakes_one_seldom;
typedef event_one_waiter<SELDOM_SYMMETRIC> event_wakes_one_symmetric;
typedef event_one_waiter<EACH> event_wakes_this_one;
MODEL_TEST(event_wakes_one, 30000)
MODEL_TEST_EXHAUSTIVE(event_wakes_one, 100000)
MODEL_TEST(event_wakes_one_seldom, 30000)
MODEL_TEST_EXHAUSTIVE(event_wakes_one_seldom, 100000)
MODEL_TEST(event_wakes_one_symmetric, 30000)
MODEL_TEST(event_wakes_this_one, 30000)
MODEL_TEST_EXHAUSTIVE(event_wakes_this_one, 100000)

/* A waiter that is woken in another way, as by a close, takes its bit back before it goes on. */
struct event_closed : event_base<event_closed, PLAIN, 2, 3> {
  sl_atomic_u32 is_closed;
  void before() {
    event_base<event_closed, PLAIN, 2, 3>::before();
    sl_store_relaxed_u32(&is_closed, 0);
  }
  void thread(unsigned index) {
    if (index == 2) {
      VAR(before_change) = 1;
      if (rl::rand(2) == 0) {
        sl_fetch_add_relaxed_u32(&permits, 1);
        notify();
      }
      sl_store_relaxed_u32(&is_closed, 1);
      for (uint32_t waiter = 0; waiter < 2; waiter++) wake(waiter);
      return;
    }
    while (sl_load_relaxed_u32(&is_closed) == 0) {
      VAR(before_wait[index]) = 1;
      sl_event_count_announce(&event, index);
      if (sl_load_relaxed_u32(&is_closed) == 0) sleep(index);
      if (sl_event_count_is_announced(&event, index)) sl_event_count_retract(&event, index);
    }
  }
  void after() {
    while (try_get()) {}
    event_base<event_closed, PLAIN, 2, 3>::after();
  }
};
MODEL_TEST(event_closed, 20000)

/* Two wait, two permits come. */
template <announcing KIND> struct event_two_waiters : event_base<event_two_waiters<KIND>, KIND, 2, 3> {
  void thread(unsigned index) {
    if (index < 2) return this->wait(index);
    VAR(this->before_change) = 1;
    for (int i = 0; i < 2; i++) {
      sl_fetch_add_relaxed_u32(&this->permits, 1);
      this->notify();
    }
  }
};
typedef event_two_waiters<PLAIN> event_wakes_two;
typedef event_two_waiters<SELDOM> event_wakes_two_seldom;
typedef event_two_waiters<EACH> event_wakes_each;
MODEL_TEST(event_wakes_two, 30000)
MODEL_TEST(event_wakes_two_seldom, 30000)
MODEL_TEST(event_wakes_each, 30000)

/* The notifier has no barrier, and the waiter's is an ordinary fence: it may be overlooked, until a third thread passes
 * the process-wide barrier and looks at the condition for it. The waiter's fence makes that seldom, and is not what
 * this relies on: without the barrier, which is a mutant of its own, the waiter sleeps for ever. */
struct event_looked_at_later : event_base<event_looked_at_later, SELDOM, 1, 3> {
  sl_atomic_u32 is_listed;

  void before() {
    event_base<event_looked_at_later, SELDOM, 1, 3>::before();
    sl_store_relaxed_u32(&is_listed, 0);
  }

  void wait_listed() {
    VAR(before_wait[0]) = 1;
    sl_event_count_announce(&event, 0);
    sl_store_release_u32(&is_listed, 1);
    if (try_get()) {
      sl_event_count_retract(&event, 0);
      return;
    }
    sleep(0);
    if (!try_get()) RL_ASSERT(false);
  }

  void look_later() {
    while (sl_load_acquire_u32(&is_listed) == 0) rl::yield(1, $);
    sl_process_barrier();
    if (sl_event_count_is_announced(&event, 0) && sl_load_relaxed_u32(&permits) > 0 &&
        sl_event_count_take_waiter(&event, 0))
      wake(0);
  }

  void thread(unsigned index) {
    if (index == 0) return wait_listed();
    if (index == 1) return look_later();
    VAR(before_change) = 1;
    sl_fetch_add_relaxed_u32(&permits, 1);
    if (!sl_event_count_has_any_often(&event)) return;
    uint32_t waiter = sl_event_count_take_from(&event, 0);
    if (waiter != SL_EVENT_COUNT_NONE) wake(waiter);
  }

  void after() {
    /* Whoever found the permit by itself may have been woken as well. */
    sl_store_relaxed_u32(&permits, 0);
    event_base<event_looked_at_later, SELDOM, 1, 3>::after();
  }
};
MODEL_TEST(event_looked_at_later, 30000)
MODEL_TEST_EXHAUSTIVE(event_looked_at_later, 500000)

/* The same as the engine does it: the waiter waits again and again, and each time puts itself into the inbox of the
 * third thread, where it may still be from the time before. */
struct event_watched : event_base<event_watched, SELDOM, 1, 3> {
  enum { PERMITS = 2 };
  sl_inbox inbox;
  sl_inbox_node node;
  sl_atomic_u32 is_over;

  void before() {
    event_base<event_watched, SELDOM, 1, 3>::before();
    sl_inbox_init(&inbox);
    sl_inbox_node_init(&node, NULL);
    sl_store_relaxed_u32(&is_over, 0);
  }

  void wait_watched() {
    while (!try_get()) {
      sl_event_count_announce(&event, 0);
      sl_inbox_put(&inbox, &node);
      bool is_ready = try_get();
      if (!is_ready) sleep(0);
      if (sl_event_count_is_announced(&event, 0)) sl_event_count_retract(&event, 0);
      if (is_ready) return;
    }
  }

  void watch() {
    while (sl_load_relaxed_u32(&is_over) == 0) {
      sl_inbox_node *first = sl_inbox_take_all(&inbox);
      if (first == NULL) {
        rl::yield(1, $);
        continue;
      }
      sl_inbox_take_out(first);
      sl_process_barrier();
      if (!sl_event_count_is_announced(&event, 0) || sl_load_relaxed_u32(&permits) == 0) continue;
      if (!sl_event_count_take_waiter(&event, 0)) continue;
      RL_ASSERT(VAR(before_wait[0]) == 1);
      wake(0);
    }
  }

  void thread(unsigned index) {
    if (index == 0) {
      VAR(before_wait[0]) = 1; /* once: who took an earlier announcement may be late to read it */
      for (int i = 0; i < PERMITS; i++) wait_watched();
      sl_store_relaxed_u32(&is_over, 1);
    } else if (index == 1) {
      watch();
    } else {
      for (int i = 0; i < PERMITS; i++) {
        sl_fetch_add_relaxed_u32(&permits, 1);
        notify();
      }
    }
  }
};
MODEL_TEST(event_watched, 30000)

/* Patience, as a worker announces it (Worker+Waiting.swift): a flag that all who wait share, and that only stands while
 * they all wait patiently. One begins a patient wait while the other begins one that is not. */
struct event_patience : rl::test_suite<event_patience, 2> {
  sl_atomic_u64 word;
  sl_event_count event;
  sl_atomic_u32 is_patient;

  void before() {
    model::begin_system(model::SYMMETRIC);
    sl_event_count_init(&event, &word, 2);
    sl_store_relaxed_u32(&is_patient, 0);
  }

  void after() {
    RL_ASSERT(sl_event_count_is_announced(&event, 0) && sl_event_count_is_announced(&event, 1));
    RL_ASSERT(sl_load_relaxed_u32(&is_patient) == 0);
  }

  void thread(unsigned index) {
    bool wants = index == 0, begins = wants && !sl_event_count_has_any(&event);
    if (begins != (sl_load_relaxed_u32(&is_patient) != 0) && (begins || !wants)) {
      sl_store_relaxed_u32(&is_patient, begins);
    }
    sl_event_count_announce(&event, index);
    if (sl_load_relaxed_u32(&is_patient) == 0) return;
    if (!wants || (begins && sl_event_count_has_other(&event, index))) sl_store_relaxed_u32(&is_patient, 0);
  }
};
MODEL_TEST(event_patience, 20000)
MODEL_TEST_EXHAUSTIVE(event_patience, 100000)
