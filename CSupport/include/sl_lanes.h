/*
 * sl_lanes.h: a bounded queue of several producers and one consumer, with a ring for each producer.
 *
 * Algorithm. Each producer has a lane of its own, an SPSC ring, so producers share no line but one: how many
 * elements they may have enqueued together. A producer is granted a portion of them at a time, up to what the
 * consumer has taken plus n, and spends one for each element; one that waits gives back what it has not spent. The
 * consumer counts what it has taken. It stays with a lane while there is something in it, for a while, and then
 * goes on to the next. Producers have no turns: one that finds no room may find none again, while others do.
 *
 *   granted <= consumed + n
 *   lane 0    [ . . e e e . . ]  <- producer 0        consumer: lane 1, then 2, then 0 ...
 *   lane 1    [ . e . . . . . ]  <- producer 1
 *
 * So at most n elements stand in it, exactly; but a producer that neither spends its portion nor gives it back
 * leaves less for the others. The consumer tells what it has taken now and then; a producer that finds no room by that
 * adds up what was taken from each lane. Order is kept for each producer.
 *
 * Source. Credits that a receiver gives and a sender spends: Kung, Blackwell and Chapman, "Credit-Based Flow Control
 * for ATM Networks" (1994). A ring for each sender is common in message-passing runtimes.
 *
 * Progress. commit, release, give_back: wait-free. try_claim: lock-free; its compare-and-swap repeats only when
 * another producer was granted something or gave it back. try_take: wait-free, with a look at each lane. A producer
 * or the consumer that stops for good at any point stops no other, but a producer keeps its portion.
 *
 * Orderings. Those of sl_spsc_ring.h for each lane, and
 *   [LA1] tell, store release consumed -> claim, load acquire consumed: who relies on the room sees that the
 *         elements are out. Where a producer adds up, [SP2] of each lane does the same.
 *
 * Exclusion. Each lane has one producer at a time: try_claim, commit, give_back, count_by. The consumer: try_take,
 * release, tell. Anybody: count, count_at_most, has_room, is_empty, passed.
 *
 * Invariants. granted <= consumed + n when it is granted, and consumed only grows: so a compare-and-swap on granted
 * that finds the value of before, though others were granted some and gave it back meanwhile, is right. Elements that
 * stand in the lanes, what producers hold, and what the consumer has not told of, are granted - consumed. Both count
 * from first_position and wrap around at 2^64; only their difference is used.
 */
#ifndef SL_LANES_H
#define SL_LANES_H

#include "sl_spsc_ring.h"

typedef struct {
  sl_spsc_ring ring;
  sl_atomic_u64 held_; /* granted to this producer and not spent; written by it alone */
  uint64_t seen_;      /* the producer's: granted - consumed, when it was last granted something */
  char pad_[SL_NO_SHARE];
} sl_lane;

typedef struct {
  char pad0_[SL_NO_SHARE];
  sl_atomic_u64 granted_;
  char pad1_[SL_NO_SHARE];
  sl_atomic_u64 consumed_; /* as told to the producers; written by the consumer alone, as are the next three */
  uint32_t lane_;          /* that it takes from, */
  uint32_t in_row_;        /* how many it has taken from it in a row, */
  uint32_t untold_;        /* and how many in all that the producers have not been told of */
  char pad2_[SL_NO_SHARE];
  sl_lane *lanes_;
  uint64_t capacity_;
  uint64_t first_; /* position */
  uint32_t lane_count_;
  uint32_t portion_; /* that a producer is granted at a time */
  uint32_t telling_; /* elements after which the consumer tells */
  char pad3_[SL_NO_SHARE];
} sl_lanes;

/* After so many elements of one lane the consumer looks at the others; the largest portion. */
enum { SL_LANES_ROW_ = 64, SL_LANES_MOST_ = 16 };

/*
 * At most `capacity` >= 1 elements in all lanes, and 1 <= `lane_capacity` <= capacity in each one; the caller allocates
 * `lane_count` >= 1 lanes, and sl_spsc_ring_slots(lane_capacity) elements for each. There is nothing to destroy.
 */
