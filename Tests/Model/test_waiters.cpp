/* sl_waiters.h under the model: threads and callbacks that wait, with and without an end. */
#include "objects.hpp"
#include "system.hpp"

#include "sl_waiters.h"

#include <stdlib.h>

static bool no_memory;
#define malloc(bytes) (no_memory ? nullptr : model::make<sl_waiters_page>())
#undef free
#define free(page) model::unmake(page)
#include "../../CSupport/sl_waiters.c"
#undef free

/* A number of permits to wait for; it orders nothing by itself. */
template <typename Suite, unsigned THREADS, model::barriers BARRIERS>
struct waiters_base : rl::test_suite<Suite, THREADS> {
  sl_waiters waiters;
  sl_atomic_u32 permits;

  void before() {
    model::begin_system(BARRIERS);
    no_memory = false;
    sl_waiters_init(&waiters);
    sl_store_relaxed_u32(&permits, 0);
  }

  void after() {
    RL_ASSERT(sl_load_relaxed_u64(&waiters.first_.announced_) == 0);
    sl_waiters_destroy(&waiters);
  }

  bool try_get() {
    uint32_t n = sl_load_relaxed_u32(&permits);
    while (n > 0)
      if (sl_cas_relaxed_u32(&permits, &n, n - 1)) return true;
    return false;
  }

  bool get(uint64_t timeout) {
    sl_wait wait;
    bool got;
    sl_wait_begin(&wait, &waiters, timeout);
    while (!(got = try_get()))
      if (!sl_wait_step(&wait)) break;
    sl_wait_end(&wait);
    return got;
  }

  void put(uint32_t n) {
    sl_fetch_add_relaxed_u32(&permits, n);
    sl_waiters_notify(&waiters, n);
  }
};

/* Two wait, two permits come, one by one or both at once. */
template <model::barriers BARRIERS, bool AT_ONCE>
struct waiters_two : waiters_base<waiters_two<BARRIERS, AT_ONCE>, 3, BARRIERS> {
  void thread(unsigned index) {
    if (index < 2) {
      RL_ASSERT(this->get(UINT64_MAX));
    } else if (AT_ONCE) {
      this->put(2);
    } else {
      this->put(1);
      this->put(1);
    }
  }
};
typedef waiters_two<model::ASYMMETRIC, false> waiters_woken;
typedef waiters_two<model::ASYMMETRIC, true> waiters_woken_at_once;
typedef waiters_two<model::SYMMETRIC, false> waiters_woken_symmetric;
MODEL_TEST(waiters_woken, 30000)
MODEL_TEST(waiters_woken_at_once, 20000)
MODEL_TEST(waiters_woken_symmetric, 20000)

/* One's time may be over just when it is notified; the notification then goes to the other. */
struct waiters_timed : waiters_base<waiters_timed, 3, model::ASYMMETRIC> {
  void thread(unsigned index) {
    if (index == 0) {
      if (get(5)) put(1);
    } else if (index == 1) {
      RL_ASSERT(get(UINT64_MAX));
    } else {
      put(1);
    }
  }
};
MODEL_TEST(waiters_timed, 60000)

/* There is one free seat in the first page: another page is made, once. */
struct waiters_paged : waiters_base<waiters_paged, 3, model::ASYMMETRIC> {
  void before() {
    waiters_base<waiters_paged, 3, model::ASYMMETRIC>::before();
    sl_store_relaxed_u64(&waiters.first_.used_, UINT64_MAX - 1);
  }
  void thread(unsigned index) {
    if (index < 2)
      RL_ASSERT(get(UINT64_MAX));
    else
      for (int i = 0; i < 2; i++) put(1);
  }
};
MODEL_TEST(waiters_paged, 30000)

