/*
 * sl_shares.h: consumers of a claim-and-publish ring that take several elements at a time, and that take them from each
 * other again.
 *
 * Algorithm. A consumer takes a few positions of the ring at once and keeps them as its share: a range in one word.
 * It begins one after the other by moving the range's lower end up. An element stays in its slot until then, so
 * the producer's slot is free no sooner than when a consumer begins that element. A consumer that finds the ring empty
 * takes the upper half of somebody's share; and now and then each one looks at one of the others, and takes over what
 * has not moved since its last look, although there is something in the ring: whoever stays long at one
 * element keeps no other.
 *
 *   ring      [ . . . 4 5 6 7 8 9 . . ]     4 and 5: consumer 0 is at 4; 6 and 7: consumer 1 has begun 6;
 *   ranges    0: [5, 6)  1: [7, 8)          8 and 9: nobody has them
 *
 * Source. Taking half of another's work: Blumofe and Leiserson, "Scheduling Multithreaded Computations by Work
 * Stealing" (1999), and, of a range in one word, Go's run queues.
 *
 * Progress. As sl_mpmc_ring.h: not lock-free in the strict sense. Everything else here is lock-free: a
 * compare-and-swap on a range repeats only when its owner or a thief has moved it.
 *
 * Orderings. Those of sl_mpmc_ring.h, and
 *   [SH1] range, store release -> steal, compare-and-swap acquire: the elements, which the last owner has seen, are
 *         visible to the thief.
 *
 * Exclusion. One consumer a share at a time: take. Anybody: are_empty, count. The ring's other consumers, if
 * there are any, may use it as they like.
 *
 * Invariants. A position stands in one range at most. Ranges hold numbers of slots, modulo 2^32; a thread may not sleep
 * inside an operation through 2^32 elements of one consumer.
 */
#ifndef SL_SHARES_H
#define SL_SHARES_H

#include "sl_mpmc_ring.h"

typedef struct {
  char pad0_[SL_NO_SHARE];
  sl_atomic_u64 range_; /* the next position to begin, and above it, shifted by 32, the one behind the last */
  uint32_t neighbour_;  /* the consumer's: whom it looked at last, */
  uint64_t seen_;       /* and what it saw */
  char pad1_[SL_NO_SHARE];
} sl_share;

static inline uint64_t sl_share_range_(uint32_t begin, uint32_t end) { return (uint64_t)end << 32 | begin; }
static inline uint32_t sl_share_length_(uint64_t range) { return (uint32_t)(range >> 32) - (uint32_t)range; }

static inline void sl_share_init(sl_share *share) {
  sl_store_relaxed_u64(&share->range_, 0);
  share->neighbour_ = 0;
  share->seen_ = 0;
}

/* ---- Anybody ------------------------------------------------------------------------------- */

/* Elements in shares: a snapshot. */
static inline size_t sl_shares_count(const sl_share *shares, uint32_t consumers) {
  size_t count = 0;
  for (uint32_t i = 0; i < consumers; i++) count += sl_share_length_(sl_load_relaxed_u64(&shares[i].range_));
  return count;
}

/* ---- A consumer ---------------------------------------------------------------------------- */

/* The ticket of a position that was taken and not begun: its slot's turn says that it is full. */
static inline sl_mpmc_ticket sl_share_ticket_(const sl_mpmc_ring *ring, uint32_t number) {
  uint64_t place = (uint64_t)number << ring->slot_shift_;
  sl_mpmc_ticket ticket = {sl_mpmc_ring_turn_(ring, place), 0};
  ticket.done_ = sl_load_relaxed_u64(ticket.turn_) - 1 + ring->lap_; /* relaxed: [SH1], or this consumer saw it */
  return ticket;
}

/* The next of its own share. */
static inline bool sl_share_take_own_(const sl_mpmc_ring *ring, sl_share *share, sl_mpmc_ticket *ticket) {
  uint64_t range = sl_load_relaxed_u64(&share->range_);
  while (sl_share_length_(range) != 0) {
    uint32_t begin = (uint32_t)range;
    if (sl_cas_relaxed_u64(&share->range_, &range, sl_share_range_(begin + 1, (uint32_t)(range >> 32)))) {
      *ticket = sl_share_ticket_(ring, begin);
      return true;
    }
  }
  return false;
}

