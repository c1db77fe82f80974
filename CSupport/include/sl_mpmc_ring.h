/*
 * sl_mpmc_ring.h: a bounded ring between many producers and many consumers.
 *
 * Algorithm. A producer (consumer) claims the next position by compare-and-swap on `tail` (`head`)
 * once the position's slot says that it is free (full) for that very position, works on the slot
 * alone, and then publishes by storing the slot's next turn.
 *
 *     producers' line       consumers' line   read-only line
 *     | tail, closed | pad | head | pad      | slots | capacity | … | pad
 *
 *     slots:   | turn, element | turn, element | …     a power of two of bytes each, at least 16
 *
 *     turn:    p           free for the producer of p
 *              p + 1       full for the consumer of p
 *              p + slots   released: free for the next round's producer
 *
 * Positions, and so turns, count in bytes of slots: p & mask is where the slot lies, and the low bits are
 * free. The lowest bit of `tail` says that the ring is closed, for good: no slot is free for such a
 * position. An element lies behind its turn, so that a hand-over of a small one moves a single line from
 * core to core. A ticket holds where the turn lies and which turn ends the ticket's use: both are worked
 * out before the compare-and-swap, since what comes after it waits for it.
 *
 * Source. Vyukov, "Bounded MPMC queue" (1024cores, 2010). Differences: turns count by more than 1 a
 * position, so that one slot suffices for capacity 1 (in the original, "full for p" and "free for
 * p + 1" are the same number then); any capacity >= 1 is kept exactly: where there are more slots than
 * that, position p waits for the release of position p - capacity too; claim and commit, take and
 * release are separate steps; several slots may be claimed or taken at once; a ring can be closed.
 *
 * Progress. NOT lock-free in the strict sense (sl_swap_ring.h is). commit, release, close and
 * element are wait-free. try_claim and try_take never wait, and repeat a step only when another thread
 * has claimed or taken, after a pause (sl_backoff.h); but a producer that stops between claim and commit
 * makes its slot look empty to consumers, which then say "empty" although later slots are committed,
 * and a consumer that stops between take and release makes its slot look full to the producer of the
 * next round. Keep both gaps short.
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
 * Invariants. 0 <= tail - head <= capacity <= slots, modulo the wrap-around: never more than `capacity`
 * positions claimed by producers and not released by consumers. A claim looks at turns before its
 * compare-and-swap on tail, and a released slot stays so until its next position is claimed: so the
 * bound holds when it succeeds. Producers never read head, nor consumers tail. Positions wrap around at
 * 2^64 bytes of slots, which the ring's size divides; only signed differences are compared, and no
 * thread may sleep inside one operation through 2^56 others.
 *
 * A dead thread. One that dies between claim and commit blocks all consumers at its position for
 * good; one that dies between take and release blocks all producers a round later.
 */
#ifndef SL_MPMC_RING_H
#define SL_MPMC_RING_H

#include "sl_backoff.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  char pad0_[SL_NO_SHARE];
  sl_atomic_u64 tail_; /* the next position to claim, and the closed bit */
  char pad1_[SL_NO_SHARE];
  sl_atomic_u64 head_; /* the next position to take */
  char pad2_[SL_NO_SHARE];
  char *slots_;
  uint64_t mask_;       /* of a slot's place, in bytes */
  uint64_t slot_bytes_; /* 1 << slot_shift_ */
  uint64_t lap_;        /* all slots, in bytes */
  uint64_t spare_;      /* those beyond the capacity, in bytes */
  uint32_t slot_shift_;
  char pad3_[SL_NO_SHARE];
} sl_mpmc_ring;

enum { SL_MPMC_CLOSED_ = 1 };

/* A slot that was claimed or taken. */
typedef struct {
  sl_atomic_u64 *turn_;
  uint64_t done_; /* the turn to publish */
} sl_mpmc_ticket;

