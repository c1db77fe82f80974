/* sl_spmc_ring.c: the slots of sl_spmc_ring.h; everything for each item is in the header. */
#include "sl_spmc_ring.h"

#include <errno.h>
#include <stdlib.h>

int sl_spmc_ring_init(sl_spmc_ring *ring, size_t capacity, size_t size, uint64_t first_position) {
  if (capacity == 0 || size > SL_SPMC_LARGEST) return EINVAL;
  size_t slots = 1;
  while (slots < capacity && slots < SIZE_MAX / 2) slots *= 2;
  size_t words = sl_spmc_words_(size);
  if (slots > (SIZE_MAX / 4) / SL_SPMC_LARGEST) return ENOMEM;

  size_t bytes = slots * words * sizeof(sl_atomic_u64);
  bytes = (bytes / SL_NO_SHARE + 1) * SL_NO_SHARE;
  sl_atomic_u64 *memory = (sl_atomic_u64 *)aligned_alloc(SL_NO_SHARE, bytes);
  if (memory == NULL) return ENOMEM;
  for (size_t i = 0; i < slots * words; i++) sl_store_relaxed_u64(&memory[i], 0);
  ring->words_ = memory;
  ring->capacity_ = capacity;
  ring->mask_ = slots - 1;
  ring->limit_ = first_position + capacity;
  sl_store_relaxed_u64(&ring->tail_, first_position);
  sl_store_relaxed_u64(&ring->head_, first_position);
  return 0;
}

void sl_spmc_ring_destroy(sl_spmc_ring *ring) {
  free(ring->words_);
  ring->words_ = NULL;
}