static inline void sl_lanes_init(sl_lanes *q, sl_lane *lanes, uint32_t lane_count, size_t capacity,
                                 size_t lane_capacity, uint64_t first_position) {
  size_t portion = capacity / (8 * (size_t)lane_count), telling = capacity / 64;
  sl_store_relaxed_u64(&q->granted_, first_position);
  sl_store_relaxed_u64(&q->consumed_, first_position);
  q->lanes_ = lanes;
  q->capacity_ = capacity;
  q->first_ = first_position;
  q->lane_count_ = lane_count;
  q->portion_ = portion < 1 ? 1 : portion > SL_LANES_MOST_ ? SL_LANES_MOST_ : (uint32_t)portion;
  q->telling_ = telling < 1 ? 1 : telling > SL_LANES_MOST_ ? SL_LANES_MOST_ : (uint32_t)telling;
  q->lane_ = 0;
  q->in_row_ = 0;
  q->untold_ = 0;
  for (uint32_t i = 0; i < lane_count; i++) {
    sl_spsc_ring_init(&lanes[i].ring, lane_capacity, first_position);
    sl_store_relaxed_u64(&lanes[i].held_, 0);
    lanes[i].seen_ = 0;
  }
}

/* ---- Anybody ------------------------------------------------------------------------------- */

/* Elements in all lanes: a snapshot, exact when nobody is inside, at most capacity. */
static inline size_t sl_lanes_count(const sl_lanes *q) {
  size_t count = 0;
  for (uint32_t i = 0; i < q->lane_count_; i++) count += sl_spsc_ring_count(&q->lanes_[i].ring);
  return count < q->capacity_ ? count : (size_t)q->capacity_;
}

/* The same without a look at each lane: what producers hold counts too. */
static inline size_t sl_lanes_count_at_most(const sl_lanes *q) {
  uint64_t consumed = sl_load_relaxed_u64(&q->consumed_); /* relaxed: if granted is older, the whole capacity */
  uint64_t most = sl_load_relaxed_u64(&q->granted_) - consumed;
  return most < q->capacity_ ? (size_t)most : (size_t)q->capacity_;
}

static inline bool sl_lanes_is_empty(const sl_lanes *q) {
  for (uint32_t i = 0; i < q->lane_count_; i++) {
    if (sl_spsc_ring_count(&q->lanes_[i].ring) != 0) return false;
  }
  return true;
}

/* What may be granted beyond `granted`; too much if that is old, which a claim's compare-and-swap finds out. */
static inline int64_t sl_lanes_room_(const sl_lanes *q, uint64_t granted) {
  uint64_t consumed = sl_load_acquire_u64(&q->consumed_); /* [LA1] */
  int64_t room = (int64_t)(consumed + q->capacity_ - granted);
  if (__builtin_expect(room > 0, 1)) return room;
  consumed = q->first_;
  for (uint32_t i = 0; i < q->lane_count_; i++) consumed += sl_spsc_ring_passed(&q->lanes_[i].ring) - q->first_;
  return (int64_t)(consumed + q->capacity_ - granted);
}

/* Whether this producer could enqueue; exact for itself, but for what others do meanwhile. */
static inline bool sl_lanes_has_room(const sl_lanes *q, uint32_t producer) {
  const sl_lane *lane = &q->lanes_[producer];
  if (sl_spsc_ring_count(&lane->ring) >= sl_spsc_ring_capacity(&lane->ring)) return false;
  return sl_load_relaxed_u64(&lane->held_) != 0 || sl_lanes_room_(q, sl_load_relaxed_u64(&q->granted_)) > 0;
}

/* Whether any producer could be granted something. */
static inline bool sl_lanes_has_some_room(const sl_lanes *q) {
  return sl_lanes_room_(q, sl_load_relaxed_u64(&q->granted_)) > 0;
}

/* Elements that were taken, from the first position on, as the consumer has told: how far the flow has come. */
static inline uint64_t sl_lanes_passed(const sl_lanes *q) { return sl_load_relaxed_u64(&q->consumed_); }

/* ---- A producer ---------------------------------------------------------------------------- */

static inline bool sl_lanes_be_granted_(sl_lanes *q, sl_lane *lane) {
  uint64_t granted = sl_load_relaxed_u64(&q->granted_), portion;
  int64_t room;
  do {
    room = sl_lanes_room_(q, granted);
    if (room <= 0) return false;
    portion = room < (int64_t)q->portion_ ? (uint64_t)room : q->portion_;
  } while (!sl_cas_relaxed_u64(&q->granted_, &granted, granted + portion));
  sl_store_relaxed_u64(&lane->held_, portion);
  lane->seen_ = q->capacity_ - (uint64_t)room + portion;
  return true;
}

