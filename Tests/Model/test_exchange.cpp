/* sl_exchange.h under the model: a parent and its worker. */
#include "exchange_base.hpp"

/* Sizes that need a pad in front of the last one but one, in rings that start 24 bytes before their end. */
static const uint32_t SIZES[] = {8, 0, 8, 8, 0, 8, 8, 8};
static const uint64_t FIRST = UINT64_MAX - 23;

/* Requests in a ring that they go round: the worker sees each in its turn, and whole. */
struct exchange_requests : exchange_base<exchange_requests, 2> {
  enum { ITEMS = 8 };
  void before() { begin(FIRST); }
  void thread(unsigned index) {
    if (index == 0) {
      uint32_t unadmitted = 0;
      for (uint32_t i = 0; i < ITEMS; i++) {
        while (!put(i, SIZES[i])) {
          if (unadmitted > 0) admit(unadmitted);
          unadmitted = 0;
          rl::yield(1, $);
          RL_ASSERT(sl_exchange_refresh_room(&parent));
        }
        unadmitted++;
        if (i < ITEMS - 1 && rl::rand(2) == 0) continue;
        admit(unadmitted);
        unadmitted = 0;
      }
    } else {
      for (uint32_t i = 0; i < ITEMS; i++) {
        while (!sl_exchange_start(&worker)) rl::yield(1, $);
        take(i);
      }
    }
  }
  void after() { RL_ASSERT(sl_exchange_started(&parent) == ITEMS - 1); }
};
MODEL_TEST(exchange_requests, 20000)

/* The same for responses. */
struct exchange_responses : exchange_base<exchange_responses, 2> {
  enum { ITEMS = 8 };
  void before() { begin(FIRST); }
  void thread(unsigned index) {
    for (uint32_t i = 0; i < ITEMS; i++) {
      if (index == 0) {
        while (!get(i)) rl::yield(1, $);
        if (rl::rand(2) == 0 || i % 2 == 1) sl_exchange_release(&parent);
      } else {
        while (!respond(i, SIZES[i])) rl::yield(1, $);
      }
    }
  }
};
MODEL_TEST(exchange_responses, 20000)

/* The parent takes items back while the worker starts some, and writes others over them. */
struct exchange_recall : exchange_base<exchange_recall, 2> {
  enum { BEFORE = 3, AFTER = 2, INSTEAD = 100 };
  rl::var<uint32_t> started_first; /* of the first three, as the parent has it */

  void before() { begin(FIRST); }

  void thread(unsigned index) {
    if (index == 0) {
      uint64_t places[BEFORE];
      for (uint32_t i = 0; i < BEFORE; i++) {
        RL_ASSERT(put(i, SIZES[i]));
        places[i] = parent.request_tail - sl_exchange_record_bytes(SIZES[i]);
      }
      admit(BEFORE);
      uint32_t recalled = sl_exchange_recall(&parent, admitted);
      RL_ASSERT(recalled <= BEFORE);
      uint32_t started = BEFORE - recalled;
      VAR(started_first) = started;
      if (recalled > 0) parent.request_tail = places[started];
      admitted = (admitted - recalled) & (uint32_t)SL_EXCHANGE_COUNT_;
      for (uint32_t i = 0; i < AFTER; i++) {
        while (!put(INSTEAD + i, 8)) {
          rl::yield(1, $);
          RL_ASSERT(sl_exchange_refresh_room(&parent));
        }
        admit(1);
      }
      sl_exchange_close(&segment.facts);
    } else {
      uint32_t first = 0, second = 0;
      for (;;) {
        bool closed = sl_exchange_is_closed(&worker);
        if (sl_exchange_start(&worker)) {
          const sl_exchange_record next = peek();
          if (next.user >= INSTEAD)
            take(INSTEAD + second++);
          else
            take(first++);
        } else if (closed) {
          break;
        } else {
          rl::yield(1, $);
        }
      }
      RL_ASSERT(second == AFTER);
      RL_ASSERT(first == VAR(started_first));
    }
  }
  sl_exchange_record peek() { return sl_exchange_request(&worker); }
};
MODEL_TEST(exchange_recall, 20000)

/* Once somebody knows that the worker is stopped, it starts nothing; what it started before is counted. */
struct exchange_stop : exchange_base<exchange_stop, 3> {
  sl_atomic_u32 has_stopped;
  void before() {
    begin();
    sl_store_relaxed_u32(&has_stopped, 0);
  }
  void thread(unsigned index) {
    if (index == 0) {
      for (uint32_t i = 0; i < 2; i++) {
        RL_ASSERT(put(i, 8));
        admit(1);
      }
      uint32_t recalled = sl_exchange_recall(&parent, admitted);
      RL_ASSERT(recalled <= 2);
    } else if (index == 1) {
      sl_exchange_stop(&segment.facts);
      if (rl::rand(2) == 0) sl_exchange_close(&segment.facts);
      sl_store_release_u32(&has_stopped, 1);
    } else {
      uint32_t n = 0;
      for (int i = 0; i < model::TRIES; i++) {
        bool known = sl_load_acquire_u32(&has_stopped) != 0 || sl_exchange_is_closed(&worker);
        if (!sl_exchange_start(&worker)) continue;
        RL_ASSERT(!known);
        take(n++);
      }
    }
  }
};
MODEL_TEST(exchange_stop, 20000)