/* The first page is full: two make the second one, and one of them throws its own away. */
struct waiters_beyond : waiters_base<waiters_beyond, 3, model::SYMMETRIC> {
  void before() {
    waiters_base<waiters_beyond, 3, model::SYMMETRIC>::before();
    sl_store_relaxed_u64(&waiters.first_.used_, UINT64_MAX);
  }
  void thread(unsigned index) {
    if (index < 2)
      RL_ASSERT(get(UINT64_MAX));
    else
      for (int i = 0; i < 2; i++) put(1);
  }
};
MODEL_TEST(waiters_beyond, 30000)

/* Waits with a callback, which stands for a task that is resumed. */
struct callback_waiter {
  sl_atomic_u32 resumed;
  rl::var<int> calls;

  static void wake(void *context) {
    callback_waiter *self = (callback_waiter *)context;
    VAR(self->calls) = VAR(self->calls) + 1;
    sl_store_release_u32(&self->resumed, 1);
    sl_futex_wake(&self->resumed, 1);
  }

  void init() {
    sl_store_relaxed_u32(&resumed, 0);
    VAR(calls) = 0;
  }

  /* Until it is woken. */
  void suspend(sl_wait *wait) {
    int before = VAR(calls);
    if (sl_wait_suspend(wait, wake, this)) {
      while (sl_load_acquire_u32(&resumed) == 0) sl_futex_wait(&resumed, 0, UINT64_MAX);
      sl_store_relaxed_u32(&resumed, 0);
      RL_ASSERT(VAR(calls) == before + 1);
    }
    sl_wait_resumed(wait);
  }
};

/* Two callbacks, one seat after the other by both of them. */
template <model::barriers BARRIERS> struct waiters_callbacks : waiters_base<waiters_callbacks<BARRIERS>, 3, BARRIERS> {
  callback_waiter callbacks[2];
  void before() {
    waiters_base<waiters_callbacks, 3, BARRIERS>::before();
    for (auto &each : callbacks) each.init();
  }
  void wait_with_callback(unsigned index) {
    sl_wait wait;
    sl_wait_begin(&wait, &this->waiters, UINT64_MAX);
    while (!this->try_get()) {
      RL_ASSERT(sl_wait_announce(&wait));
      if (this->try_get()) break;
      callbacks[index].suspend(&wait);
    }
    sl_wait_end(&wait);
  }
  void thread(unsigned index) {
    if (index < 2) return wait_with_callback(index);
    this->put(1);
    this->put(1);
  }
};
typedef waiters_callbacks<model::ASYMMETRIC> waiters_called;
typedef waiters_callbacks<model::SYMMETRIC> waiters_called_symmetric;
MODEL_TEST(waiters_called, 30000)
MODEL_TEST(waiters_called_symmetric, 20000)

/* Seats change hands, and a page is made when the only one left is taken; nothing else is heard here. */
struct waiters_seats : waiters_base<waiters_seats, 3, model::SYMMETRIC> {
  void before() {
    waiters_base<waiters_seats, 3, model::SYMMETRIC>::before();
    sl_store_relaxed_u64(&waiters.first_.used_, UINT64_MAX - 1);
  }
  void thread(unsigned) {
    sl_wait wait;
    sl_wait_begin(&wait, &waiters, UINT64_MAX);
    RL_ASSERT(take_seat(&wait));
    seat_of(&wait)->context_ = this;
    leave_seat(&wait);
  }
};
MODEL_TEST(waiters_seats, 30000)

/* There is no seat, and no memory for one: who waits looks now and then. */
struct waiters_without_memory : waiters_base<waiters_without_memory, 2, model::ASYMMETRIC> {
  void before() {
    waiters_base<waiters_without_memory, 2, model::ASYMMETRIC>::before();
    sl_store_relaxed_u64(&waiters.first_.used_, UINT64_MAX);
    no_memory = true;
  }
  void thread(unsigned index) {
    if (index == 0)
      RL_ASSERT(get(UINT64_MAX));
    else
      put(1);
  }
};
MODEL_TEST(waiters_without_memory, 2000)

