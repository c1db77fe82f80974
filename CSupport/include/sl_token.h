/*
 * sl_token.h: one worker of a stage, as a token that threads take, run and give back.
 *
 * Algorithm. A token is one 32-bit state. Whoever wants its worker to look at its queues calls
 * unpark; exactly one caller turns a parked token into a runnable one and is told how (put it into
 * the run queue, wake its thread, resume its task). A wake-up that meets a running token is kept as
 * NOTIFIED, so that the next park fails and the worker looks again.
 *
 *            unpark              begin
 *   PARKED ---------> QUEUED ------------> RUNNING <------> NOTIFIED   (unpark while it runs)
 *      |  ^                                 |  |  ^------------------\
 *      |  '------- park --------------------'  '-> THREAD_PARKED -----|  unpark + futex wake
 *      |                                       '-> TASK_PARKED -------'  unpark + resume
 *      '-- try_lease --> LEASED + id --> PARKED, QUEUED or ENDED         (sl_lease.h)
 *
 * Source. The permit of java.util.concurrent's LockSupport and the task states of work-stealing
 * runtimes (tokio, Go); the lease is this library's own (docs/design.md, "Helping").
 *
 * Progress. All functions are wait-free or lock-free, but for wait_thread, which sleeps.
 *
 * Orderings. "Change something, then look at the state" against "change the state, then look at that
 * thing" needs no fence here, since either side changes the state by a read-modify-write operation, and
 * unpark does so even where it leaves it as it is: the one that comes second in the state's order of
 * modification sees what the other did before. Such operations are rare, never one for each item.
 *   [TK1] park, compare-and-swap release, or unlease, compare-and-swap acq_rel -> begin, exchange
 *         acquire, or try_lease, compare-and-swap acquire, or unpark, compare-and-swap acq_rel (of a
 *         task): what the last holder did to the worker's memory is visible to the next one.
 *   [TK2] unpark, compare-and-swap acq_rel -> begin, park (failing), wait_thread, resumed, accept,
 *         exchange acquire, or unlease, compare-and-swap acq_rel: what the caller did before (an
 *         element enqueued, a queue closed) is visible to the worker when it looks again.
 *
 * Exclusion. One holder at a time: the thread that runs it, or the lease that has it. Only the
 * holder calls begin, park, wait_thread, end, unlease, accept; anybody calls unpark and try_lease.
 *
 * Wrap-around: none. A thread that stops for good while it holds the token stops this worker alone.
 */
#ifndef SL_TOKEN_H
#define SL_TOKEN_H

#include "sl_atomic.h"
#include "sl_os.h"

enum {
  SL_TOKEN_PARKED = 0,
  SL_TOKEN_QUEUED = 1,
  SL_TOKEN_RUNNING = 2,
  SL_TOKEN_NOTIFIED = 3,
  SL_TOKEN_THREAD_PARKED = 4,
  SL_TOKEN_TASK_PARKED = 5,
  SL_TOKEN_ENDED = 6,
  SL_TOKEN_LEASED = 16,          /* plus the lease's id */
  SL_TOKEN_DORMANT = 0x40000000  /* plus the lease's id: leased, while its output queue is drained */
};

/* What the caller of unpark has to do. */
typedef enum {
  SL_WAKE_NOTHING = 0,
  SL_WAKE_ENQUEUE = 1,    /* put the token into the run queue */
  SL_WAKE_TASK = 2        /* resume the task's continuation */
} sl_wake;

typedef struct { sl_atomic_u32 state; } sl_token;

static inline void sl_token_init(sl_token *t, uint32_t state) { sl_store_relaxed_u32(&t->state, state); }

/* A hint, unless the caller is the holder. */
static inline uint32_t sl_token_state(const sl_token *t) { return sl_load_relaxed_u32(&t->state); }

/* The holder of a queued token starts to run it. */
static inline void sl_token_begin(sl_token *t) {
  sl_exchange_acquire_u32(&t->state, SL_TOKEN_RUNNING); /* [TK1] [TK2] */
}

/* Running -> `parked` (PARKED, THREAD_PARKED or TASK_PARKED). False: a wake-up came meanwhile; it is
 * consumed, the token still runs, and its worker must look again. */
static inline bool sl_token_park(sl_token *t, uint32_t parked) {
  uint32_t expected = SL_TOKEN_RUNNING;
  if (sl_cas_release_u32(&t->state, &expected, parked)) return true; /* [TK1] */
  sl_exchange_acquire_u32(&t->state, SL_TOKEN_RUNNING);              /* [TK2] */
  return false;
}