/* For a producer's record of how long the queue was: as it was when it was last granted something, and has become
 * longer by its own elements since. What the others hold counts too. */
static inline size_t sl_lanes_count_by(const sl_lanes *q, uint32_t producer) {
  const sl_lane *lane = &q->lanes_[producer];
  uint64_t held = sl_load_relaxed_u64(&lane->held_);
  return lane->seen_ < held ? 0 : (size_t)(lane->seen_ - held);
}

static inline sl_lane *sl_lanes_lane(const sl_lanes *q, uint32_t producer) { return &q->lanes_[producer]; }

/* Claims a slot of the producer's lane; false: n elements stand in the queue, or its lane is full. */
static inline bool sl_lane_try_claim(sl_lanes *q, sl_lane *lane, size_t *slot) {
  if (__builtin_expect(sl_load_relaxed_u64(&lane->held_) == 0, 0) && !sl_lanes_be_granted_(q, lane)) return false;
  return sl_spsc_ring_try_claim(&lane->ring, slot);
}

/* The same as a value: -1 for a full one. */
static inline int64_t sl_lane_claim(sl_lanes *q, sl_lane *lane) {
  size_t slot;
  return sl_lane_try_claim(q, lane, &slot) ? (int64_t)slot : -1;
}

/* Publishes the claimed slot, whose element the caller has initialised. */
static inline void sl_lane_commit(sl_lane *lane) {
  sl_store_relaxed_u64(&lane->held_, sl_load_relaxed_u64(&lane->held_) - 1);
  sl_spsc_ring_commit(&lane->ring);
}

static inline bool sl_lanes_try_claim(sl_lanes *q, uint32_t producer, size_t *slot) {
  return sl_lane_try_claim(q, sl_lanes_lane(q, producer), slot);
}

static inline void sl_lanes_commit(sl_lanes *q, uint32_t producer) { sl_lane_commit(sl_lanes_lane(q, producer)); }

/* The producer will enqueue nothing for a while: others may use what it was granted. True: it had something. */
static inline bool sl_lanes_give_back(sl_lanes *q, uint32_t producer) {
  sl_lane *lane = &q->lanes_[producer];
  uint64_t held = sl_load_relaxed_u64(&lane->held_);
  if (held == 0) return false;
  sl_store_relaxed_u64(&lane->held_, 0);
  sl_fetch_sub_relaxed_u64(&q->granted_, held);
  return true;
}

/* ---- The consumer -------------------------------------------------------------------------- */

/* Tells the producers of all that was taken. */
static inline void sl_lanes_tell(sl_lanes *q) {
  if (q->untold_ == 0) return;
  sl_store_release_u64(&q->consumed_, sl_load_relaxed_u64(&q->consumed_) + q->untold_); /* [LA1] */
  q->untold_ = 0;
}

/* The consumer's lane has nothing, or had its turn: the next one that has something. */
static inline bool sl_lanes_next_(sl_lanes *q, size_t *slot) {
  q->in_row_ = 0;
  for (uint32_t i = 0; i < q->lane_count_; i++) {
    if (++q->lane_ >= q->lane_count_) q->lane_ = 0;
    if (sl_spsc_ring_try_take(&q->lanes_[q->lane_].ring, slot)) return true;
  }
  sl_lanes_tell(q);
  return false;
}

/* Gives the oldest element of some lane: *slot in the lane number *producer. False: all lanes are empty. */
static inline bool sl_lanes_try_take(sl_lanes *q, uint32_t *producer, size_t *slot) {
  bool found = __builtin_expect(q->in_row_ < SL_LANES_ROW_, 1) &&
               sl_spsc_ring_try_take(&q->lanes_[q->lane_].ring, slot);
  if (__builtin_expect(!found, 0) && !sl_lanes_next_(q, slot)) return false;
  *producer = q->lane_;
  return true;
}

/* Gives the taken slot back, whose element the caller has moved out. */
static inline void sl_lanes_release(sl_lanes *q) {
  sl_spsc_ring_release(&q->lanes_[q->lane_].ring);
  q->in_row_++;
  if (__builtin_expect(++q->untold_ >= q->telling_, 0)) sl_lanes_tell(q);
}

#endif
