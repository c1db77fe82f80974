/*
 * sl_lease.h: the right to run a chain of single-worker stages on one thread, which can be taken
 * back from outside while a stage's body is running.
 *
 * Algorithm. A driver (a worker that finds its input queue empty) leases the parked token of the
 * stage before it, and that of the stage before that, and so on. It then pulls one item at a time
 * through the whole chain by plain function calls: while it is inside a body, every queue behind
 * that body is empty, so a body that turns out slow holds up no finished item. Before each body the
 * driver writes its position and looks whether the lease was revoked. A monitor that sees the
 * position stand still revokes: it sets the flag, makes that visible to the driver (process-wide
 * barrier), reads the position, and frees every leased token but the one at that position.
 *
 *   stage:      lo … hi   leased         driver
 *   position:   the stage whose body runs now, or the driver itself
 *
 * A driver can also ask for a token that another thread runs: it writes down which stage it wants,
 * sets WANTED at that stage's worker and spins for a few microseconds. That worker stops at its next
 * body and, once its output queue is empty, grants the
 * request. A driver that has waited long enough withdraws; a CAS on the request decides between the
 * two. So cheap stages that were spread over threads come together again on one.
 *
 * Source. Biased / asymmetric Dekker synchronisation as in Dice, Huang and Yang 2001 and in hazard
 * pointers with membarrier; taking tokens back from a slow holder is what Go's sysmon does with the
 * processors of threads in system calls.
 *
 * Progress. enter: wait-free, two plain stores and a load. Revoking and settling exclude each other
 * (phase): the driver waits for a revoker in the middle of its few steps. That is the slow path.
 *
 * Orderings.
 *   [LS1] enter store position, light fence  <->  revoke store stop, process barrier: either the
 *         driver sees stop, or the revoker sees the position (Dekker, asymmetric). Where membarrier
 *         is missing, nothing is leased: a full fence before each body would cost more than it saves.
 *   [LS2] enter release position -> revoke acquire position: what the driver did in stages that it
 *         has left is visible to who gets their tokens.
 *   [LS3] end_revoke release phase -> settle acquire phase: the driver sees which tokens are gone.
 *   [LS4] grant release -> withdraw acquire: the driver sees the granted token, and all that its
 *         last holder did.
 *   [LS5] activate release phase -> begin_revoke acquire phase: the revoker sees the position and the
 *         stop bits of this lease, not those of an earlier one.
 *   [LS6] request or stop_run, fetch_or release stop -> take_wanted, fetch_and acquire, or load acquire
 *         stop: the request, or what ended the run.
 *
 * Exclusion. The driver's thread: enter, activate, settle, request, withdraw. The holder of the
 * token that is wanted: grant. One revoker at a time: begin_revoke,
 * revoked_position, end_revoke. Anybody: stop_run.
 *
 * Wrap-around: none. Whether a driver moves is seen from its stages' counters, not from here: a
 * count in this line would be a chain of three dependent additions for each item.
 */
#ifndef SL_LEASE_H
#define SL_LEASE_H

#include "sl_atomic.h"
#include "sl_os.h"

enum { SL_LEASE_REVOKED = 1, SL_LEASE_RUN_ENDED = 2, SL_LEASE_WANTED = 4 }; /* bits of stop */
#define SL_LEASE_GRANTED_ UINT32_MAX
enum { SL_LEASE_INACTIVE = 0, SL_LEASE_ACTIVE = 1, SL_LEASE_REVOKING = 2, SL_LEASE_SETTLING = 3 };

typedef struct {
  char pad0[SL_NO_SHARE];
  sl_atomic_u32 position;
  sl_atomic_u32 stop;
  sl_atomic_u32 phase;
  sl_atomic_u32 request;   /* the stage that this driver asks for, plus 1; 0: none */
  sl_atomic_u64 requester; /* the lease that asks for the stage of this one's owner */
  uint32_t id;
  uint32_t outcome;   /* the driver's: why the last pull gave nothing */
  void *owner;        /* the driver */
  char pad1[SL_NO_SHARE];
} sl_lease;

static inline void sl_lease_init(sl_lease *l, uint32_t id, void *owner) {
  sl_store_relaxed_u32(&l->position, 0);
  sl_store_relaxed_u32(&l->stop, 0);
  sl_store_relaxed_u32(&l->phase, SL_LEASE_INACTIVE);
  sl_store_relaxed_u32(&l->request, 0);
  sl_store_relaxed_u64(&l->requester, 0);
  l->id = id;
  l->outcome = 0;
  l->owner = owner;
}

/* The driver is about to touch what belongs to the stage `position`, or to run its body. False: the
 * lease was revoked or the run has ended; the driver settles before it touches anything. */
static inline bool sl_lease_enter(sl_lease *l, uint32_t position) {
  sl_store_release_u32(&l->position, position); /* [LS1] [LS2] */
  sl_compiler_barrier();
  return __builtin_expect(sl_load_relaxed_u32(&l->stop) == 0, 1); /* [LS1] */
}