static inline sl_wake sl_token_unpark_(sl_token *t, bool also_parked) {
  uint32_t state = sl_load_relaxed_u32(&t->state);
  for (;;) {
    uint32_t next = state; /* it will look anyway, its lease does, or it is over */
    sl_wake wake = SL_WAKE_NOTHING;
    switch (state) {
    case SL_TOKEN_PARKED:
      if (!also_parked) break;
      next = SL_TOKEN_QUEUED;
      wake = SL_WAKE_ENQUEUE;
      break;
    case SL_TOKEN_RUNNING: next = SL_TOKEN_NOTIFIED; break;
    case SL_TOKEN_THREAD_PARKED: next = SL_TOKEN_NOTIFIED; break;
    case SL_TOKEN_TASK_PARKED: next = SL_TOKEN_NOTIFIED; wake = SL_WAKE_TASK; break;
    default: break;
    }
    uint32_t before = state;
    if (sl_cas_acq_rel_u32(&t->state, &state, next)) { /* [TK1] [TK2] also if it changes nothing */
      if (before == SL_TOKEN_THREAD_PARKED) sl_futex_wake(&t->state, 1);
      return wake;
    }
  }
}

/* Makes the worker look at its queues again (once), whatever it does now. */
static inline sl_wake sl_token_unpark(sl_token *t) { return sl_token_unpark_(t, true); }

/* As unpark, but leaves a token that lies parked where it is: at the end of a run it has no more
 * work, and needs no thread to be told so. */
static inline sl_wake sl_token_unpark_waiting(sl_token *t) { return sl_token_unpark_(t, false); }

/* The holder's thread sleeps until it is woken, after park(THREAD_PARKED) succeeded. */
static inline void sl_token_wait_thread(sl_token *t) {
  while (sl_load_relaxed_u32(&t->state) == SL_TOKEN_THREAD_PARKED) {
    sl_futex_wait(&t->state, SL_TOKEN_THREAD_PARKED, UINT64_MAX);
  }
  sl_exchange_acquire_u32(&t->state, SL_TOKEN_RUNNING); /* [TK2] */
}

/* A task that was resumed goes on. */
static inline void sl_token_resumed(sl_token *t) {
  sl_exchange_acquire_u32(&t->state, SL_TOKEN_RUNNING); /* [TK2] */
}

static inline void sl_token_end(sl_token *t) { sl_store_relaxed_u32(&t->state, SL_TOKEN_ENDED); }

/* Takes a parked token for a lease. */
static inline bool sl_token_try_lease(sl_token *t, uint32_t lease_id) {
  uint32_t expected = SL_TOKEN_PARKED;
  return sl_cas_acquire_u32(&t->state, &expected, SL_TOKEN_LEASED + lease_id); /* [TK1] */
}

/* Takes a parked token for a lease whose driver drains the token's output queue before it pulls. */
static inline bool sl_token_try_lease_dormant(sl_token *t, uint32_t lease_id) {
  uint32_t expected = SL_TOKEN_PARKED;
  return sl_cas_acquire_u32(&t->state, &expected, SL_TOKEN_DORMANT + lease_id); /* [TK1] */
}

static inline bool sl_token_is_dormant(const sl_token *t, uint32_t lease_id) {
  return sl_load_relaxed_u32(&t->state) == SL_TOKEN_DORMANT + lease_id;
}

/* The queue is drained: pulling may begin. */
static inline bool sl_token_rouse(sl_token *t, uint32_t lease_id) {
  uint32_t expected = SL_TOKEN_DORMANT + lease_id;
  return sl_cas_relaxed_u32(&t->state, &expected, SL_TOKEN_LEASED + lease_id);
}

static inline bool sl_token_is_leased(const sl_token *t, uint32_t lease_id) {
  return sl_load_relaxed_u32(&t->state) == SL_TOKEN_LEASED + lease_id;
}

/* A driver that was granted a running token (sl_lease_grant) makes it a leased one. Its last holder
 * does not touch it after the grant. */
static inline void sl_token_accept(sl_token *t, uint32_t lease_id) {
  sl_exchange_acquire_u32(&t->state, SL_TOKEN_LEASED + lease_id); /* [TK2] */
}

/* Gives a leased token up as `next` (PARKED, QUEUED or ENDED); false if this lease does not have it. */
static inline bool sl_token_unlease(sl_token *t, uint32_t lease_id, uint32_t next) {
  uint32_t expected = SL_TOKEN_LEASED + lease_id;
  if (sl_cas_acq_rel_u32(&t->state, &expected, next)) return true; /* [TK1] [TK2] */
  expected = SL_TOKEN_DORMANT + lease_id;
  return sl_cas_acq_rel_u32(&t->state, &expected, next); /* [TK1] [TK2] */
}

#endif
