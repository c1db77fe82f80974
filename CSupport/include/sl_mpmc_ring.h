/*
 * sl_mpmc_ring.h: a bounded ring between many producers and many consumers.
 *
 * Algorithm. A producer (consumer) claims the next position by compare-and-swap on `tail` (`head`)
 * once the position's slot says that it is free (full) for that very position, works on the slot
 * alone, and then publishes by storing the slot's next turn. The ring holds no elements: position p
 * lives in slot p & mask of an array that belongs to the caller.
 *
 *     producers' line                 consumers' line   read-only line
 *     | tail, closed | pad           | head | pad        | turns | capacity | mask | pad
 *
 * Positions are counted in steps of 2, as turns are; the lowest bit of `tail` says that the ring is
 * closed, and is set for good.
 *
 *     turns[p & mask]:  2p       free for the producer of p
 *                       2p + 1   full for the consumer of p
 *                       2(p + slots)   released: free for the next round's producer
 *
 * Source. Vyukov, "Bounded MPMC queue" (1024cores, 2010). Differences: turns count 2 a position,
 * so that one slot suffices for capacity 1 (in the original, "full for p" and "free for p + 1" are
 * the same number then); any capacity >= 1 is kept exactly: where there are more slots than that,
 * position p waits for the release of position p - capacity too; claim and commit, take and release are separate steps; several slots may be claimed or taken at
 * once; a ring can be closed.
 *
 * Progress. NOT lock-free in the strict sense (sl_swap_ring.h is). commit, release, close and slot_of
 * are wait-free. try_claim and try_take never wait, and repeat a step only when another thread has
 * claimed or taken; but a producer that stops between claim and commit makes its slot look empty to consumers, which then
 * say "empty" although later slots are committed, and a consumer that stops between take and
 * release makes its slot look full to the producer of the next round. Keep both gaps short.
 *
 * Orderings.
 *   [MR1] commit, store release turn -> take, load acquire turn: the element is visible.
 *   [MR2] release, store release turn -> claim, load acquire turn: the old element has been moved
 *         out before the slot is written over, and who relies on the room made by a release sees
 *         what came before it.
 *   [MR3] take, compare-and-swap release head -> count, load acquire head: tail, read after it, is
 *         no older, and the difference is never negative.
 *   [MR4] close, fetch_or release tail -> is_drained, load acquire tail: what came before the close.
 * The compare-and-swap on tail publishes nothing, so it is relaxed.
 *
 * For a caller that sleeps. After a commit (release) by thread A and then sl_fence_seq_cst, a
 * try_take (try_claim) by B after its own sl_fence_seq_cst either succeeds, or another thread got
 * the element (room), or it returns false because of a *different* thread, stalled in an earlier
 * slot. In the last case B's wake-up comes from that thread, when it commits (releases) later: its
 * slot is what B waits for. Two things follow for the waiter's protocol: every commit and release
 * must look for sleepers, not only those that leave the state "empty" or "full"; and a wake-up of
 * one sleeper may find nothing to do while A's element is hidden, so that a sleeper who is woken
 * and succeeds must wake the next one if count says that there is more (or wake-ups go to all).
 *
 * What excludes what ("x": never at the same time, the caller sees to it):
 *                   init, destroy   claim ... commit   take ... release   count, capacity
 *   init, destroy        x                 x                  x                 x
 *   claim ... commit     x                 -                  -                 -
 *   take ... release     x                 -                  -                 -
 * close goes together with all but init and destroy. A ticket belongs to the thread that got it, or
 * to whom that thread hands it with synchronisation.
 *
 * Invariants. 0 <= tail - head <= capacity <= slots, in arithmetic modulo 2^63: never more than
 * `capacity` positions claimed by producers and not released by consumers. A claim looks at turns
 * before its compare-and-swap on tail, and a released slot stays so until its next position is
 * claimed: so the bound holds when it succeeds. Producers never read head, nor consumers tail. Positions
 * wrap around at 2^63; the number of slots divides it; only signed differences are compared, and no
 * thread may sleep inside one operation through 2^61 others.
 *
 * A dead thread. One that dies between claim and commit blocks all consumers at its position for
 * good; one that dies between take and release blocks all producers a round later.
 */
#ifndef SL_MPMC_RING_H
#define SL_MPMC_RING_H