/*
 * A ring for `capacity` elements of `element_size` bytes (a multiple of the alignment) at multiples of
 * `element_alignment`, a power of two. A slot has the next power of two above 8 bytes and an element.
 * Returns 0, ENOMEM, or EINVAL for a capacity of 0, or a size and an alignment that do not fit.
 * `first_position` is 0 but in tests, which start just below the wrap-around.
 */
int sl_mpmc_ring_init(sl_mpmc_ring *ring, size_t capacity, size_t element_size,
                      size_t element_alignment, uint64_t first_position);

/* Frees the slots; elements that are still in them are dropped as bytes. */
void sl_mpmc_ring_destroy(sl_mpmc_ring *ring);

static inline size_t sl_mpmc_ring_capacity(const sl_mpmc_ring *ring) {
  return (size_t)((ring->lap_ - ring->spare_) >> ring->slot_shift_);
}

static inline sl_atomic_u64 *sl_mpmc_ring_turn_(const sl_mpmc_ring *ring, uint64_t position) {
  return (sl_atomic_u64 *)(void *)(ring->slots_ + (position & ring->mask_));
}

/* ---- Tickets ------------------------------------------------------------------------------- */

static inline sl_mpmc_ticket sl_mpmc_ring_ticket_(const sl_mpmc_ring *ring, uint64_t position, uint64_t done) {
  sl_mpmc_ticket ticket = {sl_mpmc_ring_turn_(ring, position), done};
  return ticket;
}

/* The number of the slot: below the capacity's next power of two. */
static inline size_t sl_mpmc_ring_slot_of(const sl_mpmc_ring *ring, sl_mpmc_ticket ticket) {
  return (size_t)((char *)ticket.turn_ - ring->slots_) >> ring->slot_shift_;
}

/* Of a slot that was taken: its position, counted from 0 in the order in which positions are taken. Together
 * with first_position it wraps around at 2^64 bytes of slots. */
static inline uint64_t sl_mpmc_ring_number_of(const sl_mpmc_ring *ring, sl_mpmc_ticket ticket) {
  return (ticket.done_ - ring->lap_) >> ring->slot_shift_;
}

/* The memory of the slot's element; `alignment` is the ring's. */
static inline void *sl_mpmc_ring_element(sl_mpmc_ticket ticket, size_t alignment) {
  return (char *)ticket.turn_ + (alignment > sizeof(sl_atomic_u64) ? alignment : sizeof(sl_atomic_u64));
}

/* Of those that were claimed or taken together, `first` being the first: the ticket number `index`. */
static inline sl_mpmc_ticket sl_mpmc_ring_ticket_at(const sl_mpmc_ring *ring, sl_mpmc_ticket first, size_t index) {
  uint64_t done = first.done_ + ((uint64_t)index << ring->slot_shift_); /* 1 or a lap after the position: */
  return sl_mpmc_ring_ticket_(ring, done, done);                        /* it lies in the same place */
}

/* Positions claimed and not taken: a snapshot, exact when nobody is inside, at most capacity. */
static inline size_t sl_mpmc_ring_count(const sl_mpmc_ring *ring) {
  uint64_t head = sl_load_acquire_u64(&ring->head_); /* [MR3] before tail */
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_); /* relaxed: [MR3] has brought it */
  uint64_t bytes = tail - head; /* both may have moved on in between: too large, never negative */
  uint64_t most = ring->lap_ - ring->spare_;
  return (size_t)((bytes < most ? bytes : most) >> ring->slot_shift_);
}

/* Elements taken so far, from the first position on: how far the flow has come. */
static inline uint64_t sl_mpmc_ring_passed(const sl_mpmc_ring *ring) {
  return sl_load_relaxed_u64(&ring->head_) >> ring->slot_shift_;
}

/* ---- Closing ------------------------------------------------------------------------------- */

/* Every claim that begins after this fails. True for the call that closed the ring. */
static inline bool sl_mpmc_ring_close(sl_mpmc_ring *ring) {
  return (sl_fetch_or_release_u64(&ring->tail_, SL_MPMC_CLOSED_) & SL_MPMC_CLOSED_) == 0; /* [MR4] */
}

