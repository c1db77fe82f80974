/* sl_waiters.c: pages of seats, and the operations of sl_waiters.h that are not on anybody's way. */
#include "sl_waiters.h"

#include <stdlib.h>

/* ---- Pages --------------------------------------------------------------------------------- */

static void page_init(sl_waiters_page *page) {
  sl_store_relaxed_u64(&page->announced_, 0);
  sl_store_relaxed_u64(&page->next_, 0);
  sl_store_relaxed_u64(&page->used_, 0);
  for (int i = 0; i < SL_WAITERS_A_PAGE; i++) {
    sl_store_relaxed_u32(&page->seats_[i].state_, SL_SEAT_AWAKE_);
    page->seats_[i].wake_ = NULL;
    page->seats_[i].context_ = NULL;
  }
}

static sl_waiters_page *page_after(sl_waiters_page *page) {
  return (sl_waiters_page *)(uintptr_t)sl_load_acquire_u64(&page->next_); /* [WA3] */
}

/* The page after `page`, made if there is none; NULL: no memory. */
static sl_waiters_page *page_made_after(sl_waiters_page *page) {
  sl_waiters_page *next = page_after(page);
  if (next != NULL) return next;
  sl_waiters_page *fresh = (sl_waiters_page *)malloc(sizeof *fresh);
  if (fresh == NULL) return NULL;
  page_init(fresh);
  uint64_t none = 0;
  if (sl_cas_acq_rel_u64(&page->next_, &none, (uint64_t)(uintptr_t)fresh)) return fresh; /* [WA3] */
  free(fresh);
  return (sl_waiters_page *)(uintptr_t)none;
}

void sl_waiters_init(sl_waiters *waiters) {
  page_init(&waiters->first_);
  sl_store_relaxed_u32(&waiters->turn_, 0);
  waiters->most_spins_ = sl_core_count() > 1 ? SL_WAIT_MAX_SPINS_ : 0; /* alone it keeps the core */
  sl_store_relaxed_u32(&waiters->spin_limit_, waiters->most_spins_);
}

void sl_waiters_destroy(sl_waiters *waiters) {
  sl_waiters_page *page = page_after(&waiters->first_);
  while (page != NULL) {
    sl_waiters_page *next = page_after(page);
    free(page);
    page = next;
  }
}

/* ---- Seats --------------------------------------------------------------------------------- */

/* A seat for `wait`; false: no memory for a further page. */
static bool take_seat(sl_wait *wait) {
  for (sl_waiters_page *page = &wait->waiters_->first_; page != NULL; page = page_made_after(page)) {
    uint64_t used = sl_load_relaxed_u64(&page->used_);
    while (used != UINT64_MAX) {
      uint64_t bit = ~used & (used + 1); /* the lowest that is not set */
      if (!sl_cas_acquire_u64(&page->used_, &used, used | bit)) continue; /* [WA2] */
      wait->page_ = page;
      wait->seat_ = (uint32_t)__builtin_ctzll(bit);
      return true;
    }
  }
  return false;
}

static void leave_seat(sl_wait *wait) {
  uint64_t bit = (uint64_t)1 << wait->seat_;
  sl_fetch_and_release_u64(&wait->page_->used_, ~bit); /* [WA2] */
  wait->seat_ = SL_WAIT_NO_SEAT_;
}

static sl_seat *seat_of(const sl_wait *wait) { return &wait->page_->seats_[wait->seat_]; }

/* Wakes whoever is in the seat; harmless if nobody is, or someone else than was meant. */
static void wake_seat(sl_seat *seat) {
  uint32_t state = sl_exchange_acquire_u32(&seat->state_, SL_SEAT_NOTIFIED_); /* [WA1] */
  if (state == SL_SEAT_PARKED_) sl_futex_wake(&seat->state_, 1);
  if (state == SL_SEAT_SUSPENDED_) seat->wake_(seat->context_);
}

/* ---- Notifying ----------------------------------------------------------------------------- */

void sl_waiters_wake_(sl_waiters *waiters, size_t count) {
  for (sl_waiters_page *page = &waiters->first_; page != NULL; page = page_after(page)) {
    sl_event_count event = sl_waiters_event_(page);
    while (count > 0) {
      uint32_t first = sl_load_relaxed_u32(&waiters->turn_);
      uint32_t waiter = sl_event_count_take_from(&event, first);
      if (waiter == SL_EVENT_COUNT_NONE) break;
      sl_store_relaxed_u32(&waiters->turn_, waiter + 1);
      wake_seat(&page->seats_[waiter]);
      count--;
    }
    if (count == 0) return;
  }
}

/* ---- Waiting ------------------------------------------------------------------------------- */

void sl_wait_begin(sl_wait *wait, sl_waiters *waiters, uint64_t timeout_nanoseconds) {
  wait->waiters_ = waiters;
  wait->page_ = NULL;
  wait->seat_ = SL_WAIT_NO_SEAT_;
  wait->spins_ = 0;
  wait->phase_ = SL_WAIT_SPINNING_;
  wait->deadline_ = UINT64_MAX;
  if (timeout_nanoseconds == UINT64_MAX) return;
  uint64_t now = sl_now_nanoseconds();
  wait->deadline_ = timeout_nanoseconds < UINT64_MAX - now ? now + timeout_nanoseconds : UINT64_MAX;
}

