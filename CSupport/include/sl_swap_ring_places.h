/*
 * sl_swap_ring_places.h: the record of sl_swap_ring.h, which is described there, and the arithmetic of its
 * places and entries. Nothing here is an access to what changes.
 */
#ifndef SL_SWAP_RING_PLACES_H
#define SL_SWAP_RING_PLACES_H

#include "sl_atomic.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What never changes. Operations keep a copy, so that the compiler need not read it again after each
 * access to what does. A place is the turn of a free entry and an index: turn << turn_shift | index. */
typedef struct {
  sl_atomic_u64 *entries;
  uint64_t last_index; /* capacity: there is one entry more */
  uint64_t turn_unit;  /* 1 << turn_shift */
  uint32_t turn_shift; /* below: one bit for closed, then the cell */
} sl_swap_ring_shape_;

typedef struct {
  char pad0_[SL_NO_SHARE];
  sl_atomic_u64 tail_; /* a place before which all are filled */
  char pad1_[SL_NO_SHARE];
  sl_atomic_u64 head_; /* a place before which all are taken */
  char pad2_[SL_NO_SHARE];
  sl_swap_ring_shape_ shape_;
  char pad3_[SL_NO_SHARE];
} sl_swap_ring;

static inline uint64_t sl_swap_ring_index_(const sl_swap_ring_shape_ *shape, uint64_t place) {
  return place & (shape->turn_unit - 1);
}

static inline sl_atomic_u64 *sl_swap_ring_entry_(const sl_swap_ring_shape_ *shape, uint64_t place) {
  return &shape->entries[sl_swap_ring_index_(shape, place)];
}

/* After the last index comes index 0, two turns later. */
static inline uint64_t sl_swap_ring_next_(const sl_swap_ring_shape_ *shape, uint64_t place) {
  bool last = sl_swap_ring_index_(shape, place) == shape->last_index;
  return last ? (place - shape->last_index) + 2 * shape->turn_unit : place + 1;
}

/* The entry of `place` while it is to be filled (full = 0) or to be taken (full = 1), with cell 0. */
static inline uint64_t sl_swap_ring_word_(const sl_swap_ring_shape_ *shape, uint64_t place, uint64_t full) {
  uint64_t turn = place & (0 - shape->turn_unit);
  return full != 0 ? turn + shape->turn_unit : turn;
}

/* How many turns `entry` is ahead of `word`, times turn_unit. */
static inline int64_t sl_swap_ring_ahead_(const sl_swap_ring_shape_ *shape, uint64_t entry, uint64_t word) {
  return (int64_t)((entry & (0 - shape->turn_unit)) - word);
}

static inline uint64_t sl_swap_ring_closed_bit_(const sl_swap_ring_shape_ *shape) {
  return shape->turn_unit / 2;
}

static inline uint32_t sl_swap_ring_cell_(const sl_swap_ring_shape_ *shape, uint64_t entry) {
  return (uint32_t)(entry & (sl_swap_ring_closed_bit_(shape) - 1));
}

/* The entry of `place` is `ahead` > 0 further than was looked for: the next place to look at. Two
 * turns are a round: the place was filled (taken) in each of the rounds between, too. */
static inline uint64_t sl_swap_ring_skip_(const sl_swap_ring_shape_ *shape, uint64_t place, int64_t ahead) {
  uint64_t rounds = ((uint64_t)ahead - shape->turn_unit) & (0 - 2 * shape->turn_unit);
  return sl_swap_ring_next_(shape, place + rounds);
}

#ifdef __cplusplus
}
#endif

#endif /* SL_SWAP_RING_PLACES_H */
