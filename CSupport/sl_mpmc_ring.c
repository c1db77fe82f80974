/* sl_mpmc_ring.c: the slots of sl_mpmc_ring.h; everything for each item is in the header. */
#include "sl_mpmc_ring.h"

#include <errno.h>
#include <stdlib.h>

enum { SMALLEST_SHIFT = 4 };

static size_t round_up(size_t n, size_t power_of_two) {
  return (n + power_of_two - 1) & ~(power_of_two - 1);
}

static uint32_t shift_for(size_t bytes) {
  uint32_t shift = SMALLEST_SHIFT;
  while (((size_t)1 << shift) < bytes) shift++;
  return shift;
}

int sl_mpmc_ring_init(sl_mpmc_ring *ring, size_t capacity, size_t element_size,
                      size_t element_alignment, uint64_t first_position) {
  size_t align = element_alignment;
  if (capacity == 0 || align == 0 || (align & (align - 1)) != 0 || element_size % align != 0)
    return EINVAL;
  size_t most_bytes = SIZE_MAX / 4; /* a lap is a small part of all positions */
  size_t offset = round_up(sizeof(sl_atomic_u64), align);
  if (align > most_bytes || element_size > most_bytes - offset) return ENOMEM;
  uint32_t shift = shift_for(offset + element_size);

  size_t slots = 1;
  while (slots < capacity && slots < SIZE_MAX / 2) slots *= 2;
  if (slots > most_bytes >> shift) return ENOMEM;

  size_t no_share = align > SL_NO_SHARE ? align : SL_NO_SHARE;
  char *memory = (char *)aligned_alloc(no_share, round_up(slots << shift, no_share));
  if (memory == NULL) return ENOMEM;
  ring->slots_ = memory;
  ring->slot_shift_ = shift;
  ring->slot_bytes_ = (uint64_t)1 << shift;
  ring->lap_ = (uint64_t)slots << shift;
  ring->spare_ = (uint64_t)(slots - capacity) << shift;
  ring->mask_ = ring->lap_ - ring->slot_bytes_;

  uint64_t first = first_position << shift;
  for (size_t i = 0; i < slots; i++) {
    uint64_t position = first + i * ring->slot_bytes_;
    sl_store_relaxed_u64(sl_mpmc_ring_turn_(ring, position), position);
  }
  sl_store_relaxed_u64(&ring->tail_, first);
  sl_store_relaxed_u64(&ring->head_, first);
  return 0;
}

void sl_mpmc_ring_destroy(sl_mpmc_ring *ring) {
  free(ring->slots_);
  ring->slots_ = NULL;
}