#include "sl_atomic.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  char pad0_[SL_NO_SHARE];
  sl_atomic_u64 tail_; /* twice the next position to claim, and the closed bit */
  char pad1_[SL_NO_SHARE];
  sl_atomic_u64 head_; /* twice the next position to take */
  char pad2_[SL_NO_SHARE];
  sl_atomic_u64 *turns_;
  uint64_t capacity_;
  uint64_t mask_;
  char pad3_[SL_NO_SHARE];
} sl_mpmc_ring;

/* How many elements the caller has to allocate; 0 if there is no such power of two. */
static inline size_t sl_mpmc_ring_slots(size_t capacity) {
  size_t slots = 1;
  while (slots != 0 && slots < capacity) slots <<= 1;
  return slots;
}

/*
 * Returns 0, ENOMEM, or EINVAL for a capacity of 0. `first_position` is 0 but in tests, which start
 * just below the wrap-around.
 */
int sl_mpmc_ring_init(sl_mpmc_ring *ring, size_t capacity, uint64_t first_position);

/* Frees the turns. Elements that are still in the ring are the caller's. */
void sl_mpmc_ring_destroy(sl_mpmc_ring *ring);

static inline size_t sl_mpmc_ring_capacity(const sl_mpmc_ring *ring) {
  return (size_t)ring->capacity_;
}

static inline size_t sl_mpmc_ring_slot_of(const sl_mpmc_ring *ring, uint64_t ticket) {
  return (size_t)(ticket & ring->mask_);
}

/* Positions claimed and not taken: a snapshot, exact when nobody is inside, at most capacity. */
static inline size_t sl_mpmc_ring_count(const sl_mpmc_ring *ring) {
  uint64_t head = sl_load_acquire_u64(&ring->head_); /* [MR3] before tail */
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_); /* relaxed: [MR3] has brought it */
  uint64_t count = (tail - head) / 2; /* both may have moved on in between: too large, never negative */
  return (size_t)(count < ring->capacity_ ? count : ring->capacity_);
}

/* ---- Closing ------------------------------------------------------------------------------- */

/* Every claim that begins after this fails. True for the call that closed the ring. */
static inline bool sl_mpmc_ring_close(sl_mpmc_ring *ring) {
  return (sl_fetch_or_release_u64(&ring->tail_, 1) & 1) == 0; /* [MR4] */
}

static inline bool sl_mpmc_ring_is_closed(const sl_mpmc_ring *ring) {
  return (sl_load_relaxed_u64(&ring->tail_) & 1) != 0;
}

/* Whether the ring is closed and every position that was ever claimed has been taken: the end. */
static inline bool sl_mpmc_ring_is_drained(const sl_mpmc_ring *ring) {
  uint64_t tail = sl_load_acquire_u64(&ring->tail_); /* [MR4] */
  /* Relaxed: a head that has come to the last tail stays there. */
  return (tail & 1) != 0 && sl_load_relaxed_u64(&ring->head_) == (tail & ~(uint64_t)1);
}

/* ---- Producers ----------------------------------------------------------------------------- */

/* Whether the capacity leaves room for the position of `word` (doubled): the one `capacity` before it
 * has been released. */
static inline bool sl_mpmc_ring_has_room_(const sl_mpmc_ring *ring, uint64_t word) {
  if (ring->capacity_ > ring->mask_) return true; /* that is the slot's own last position */
  uint64_t before = word - 2 * ring->capacity_;
  uint64_t turn = sl_load_acquire_u64(&ring->turns_[before / 2 & ring->mask_]); /* [MR2] */
  return (int64_t)(turn - (before + 2 * (ring->mask_ + 1))) >= 0;
}

/*
 * Claims up to n slots in a row to initialise, those of the tickets *ticket, *ticket + 1, …; how
 * many. 0: full, closed, or the next slot's last consumer has not released it. n >= 1, at most
 * 2^60.
 */
static inline size_t sl_mpmc_ring_try_claim_many(sl_mpmc_ring *ring, size_t n, uint64_t *ticket) {
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_);
  for (;;) {
    if ((tail & 1) != 0) return 0;
    sl_atomic_u64 *turn = &ring->turns_[tail / 2 & ring->mask_];
    int64_t ahead = (int64_t)(sl_load_acquire_u64(turn) - tail); /* [MR2] the slot is empty */
    if (ahead > 0) { /* somebody else has claimed this position */
      tail = sl_load_relaxed_u64(&ring->tail_);
      continue;
    }
    if (ahead < 0 || !sl_mpmc_ring_has_room_(ring, tail)) return 0;
    size_t claimed = 1;
    for (; claimed < n; claimed++) {
      uint64_t next = tail + 2 * claimed;
      if (sl_load_acquire_u64(&ring->turns_[next / 2 & ring->mask_]) != next) break; /* [MR2] */
      if (!sl_mpmc_ring_has_room_(ring, next)) break;
    }
    *ticket = tail / 2;
    if (sl_cas_relaxed_u64(&ring->tail_, &tail, tail + 2 * claimed)) return claimed;
  }
}