/* There is more than one core: a waiter spins, for as long as that has helped. */
struct waiters_spinning : waiters_base<waiters_spinning, 3, model::ASYMMETRIC> {
  void before() {
    waiters_base<waiters_spinning, 3, model::ASYMMETRIC>::before();
    waiters.most_spins_ = 3;
    sl_store_relaxed_u32(&waiters.spin_limit_, 3);
  }
  void thread(unsigned index) {
    if (index < 2)
      for (int i = 0; i < 2; i++) RL_ASSERT(get(UINT64_MAX));
    else
      for (int i = 0; i < 4; i++) put(1);
  }
  void after() {
    RL_ASSERT(sl_load_relaxed_u32(&waiters.spin_limit_) <= 3);
    waiters_base<waiters_spinning, 3, model::ASYMMETRIC>::after();
  }
};
MODEL_TEST(waiters_spinning, 10000)

/* Who follows the link to a page that another thread has just made, and takes a seat before any seat there
 * has been given back. (Making a page takes so many steps that no random schedule has it otherwise.) */
struct waiters_followed : waiters_base<waiters_followed, 2, model::SYMMETRIC> {
  void before() {
    waiters_base<waiters_followed, 2, model::SYMMETRIC>::before();
    sl_store_relaxed_u64(&waiters.first_.used_, UINT64_MAX);
  }
  void thread(unsigned index) {
    if (index == 1)
      while (sl_load_relaxed_u64(&waiters.first_.next_) == 0) rl::yield(1, $);
    sl_wait wait;
    sl_wait_begin(&wait, &waiters, UINT64_MAX);
    RL_ASSERT(take_seat(&wait));
    seat_of(&wait)->context_ = this;
  }
};
MODEL_TEST(waiters_followed, 2000)

/* A callback that may be cancelled, at any moment from its announcing to its end. */
struct waiters_cancelled : waiters_base<waiters_cancelled, 3, model::ASYMMETRIC> {
  enum { OUTSIDE, INSIDE, CANCELLING, CANCELLED };
  callback_waiter callback;
  sl_wait cancellable;
  sl_atomic_u32 state;

  void before() {
    waiters_base<waiters_cancelled, 3, model::ASYMMETRIC>::before();
    callback.init();
    sl_store_relaxed_u32(&state, OUTSIDE);
  }

  void thread(unsigned index) {
    if (index == 0) {
      wait_or_be_cancelled();
    } else if (index == 1) {
      RL_ASSERT(get(UINT64_MAX));
    } else if (rl::rand(2) == 0) {
      put(1);
      cancel();
    } else {
      cancel();
      put(1);
    }
  }

  void cancel() {
    uint32_t before = sl_load_relaxed_u32(&state);
    while (!sl_cas_acq_rel_u32(&state, &before, before == INSIDE ? CANCELLING : CANCELLED)) {}
    if (before != INSIDE) return;
    sl_wait_wake(&cancellable);
    sl_store_release_u32(&state, CANCELLED);
  }

  /* Gets the permit, and passes it on; or is cancelled, and leaves it to the other. */
  void wait_or_be_cancelled() {
    bool got = false;
    sl_wait_begin(&cancellable, &waiters, UINT64_MAX);
    if (!(got = try_get())) {
      RL_ASSERT(sl_wait_announce(&cancellable));
      uint32_t outside = OUTSIDE, inside = INSIDE;
      bool enters = sl_cas_acq_rel_u32(&state, &outside, INSIDE);
      if (!(got = try_get()) && enters) callback.suspend(&cancellable);
      if (!sl_cas_acq_rel_u32(&state, &inside, OUTSIDE))
        while (sl_load_acquire_u32(&state) != CANCELLED) rl::yield(1, $);
      if (!got) got = try_get();
    }
    sl_wait_end(&cancellable);
    if (got) put(1);
  }
};
MODEL_TEST(waiters_cancelled, 60000)
