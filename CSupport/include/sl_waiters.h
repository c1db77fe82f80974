/*
 * sl_waiters.h: waiting for a lock-free structure to change; any number of threads and callbacks.
 *
 * Use. One sl_waiters for each condition ("not empty", "not full"). Who changes the condition calls
 * sl_waiters_notify afterwards. Who waits repeats its lock-free operation until it succeeds:
 *
 *     sl_wait wait;
 *     sl_wait_begin(&wait, &queue->not_empty, timeout_nanoseconds);
 *     while (!try_dequeue(queue, &element))
 *       if (!sl_wait_step(&wait)) break;     // the time is over
 *     sl_wait_end(&wait);
 *
 * Algorithm. A step is, in this order: a bounded number of short spins; announcing (sl_event_count.h)
 * in a seat of its own; sleeping until the seat is notified. After each of them the caller looks at
 * its condition again. Seats come in pages of 64, the first within this record, others allocated
 * when more wait at a time, and all kept until the end. A seat's state:
 *
 *     AWAKE --park--> PARKED (a thread on a futex) or SUSPENDED (a callback)
 *     any   --notify--> NOTIFIED, and the one that was parked or suspended is woken
 *
 * Source. Event counts, as in sl_event_count.h; spinning about as long as a sleep would cost, since
 * that is at most twice the best choice: Karlin, Li, Manasse and Owicki (1991).
 *
 * Progress. notify: wait-free if nobody waits; else lock-free up to the system call or callback that
 * wakes. Waiting is what the rest is for; but it holds no lock, and a waiter that stops for good
 * keeps at most one notification from the others. A waiter burns no processor time: it spins for a
 * few microseconds at most, less when that has not helped lately, and not at all on one core.
 *
 * Orderings: [EC1], [EC2] and [EC3] of sl_event_count.h, asymmetric, and
 *   [WA1] suspend, compare-and-swap release state -> notify, exchange acquire state: the
 *         callback that it finds there.
 *   [WA2] seat given back, fetch_and release used -> got, compare-and-swap acquire used: its last
 *         owner has done with it.
 *   [WA3] page linked, compare-and-swap release -> followed, load acquire: it is initialised.
 *
 * No lost wake-up. A notifier that misses an announcement came before it, and the waiter's next
 * look sees the change [EC1]. A notification that finds its waiter satisfied already is passed on to
 * another waiter by sl_wait_end. A late notifier may still write to a seat that has a new owner: that
 * one wakes for nothing, and looks again.
 *
 * What excludes what. One sl_wait: its owner alone, but sl_wait_wake, which anybody may call between
 * its announcing and its end. destroy: nobody else is inside.
 */
#ifndef SL_WAITERS_H
#define SL_WAITERS_H

#include "sl_atomic.h"
#include "sl_event_count.h"
#include "sl_os.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  SL_WAITERS_A_PAGE = 64,
  SL_WAIT_NO_SEAT_ = 64,
  SL_WAIT_MAX_SPINS_ = 20, /* looks; with growing pauses between them, some 10 microseconds */
};

enum { SL_SEAT_AWAKE_ = 0, SL_SEAT_PARKED_ = 1, SL_SEAT_SUSPENDED_ = 2, SL_SEAT_NOTIFIED_ = 3 };

typedef void (*sl_wake_function)(void *context);

typedef struct {
  sl_atomic_u32 state_; /* the futex word */
  SL_HANDED_ON(sl_wake_function) wake_;
  SL_HANDED_ON(void *) context_;
} sl_seat;

typedef struct sl_waiters_page {
  sl_atomic_u64 announced_; /* one bit a seat: the event count's word */
  sl_atomic_u64 next_;
  sl_atomic_u64 used_; /* one bit a seat */
  sl_seat seats_[SL_WAITERS_A_PAGE];
} sl_waiters_page;

typedef struct {
  char pad0_[SL_NO_SHARE];
  sl_waiters_page first_;
  sl_atomic_u32 turn_;       /* where the next notifier begins to look for a waiter */
  sl_atomic_u32 spin_limit_; /* how many looks a waiter now spins for */
  uint32_t most_spins_;
  char pad1_[SL_NO_SHARE];
} sl_waiters;

typedef struct {
  sl_waiters *waiters_;
  sl_waiters_page *page_;
  uint64_t deadline_; /* UINT64_MAX: none */
  uint32_t seat_;
  uint32_t spins_;
  uint32_t phase_;
} sl_wait;

enum {
  SL_WAIT_SPINNING_ = 0,
  SL_WAIT_ANNOUNCED_ = 1,
  SL_WAIT_NOTIFIED_ = 2, /* woken, or found itself notified: its bit is gone */
  SL_WAIT_LAST_LOOK_ = 3,
};

void sl_waiters_init(sl_waiters *waiters);
void sl_waiters_destroy(sl_waiters *waiters);

/* ---- Notifying ----------------------------------------------------------------------------- */

void sl_waiters_wake_(sl_waiters *waiters, size_t count);

static inline sl_event_count sl_waiters_event_(sl_waiters_page *page) {
  sl_event_count event = {&page->announced_, 1};
  return event;
}

/* Wakes up to `count` waiters, if there are any. The caller has changed the condition before. */
static inline void sl_waiters_notify(sl_waiters *waiters, size_t count) {
  sl_event_count event = sl_waiters_event_(&waiters->first_);
  if (__builtin_expect(!sl_event_count_has_any_often(&event), 1) &&
      __builtin_expect(sl_load_relaxed_u64(&waiters->first_.next_) == 0, 1))
    return;
  sl_waiters_wake_(waiters, count);
}

static inline void sl_waiters_notify_all(sl_waiters *waiters) {
  sl_waiters_notify(waiters, SIZE_MAX);
}

/* ---- Waiting ------------------------------------------------------------------------------- */

/* Begins to wait; nothing is announced yet. UINT64_MAX: without end. */
void sl_wait_begin(sl_wait *wait, sl_waiters *waiters, uint64_t timeout_nanoseconds);

/*
 * Waits until it is worth to look at the condition again, a thread at most: true. False: the time is
 * over, and the caller has looked since.
 */
bool sl_wait_step(sl_wait *wait);

/* Ends the wait, satisfied or not: gives up the seat, and passes on a notification that it has not
 * needed. */
void sl_wait_end(sl_wait *wait);

/* ---- Waiting with a callback --------------------------------------------------------------- */

/* As sl_wait_step, but never sleeps and never spins: the first of two steps. After it the caller
 * looks at the condition again. False: no memory for a seat. */
bool sl_wait_announce(sl_wait *wait);

/*
 * The second: has wake(context) called once, by any thread, at once or later; the caller returns to
 * its scheduler. False: notified already, wake is not called. Either way it then calls
 * sl_wait_resumed, looks again, and begins again with sl_wait_announce if it must.
 */
bool sl_wait_suspend(sl_wait *wait, sl_wake_function wake, void *context);

/*
 * After that, and before the look: the notification is the caller's, who is asked for no other. (If it
 * went on without, its success would count as one that no notification was needed for, and wake
 * another waiter for nothing.) It looks at least once before it gives up.
 */
void sl_wait_resumed(sl_wait *wait);

/* Wakes this waiter, whether or not its condition holds: for cancellation. */
void sl_wait_wake(sl_wait *wait);

#ifdef __cplusplus
}
#endif

#endif /* SL_WAITERS_H */