/* Claims a slot to initialise; false: full, closed, or the slot's last consumer has not released it.
 * (As try_claim_many with n = 1, without what is only for several.) */
static inline bool sl_mpmc_ring_try_claim(sl_mpmc_ring *ring, uint64_t *ticket) {
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_);
  for (;;) {
    if ((tail & 1) != 0) return false;
    sl_atomic_u64 *turn = &ring->turns_[tail / 2 & ring->mask_];
    int64_t ahead = (int64_t)(sl_load_acquire_u64(turn) - tail); /* [MR2] the slot is empty */
    if (ahead > 0) { /* somebody else has claimed this position */
      tail = sl_load_relaxed_u64(&ring->tail_);
      continue;
    }
    if (ahead < 0 || !sl_mpmc_ring_has_room_(ring, tail)) return false;
    *ticket = tail / 2;
    if (sl_cas_relaxed_u64(&ring->tail_, &tail, tail + 2)) return true;
  }
}

/* Publishes the claimed slot, whose element the caller has initialised. */
static inline void sl_mpmc_ring_commit(sl_mpmc_ring *ring, uint64_t ticket) {
  sl_atomic_u64 *turn = &ring->turns_[ticket & ring->mask_];
  sl_store_release_u64(turn, 2 * ticket + 1); /* [MR1] publishes the element */
}

/* ---- Consumers ----------------------------------------------------------------------------- */

/*
 * Takes up to n of the oldest slots, those of the tickets *ticket, *ticket + 1, …; how many. 0:
 * empty, or the next slot's producer has not committed it. n >= 1, at most 2^60.
 */
static inline size_t sl_mpmc_ring_try_take_many(sl_mpmc_ring *ring, size_t n, uint64_t *ticket) {
  uint64_t head = sl_load_relaxed_u64(&ring->head_);
  for (;;) {
    sl_atomic_u64 *turn = &ring->turns_[head / 2 & ring->mask_];
    int64_t ahead = (int64_t)(sl_load_acquire_u64(turn) - (head + 1)); /* [MR1] the element */
    if (ahead > 0) { /* somebody else has taken this position */
      head = sl_load_relaxed_u64(&ring->head_);
      continue;
    }
    if (ahead < 0) return 0;
    size_t taken = 1;
    for (; taken < n; taken++) {
      uint64_t next = head + 2 * taken;
      if (sl_load_acquire_u64(&ring->turns_[next / 2 & ring->mask_]) != next + 1) break; /* [MR1] */
    }
    *ticket = head / 2;
    if (sl_cas_release_u64(&ring->head_, &head, head + 2 * taken)) return taken; /* [MR3] */
  }
}

/* Takes the oldest slot; false: empty, or its producer has not committed it. */
static inline bool sl_mpmc_ring_try_take(sl_mpmc_ring *ring, uint64_t *ticket) {
  uint64_t head = sl_load_relaxed_u64(&ring->head_);
  for (;;) {
    sl_atomic_u64 *turn = &ring->turns_[head / 2 & ring->mask_];
    int64_t ahead = (int64_t)(sl_load_acquire_u64(turn) - (head + 1)); /* [MR1] the element */
    if (ahead > 0) { /* somebody else has taken this position */
      head = sl_load_relaxed_u64(&ring->head_);
      continue;
    }
    if (ahead < 0) return false;
    *ticket = head / 2;
    if (sl_cas_release_u64(&ring->head_, &head, head + 2)) return true; /* [MR3] */
  }
}

/* Gives the taken slot back, whose element the caller has moved out. */
static inline void sl_mpmc_ring_release(sl_mpmc_ring *ring, uint64_t ticket) {
  sl_atomic_u64 *turn = &ring->turns_[ticket & ring->mask_];
  sl_store_release_u64(turn, 2 * (ticket + ring->mask_ + 1)); /* [MR2] after it was moved out */
}

#ifdef __cplusplus
}
#endif

#endif /* SL_MPMC_RING_H */