/* The worker sleeps until there is an item or the end; it gets all of them. */
template <uint32_t ITEMS> struct exchange_worker_waits_for_items : exchange_base<exchange_worker_waits_for_items<ITEMS>, 2> {
  void thread(unsigned index) {
    if (index == 0) {
      for (uint32_t i = 0; i < ITEMS; i++) {
        RL_ASSERT(this->put(i, 8));
        this->admit(1);
        this->wake_worker();
      }
      sl_exchange_close(&this->segment.facts);
      this->wake_worker();
      return;
    }
    uint32_t n = 0;
    for (bool started = true; started;) {
      started = false;
      this->worker_waits([&] { return (started = sl_exchange_start(&this->worker)) || sl_exchange_is_closed(&this->worker); });
      if (!started) started = sl_exchange_start(&this->worker); /* admitted before the close */
      if (started) this->take(n++);
    }
    RL_ASSERT(n == ITEMS);
  }
};
typedef exchange_worker_waits_for_items<1> exchange_worker_waits_for_one;
typedef exchange_worker_waits_for_items<2> exchange_worker_waits_for_two;
MODEL_TEST_EXHAUSTIVE(exchange_worker_waits_for_one, 100000)
MODEL_TEST(exchange_worker_waits_for_two, 20000)

/* The worker sleeps until there is room for its response. */
struct exchange_worker_waits_for_room : exchange_base<exchange_worker_waits_for_room, 2> {
  enum { ITEMS = 6, ROOM = 4 };
  void thread(unsigned index) {
    for (uint32_t i = 0; i < ITEMS; i++) {
      if (index == 1) {
        if (!respond(i, 8)) worker_waits([&] { return respond(i, 8); });
      } else {
        while (!get(i)) rl::yield(1, $);
        if (i + 1 < ROOM) continue; /* it is full by then, if the worker is quick */
        sl_exchange_release(&parent);
        wake_worker();
      }
    }
  }
};
MODEL_TEST(exchange_worker_waits_for_room, 20000)

/* The worker sleeps until it may write another response. */
struct exchange_worker_waits_to_go_on : exchange_base<exchange_worker_waits_to_go_on, 2> {
  enum { RESPONSES = 3 };
  rl::var<int> allowed;
  void before() {
    begin();
    VAR(allowed) = 1;
  }
  void thread(unsigned index) {
    if (index == 0) {
      for (uint32_t n = 2; n <= RESPONSES; n++) {
        sl_exchange_limit_output(&parent, n);
        wake_worker();
      }
      return;
    }
    for (uint32_t written = 0; written < RESPONSES; written++) {
      if (sl_exchange_may_go_on(&worker, written)) continue;
      worker_waits([&] { return sl_exchange_may_go_on(&worker, written); });
    }
    RL_ASSERT(!sl_exchange_may_go_on(&worker, RESPONSES));
  }
};
MODEL_TEST(exchange_worker_waits_to_go_on, 20000)
MODEL_TEST_EXHAUSTIVE(exchange_worker_waits_to_go_on, 10000)

/* The parent sleeps until there is a response. The worker wakes it now and then only, but before it sleeps itself. */
struct exchange_parent_waits : exchange_base<exchange_parent_waits, 2> {
  enum { ITEMS = 3 };
  void thread(unsigned index) {
    if (index == 0) {
      for (uint32_t i = 0; i < ITEMS; i++)
        if (!get(i)) {
          parent_waits([&] { return sl_exchange_has_response(&parent); });
          RL_ASSERT(get(i));
        }
      sl_exchange_close(&segment.facts);
      wake_worker();
      return;
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
      RL_ASSERT(respond(i, 8));
      if (sl_exchange_parent_is_asleep(&worker) && rl::rand(2) == 0) wake_parent();
    }
    worker_waits([&] { return sl_exchange_is_closed(&worker); });
  }
};
MODEL_TEST(exchange_parent_waits, 20000)

/* A joining stage answers nothing until its end: its parent sleeps until all items are started. */
struct exchange_parent_waits_for_starts : exchange_base<exchange_parent_waits_for_starts, 2> {
  enum { ITEMS = 2 };
  void thread(unsigned index) {
    if (index == 0) {
      for (uint32_t i = 0; i < ITEMS; i++) {
        RL_ASSERT(put(i, 8));
        admit(1);
        wake_worker();
        parent_waits([&] { return !sl_exchange_has_item(&parent); });
        RL_ASSERT(sl_exchange_started(&parent) == i);
      }
      sl_exchange_close(&segment.facts);
      wake_worker();
      return;
    }
    uint32_t n = 0;
    for (bool started = true; started;) {
      started = false;
      worker_waits([&] { return (started = sl_exchange_start(&worker)) || sl_exchange_is_closed(&worker); });
      if (!started) started = sl_exchange_start(&worker);
      if (started) take(n++);
    }
    RL_ASSERT(n == ITEMS);
  }
};
MODEL_TEST(exchange_parent_waits_for_starts, 20000)

/* There and back, both asleep in turn. */
struct exchange_there_and_back : exchange_base<exchange_there_and_back, 2> {
  enum { ITEMS = 2 };
  void thread(unsigned index) {
    if (index == 0) {
      for (uint32_t i = 0; i < ITEMS; i++) {
        RL_ASSERT(put(i, 8));
        admit(1);
        wake_worker();
        parent_waits([&] { return sl_exchange_has_response(&parent); });
        RL_ASSERT(get(i));
        sl_exchange_release(&parent);
      }
      return;
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
      worker_waits([&] { return sl_exchange_start(&worker); });
      take(i);
      RL_ASSERT(respond(i, 8));
    }
    sl_exchange_publish(&worker);
    wake_parent();
  }
};
MODEL_TEST(exchange_there_and_back, 20000)