/* Begins the first position of [begin, end), and has the others as its share, which is empty. */
static inline void sl_share_begin_(const sl_mpmc_ring *ring, sl_share *share, uint32_t begin, uint32_t end,
                                   sl_mpmc_ticket *ticket) {
  *ticket = sl_share_ticket_(ring, begin);
  if (end - begin > 1) sl_store_release_u64(&share->range_, sl_share_range_(begin + 1, end)); /* [SH1] */
}

/* The upper half of another share, or all of it if `range` is what it has had for a while. */
static inline bool sl_share_steal_(const sl_mpmc_ring *ring, sl_share *from, uint64_t range, bool all, sl_share *share,
                                   sl_mpmc_ticket *ticket) {
  while (sl_share_length_(range) != 0) {
    uint32_t begin = (uint32_t)range, end = (uint32_t)(range >> 32);
    uint32_t middle = all ? begin : end - (end - begin + 1) / 2;
    if (sl_cas_acquire_u64(&from->range_, &range, sl_share_range_(begin, middle))) { /* [SH1] */
      sl_share_begin_(ring, share, middle, end, ticket);
      return true;
    }
    if (all) return false; /* it has moved */
  }
  return false;
}

/* Looks at one of the others: what it had at the last look and still has is taken over. */
static inline bool sl_share_relieve_(const sl_mpmc_ring *ring, sl_share *shares, uint32_t consumers, uint32_t own,
                                     sl_mpmc_ticket *ticket) {
  sl_share *share = &shares[own];
  uint32_t neighbour = share->neighbour_;
  uint64_t range = sl_load_relaxed_u64(&shares[neighbour].range_), seen = share->seen_;
  if (neighbour != own && range == seen && sl_share_length_(range) != 0) {
    share->seen_ = 0;
    return sl_share_steal_(ring, &shares[neighbour], range, true, share, ticket);
  }
  if (seen == 0 && neighbour != own && sl_share_length_(range) != 0) {
    share->seen_ = range; /* the next look is at the same one */
    return false;
  }
  share->neighbour_ = neighbour + 1 < consumers ? neighbour + 1 : 0;
  share->seen_ = 0;
  return false;
}

/*
 * Takes an element for the consumer `own`, whose slot it gives back by sl_mpmc_ring_release; at most `most` >= 1 are
 * taken together. False: neither in the ring nor in anybody's share is an element that was not begun, but perhaps
 * one whose producer has not committed it.
 */
static inline bool sl_shares_try_take(sl_mpmc_ring *ring, sl_share *shares, uint32_t consumers, uint32_t own, uint32_t most,
                                      sl_mpmc_ticket *ticket) {
  sl_share *share = &shares[own];
  if (sl_share_take_own_(ring, share, ticket)) return true;
  if (sl_share_relieve_(ring, shares, consumers, own, ticket)) return true;
  size_t fair = sl_mpmc_ring_count(ring) / consumers, n = fair < 1 ? 1 : fair < most ? fair : most;
  n = sl_mpmc_ring_try_take_many(ring, n, ticket);
  if (n > 0) {
    uint32_t begin = (uint32_t)((ticket->done_ - ring->lap_) >> ring->slot_shift_);
    if (n > 1) sl_store_release_u64(&share->range_, sl_share_range_(begin + 1, begin + (uint32_t)n)); /* [SH1] */
    return true;
  }
  for (uint32_t i = 1; i < consumers; i++) {
    sl_share *from = &shares[(own + i) % consumers];
    if (sl_share_steal_(ring, from, sl_load_relaxed_u64(&from->range_), false, share, ticket)) return true;
  }
  return false;
}

/* After all consumers have gone: the next element of any share that nobody began, for whoever ends its life. */
static inline bool sl_shares_drain(const sl_mpmc_ring *ring, sl_share *shares, uint32_t consumers, sl_mpmc_ticket *ticket) {
  for (uint32_t i = 0; i < consumers; i++) {
    if (sl_share_take_own_(ring, &shares[i], ticket)) return true;
  }
  return false;
}

#endif