static inline uint32_t sl_lease_stop(const sl_lease *l) { return sl_load_acquire_u32(&l->stop); } /* [LS6] */

static inline bool sl_lease_is_active(const sl_lease *l) {
  return sl_load_relaxed_u32(&l->phase) == SL_LEASE_ACTIVE;
}

static inline bool sl_lease_is_inactive(const sl_lease *l) {
  return sl_load_relaxed_u32(&l->phase) == SL_LEASE_INACTIVE;
}

static inline void sl_lease_activate(sl_lease *l) {
  sl_store_release_u32(&l->phase, SL_LEASE_ACTIVE); /* [LS5] */
}

/* The driver: from here on no revoker touches the tokens. Waits for one that is at it. */
static inline void sl_lease_settle(sl_lease *l) {
  for (;;) {
    uint32_t phase = SL_LEASE_ACTIVE;
    if (sl_cas_acquire_u32(&l->phase, &phase, SL_LEASE_SETTLING)) return; /* [LS3] when it fails */
    if (phase != SL_LEASE_REVOKING) return; /* inactive, or settled before */
    sl_spin_pause();
  }
}

/* The driver has given all tokens back: the lease is as new. Relaxed: the next one begins with activate. */
static inline void sl_lease_deactivate(sl_lease *l) {
  sl_store_relaxed_u32(&l->phase, SL_LEASE_INACTIVE);
  sl_fetch_and_relaxed_u32(&l->stop, ~(uint32_t)SL_LEASE_REVOKED);
}

static inline bool sl_lease_begin_revoke(sl_lease *l) {
  uint32_t expected = SL_LEASE_ACTIVE;
  if (!sl_cas_acquire_u32(&l->phase, &expected, SL_LEASE_REVOKING)) return false; /* [LS5] */
  sl_fetch_or_relaxed_u32(&l->stop, SL_LEASE_REVOKED); /* [LS1] */
  sl_process_barrier();                                /* [LS1] */
  return true;
}

/* The stage whose token the revoker must leave to the driver. */
static inline uint32_t sl_lease_revoked_position(const sl_lease *l) {
  return sl_load_acquire_u32(&l->position); /* [LS1] [LS2] */
}

static inline void sl_lease_end_revoke(sl_lease *l) {
  sl_store_release_u32(&l->phase, SL_LEASE_SETTLING); /* [LS3] */
}

/* The driver `l` asks the worker with the lease `holder` to hand over its stage. */
static inline void sl_lease_request(sl_lease *l, sl_lease *holder, uint32_t stage) {
  sl_store_relaxed_u32(&l->request, stage + 1);
  sl_store_relaxed_u64(&holder->requester, (uint64_t)(uintptr_t)l);
  sl_fetch_or_release_u32(&holder->stop, SL_LEASE_WANTED); /* [LS6] */
}

static inline bool sl_lease_is_granted(const sl_lease *l) {
  return sl_load_relaxed_u32(&l->request) == SL_LEASE_GRANTED_; /* relaxed: withdraw follows */
}

/* The driver waits no longer. True: the stage was granted, and the driver accepts its token. */
static inline bool sl_lease_withdraw(sl_lease *l, uint32_t stage) {
  uint32_t expected = stage + 1;
  if (sl_cas_acquire_u32(&l->request, &expected, 0)) return false; /* [LS4] when it fails */
  sl_store_relaxed_u32(&l->request, 0);
  return true;
}

/* The holder has seen WANTED: the lease that asks, or NULL if there is no request (any more). */
static inline sl_lease *sl_lease_take_wanted(sl_lease *holder, uint32_t stage) {
  sl_fetch_and_acquire_u32(&holder->stop, ~(uint32_t)SL_LEASE_WANTED); /* [LS6] */
  sl_lease *driver = (sl_lease *)(uintptr_t)sl_load_relaxed_u64(&holder->requester);
  if (driver == NULL || sl_load_relaxed_u32(&driver->request) != stage + 1) return NULL;
  return driver;
}

static inline bool sl_lease_is_requested(const sl_lease *driver, uint32_t stage) {
  return sl_load_relaxed_u32(&driver->request) == stage + 1;
}

/* The holder gives its token to the driver, and does not touch it again; false: withdrawn meanwhile. */
static inline bool sl_lease_grant(sl_lease *driver, uint32_t stage) {
  uint32_t expected = stage + 1;
  return sl_cas_release_u32(&driver->request, &expected, SL_LEASE_GRANTED_); /* [LS4] */
}

/* The run is over: no further body starts under this lease. */
static inline void sl_lease_stop_run(sl_lease *l) {
  sl_fetch_or_release_u32(&l->stop, SL_LEASE_RUN_ENDED); /* [LS6] */
}

#endif
