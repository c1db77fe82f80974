/* sl_mpmc_ring.c: allocation for sl_mpmc_ring.h; everything for each item is in the header. */
#include "sl_mpmc_ring.h"

#include <errno.h>
#include <stdlib.h>

int sl_mpmc_ring_init(sl_mpmc_ring *ring, size_t capacity, uint64_t first_position) {
  if (capacity == 0) return EINVAL;
  size_t slots = sl_mpmc_ring_slots(capacity);
  /* Turns count 2 a position and are compared with a sign: 62 bits are left. */
  if (slots == 0 || slots > (SIZE_MAX >> 2) / sizeof(sl_atomic_u64)) return ENOMEM;

  size_t bytes = slots * sizeof(sl_atomic_u64);
  size_t rounded = (bytes + SL_NO_SHARE - 1) / SL_NO_SHARE * SL_NO_SHARE;
  sl_atomic_u64 *turns = (sl_atomic_u64 *)aligned_alloc(SL_NO_SHARE, rounded);
  if (turns == NULL) return ENOMEM;

  for (size_t i = 0; i < slots; i++) {
    uint64_t position = first_position + i;
    sl_store_relaxed_u64(&turns[position & (slots - 1)], 2 * position);
  }
  sl_store_relaxed_u64(&ring->tail_, 2 * first_position);
  sl_store_relaxed_u64(&ring->head_, 2 * first_position);
  ring->turns_ = turns;
  ring->capacity_ = capacity;
  ring->mask_ = slots - 1;
  return 0;
}

void sl_mpmc_ring_destroy(sl_mpmc_ring *ring) {
  free(ring->turns_);
  ring->turns_ = NULL;
}