static inline bool sl_mpmc_ring_is_closed(const sl_mpmc_ring *ring) {
  return (sl_load_relaxed_u64(&ring->tail_) & SL_MPMC_CLOSED_) != 0;
}

/* Whether the ring is closed and every position that was ever claimed has been taken: the end. */
static inline bool sl_mpmc_ring_is_drained(const sl_mpmc_ring *ring) {
  uint64_t tail = sl_load_acquire_u64(&ring->tail_); /* [MR4] */
  /* Relaxed: a head that has come to the last tail stays there. */
  return (tail & SL_MPMC_CLOSED_) != 0 && sl_load_relaxed_u64(&ring->head_) == tail - SL_MPMC_CLOSED_;
}

/* ---- Producers ----------------------------------------------------------------------------- */

/* Whether the capacity leaves room for the position: the one `capacity` before it has been released. */
static inline bool sl_mpmc_ring_has_room_(const sl_mpmc_ring *ring, uint64_t position) {
  if (__builtin_expect(ring->spare_ == 0, 1)) return true; /* that is the slot's own last position */
  uint64_t before = position - (ring->lap_ - ring->spare_);
  uint64_t turn = sl_load_acquire_u64(sl_mpmc_ring_turn_(ring, before)); /* [MR2] */
  return (int64_t)(turn - (before + ring->lap_)) >= 0;
}

/*
 * Claims up to n slots to initialise, *ticket being the first of them
 * (sl_mpmc_ring_ticket_at); how many. 0: full, closed, or the next slot's last consumer has not released it.
 * n >= 1.
 */
static inline size_t sl_mpmc_ring_try_claim_many(sl_mpmc_ring *ring, size_t n, sl_mpmc_ticket *ticket) {
  uint32_t pauses = SL_BACKOFF_FIRST;
  for (;; sl_backoff(&pauses)) {
    uint64_t slot = ring->slot_bytes_, tail = sl_load_relaxed_u64(&ring->tail_), next = tail + slot;
    *ticket = sl_mpmc_ring_ticket_(ring, tail, tail + 1);
    uint64_t turn = sl_load_acquire_u64(ticket->turn_); /* [MR2] the slot is empty */
    if (turn == tail) {
      if (!sl_mpmc_ring_has_room_(ring, tail)) return 0;
      size_t claimed = 1;
      for (; claimed < n; claimed++, next += slot) {
        if (sl_load_acquire_u64(sl_mpmc_ring_turn_(ring, next)) != next) break; /* [MR2] */
        if (!sl_mpmc_ring_has_room_(ring, next)) break;
      }
      if (sl_cas_relaxed_u64(&ring->tail_, &tail, next)) return claimed;
    } else if ((int64_t)(turn - tail) < 0) {
      return 0; /* full, or closed: then tail is one more than the turn of a free slot */
    } /* else somebody else has claimed this position */
  }
}

/* Whether a claim may succeed now; for a producer that waits until it would, and then claims. */
static inline bool sl_mpmc_ring_may_claim(const sl_mpmc_ring *ring) {
  uint64_t tail = sl_load_relaxed_u64(&ring->tail_);
  uint64_t turn = sl_load_relaxed_u64(sl_mpmc_ring_turn_(ring, tail)); /* relaxed: nobody relies on it alone */
  if (turn != tail) return (int64_t)(turn - tail) > 0; /* somebody was quicker: the next place may be free as well */
  return sl_mpmc_ring_has_room_(ring, tail);
}

/* Claims a slot to initialise; false: full, closed, or the slot's last consumer has not released it.
 * (As try_claim_many with n = 1, without what is only for several.) */