static uint64_t time_left(const sl_wait *wait) {
  if (wait->deadline_ == UINT64_MAX) return UINT64_MAX;
  uint64_t now = sl_now_nanoseconds();
  return now < wait->deadline_ ? wait->deadline_ - now : 0;
}

/* Takes the announcement back; false: a notification has been or is being made for it. */
static bool retract(sl_wait *wait) {
  sl_event_count event = sl_waiters_event_(wait->page_);
  return sl_event_count_retract(&event, wait->seat_);
}

static void pause_between_looks(uint32_t spins) {
  uint32_t pauses = spins < 5 ? (uint32_t)1 << spins : 32;
  for (uint32_t i = 0; i < pauses; i++) sl_spin_pause();
}

/* The waiters of one condition learn together how long spinning has helped. */
static void adapt_spin_limit(sl_wait *wait, bool helped) {
  sl_waiters *waiters = wait->waiters_;
  uint32_t limit = sl_load_relaxed_u32(&waiters->spin_limit_);
  uint32_t most = waiters->most_spins_;
  uint32_t next = helped ? limit * 2 + 1 : limit / 2;
  if (next > most) next = most;
  if (next < 2 && most > 0) next = 2; /* never so few that it could not help again */
  if (next != limit) sl_store_relaxed_u32(&waiters->spin_limit_, next);
}

bool sl_wait_announce(sl_wait *wait) {
  /* A notification that came meanwhile is used up: the caller looks after this. */
  if (wait->phase_ == SL_WAIT_ANNOUNCED_) (void)retract(wait);
  if (wait->seat_ == SL_WAIT_NO_SEAT_ && !take_seat(wait)) return false;
  sl_store_relaxed_u32(&seat_of(wait)->state_, SL_SEAT_AWAKE_);
  sl_event_count event = sl_waiters_event_(wait->page_);
  sl_event_count_announce_seldom(&event, wait->seat_);
  wait->phase_ = SL_WAIT_ANNOUNCED_;
  return true;
}

/* Sleeps until it is notified or the time is over. */
static void park(sl_wait *wait) {
  sl_atomic_u32 *state = &seat_of(wait)->state_;
  uint32_t awake = SL_SEAT_AWAKE_;
  if (!sl_cas_relaxed_u32(state, &awake, SL_SEAT_PARKED_)) return; /* notified already */
  while (sl_load_relaxed_u32(state) == SL_SEAT_PARKED_) { /* relaxed: who woke it took its bit [EC2] */
    uint64_t left = time_left(wait);
    if (left == 0) return;
    sl_futex_wait(state, SL_SEAT_PARKED_, left);
  }
}

/* No memory for a seat: looks once a millisecond. */
static void sleep_without_seat(void) {
  sl_atomic_u32 nobody_wakes;
  sl_store_relaxed_u32(&nobody_wakes, 0);
  sl_futex_wait(&nobody_wakes, 0, 1000000);
}

bool sl_wait_step(sl_wait *wait) {
  if (wait->phase_ == SL_WAIT_LAST_LOOK_) return false;
  if (wait->phase_ == SL_WAIT_SPINNING_) {
    if (time_left(wait) == 0) return false;
    if (wait->spins_ < sl_load_relaxed_u32(&wait->waiters_->spin_limit_)) {
      pause_between_looks(wait->spins_++);
      return true;
    }
    adapt_spin_limit(wait, false);
  }
  if (wait->phase_ == SL_WAIT_ANNOUNCED_) {
    park(wait);
    wait->phase_ = SL_WAIT_NOTIFIED_;
    bool timed_out = retract(wait) && time_left(wait) == 0;
    if (timed_out) wait->phase_ = SL_WAIT_LAST_LOOK_;
    return true;
  }
  if (time_left(wait) == 0) return false;
  if (!sl_wait_announce(wait)) sleep_without_seat();
  return true;
}

void sl_wait_end(sl_wait *wait) {
  if (wait->phase_ == SL_WAIT_SPINNING_ && wait->spins_ > 0) adapt_spin_limit(wait, true);
  if (wait->seat_ == SL_WAIT_NO_SEAT_) return;
  bool unneeded = wait->phase_ == SL_WAIT_ANNOUNCED_ && !retract(wait);
  leave_seat(wait);
  if (unneeded) sl_waiters_notify(wait->waiters_, 1);
}

bool sl_wait_suspend(sl_wait *wait, sl_wake_function wake, void *context) {
  sl_seat *seat = seat_of(wait);
  seat->wake_ = wake;
  seat->context_ = context;
  uint32_t awake = SL_SEAT_AWAKE_;
  return sl_cas_release_u32(&seat->state_, &awake, SL_SEAT_SUSPENDED_); /* [WA1] */
}

void sl_wait_resumed(sl_wait *wait) {
  wait->phase_ = SL_WAIT_NOTIFIED_;
  (void)retract(wait); /* still there after a wake-up that was no notification */
}

void sl_wait_wake(sl_wait *wait) {
  if (wait->seat_ != SL_WAIT_NO_SEAT_) wake_seat(seat_of(wait));
}
