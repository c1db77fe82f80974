/* sl_swap_ring.c: allocation for sl_swap_ring.h; everything for each item is in the header. */
#include "sl_swap_ring.h"

#include <errno.h>
#include <stdlib.h>

static uint32_t bits_for(uint64_t values) {
  uint32_t bits = 0;
  while (((uint64_t)1 << bits) < values) bits++;
  return bits;
}

int sl_swap_ring_init(sl_swap_ring *ring, size_t capacity, size_t spare_cells, uint64_t first_round) {
  uint64_t limit = (uint64_t)1 << 31; /* cells are numbered in 32 bits */
  if (capacity == 0 || spare_cells == 0 || capacity >= limit || spare_cells >= limit) return EINVAL;

  uint64_t entries = (uint64_t)capacity + 1;
  size_t bytes = (size_t)(entries * sizeof(sl_atomic_u64));
  size_t rounded = (bytes + SL_NO_SHARE - 1) / SL_NO_SHARE * SL_NO_SHARE;
  sl_swap_ring_shape_ *shape = &ring->shape_;
  shape->entries = (sl_atomic_u64 *)aligned_alloc(SL_NO_SHARE, rounded);
  if (shape->entries == NULL) return ENOMEM;

  shape->last_index = capacity;
  shape->turn_shift = bits_for(entries + spare_cells) + 1;
  shape->turn_unit = (uint64_t)1 << shape->turn_shift;
  uint64_t first = first_round << (shape->turn_shift + 1); /* two turns a round */
  for (uint64_t i = 0; i < entries; i++) {
    sl_store_relaxed_u64(&shape->entries[i], sl_swap_ring_word_(shape, first + i, 0) | i);
  }
  sl_store_relaxed_u64(&ring->tail_, first);
  sl_store_relaxed_u64(&ring->head_, first);
  return 0;
}

void sl_swap_ring_destroy(sl_swap_ring *ring) {
  free(ring->shape_.entries);
  ring->shape_.entries = NULL;
}