static inline bool sl_mpmc_ring_try_claim(sl_mpmc_ring *ring, sl_mpmc_ticket *ticket) {
  uint32_t pauses = SL_BACKOFF_FIRST;
  for (;; sl_backoff(&pauses)) {
    uint64_t tail = sl_load_relaxed_u64(&ring->tail_), next = tail + ring->slot_bytes_;
    *ticket = sl_mpmc_ring_ticket_(ring, tail, tail + 1);
    uint64_t turn = sl_load_acquire_u64(ticket->turn_); /* [MR2] the slot is empty */
    if (turn == tail) {
      if (!sl_mpmc_ring_has_room_(ring, tail)) return false;
      if (sl_cas_relaxed_u64(&ring->tail_, &tail, next)) return true;
    } else if ((int64_t)(turn - tail) < 0) {
      return false; /* full, or closed: then tail is one more than the turn of a free slot */
    } /* else somebody else has claimed this position */
  }
}

/* Publishes the claimed slot, whose element the caller has initialised. */
static inline void sl_mpmc_ring_commit(sl_mpmc_ticket ticket) {
  sl_store_release_u64(ticket.turn_, ticket.done_); /* [MR1] publishes the element */
}

/* Publishes n slots that were claimed together. The first one comes last: whoever waits for it then finds all
 * of them, and not the first alone. */
static inline void sl_mpmc_ring_commit_many(const sl_mpmc_ring *ring, sl_mpmc_ticket first, size_t n) {
  while (n-- > 0) sl_mpmc_ring_commit(sl_mpmc_ring_ticket_at(ring, first, n));
}

/* ---- Consumers ----------------------------------------------------------------------------- */

/*
 * Takes up to n of the oldest slots, *ticket being the first of them; how many. 0:
 * empty, or the next slot's producer has not committed it. n >= 1.
 */
static inline size_t sl_mpmc_ring_try_take_many(sl_mpmc_ring *ring, size_t n, sl_mpmc_ticket *ticket) {
  uint32_t pauses = SL_BACKOFF_FIRST;
  for (;; sl_backoff(&pauses)) {
    uint64_t slot = ring->slot_bytes_, head = sl_load_relaxed_u64(&ring->head_), next = head + slot;
    *ticket = sl_mpmc_ring_ticket_(ring, head, head + ring->lap_);
    uint64_t turn = sl_load_acquire_u64(ticket->turn_); /* [MR1] the element */
    if (turn == head + 1) {
      size_t taken = 1;
      for (; taken < n; taken++, next += slot) {
        if (sl_load_acquire_u64(sl_mpmc_ring_turn_(ring, next)) != next + 1) break; /* [MR1] */
      }
      if (sl_cas_release_u64(&ring->head_, &head, next)) return taken; /* [MR3] */
    } else if ((int64_t)(turn - (head + 1)) < 0) {
      return 0;
    } /* else somebody else has taken this position */
  }
}

/* Takes the oldest slot; false: empty, or its producer has not committed it. */
static inline bool sl_mpmc_ring_try_take(sl_mpmc_ring *ring, sl_mpmc_ticket *ticket) {
  uint32_t pauses = SL_BACKOFF_FIRST;
  for (;; sl_backoff(&pauses)) {
    uint64_t head = sl_load_relaxed_u64(&ring->head_), next = head + ring->slot_bytes_;
    *ticket = sl_mpmc_ring_ticket_(ring, head, head + ring->lap_);
    uint64_t turn = sl_load_acquire_u64(ticket->turn_); /* [MR1] the element */
    if (turn == head + 1) {
      if (sl_cas_release_u64(&ring->head_, &head, next)) return true; /* [MR3] */
    } else if ((int64_t)(turn - (head + 1)) < 0) {
      return false;
    } /* else somebody else has taken this position */
  }
}

/* Gives the taken slot back, whose element the caller has moved out. */
static inline void sl_mpmc_ring_release(sl_mpmc_ticket ticket) {
  sl_store_release_u64(ticket.turn_, ticket.done_); /* [MR2] it is out */
}

/* Gives n slots back that were taken together, the first one last. */
static inline void sl_mpmc_ring_release_many(const sl_mpmc_ring *ring, sl_mpmc_ticket first, size_t n) {
  while (n-- > 0) sl_mpmc_ring_release(sl_mpmc_ring_ticket_at(ring, first, n));
}

#ifdef __cplusplus
}
#endif

#endif /* SL_MPMC_RING_H */
