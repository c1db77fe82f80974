/* sl_mpmc_ring.c: the slots of sl_mpmc_ring.h; everything for each item is in the header. */
#include "sl_mpmc_ring.h"

#include <errno.h>
#include <stdlib.h>

/* The largest slot that holds an element beside its turn. */
enum { LARGEST_SLOT = 64, SMALLEST_SHIFT = 4 };

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
  size_t offset = round_up(sizeof(sl_atomic_u64), align);
  bool apart = align > LARGEST_SLOT || element_size > LARGEST_SLOT - sizeof(sl_atomic_u64) ||
               offset + element_size > LARGEST_SLOT;
  uint32_t shift = shift_for(apart ? sizeof(sl_atomic_u64) : offset + element_size);

  size_t slots = 1;
  while (slots < capacity && slots < SIZE_MAX / 2) slots *= 2;
  size_t most = SIZE_MAX / 4 >> shift; /* a lap is a small part of all positions */
  if (slots > most || (element_size > 0 && capacity > SIZE_MAX / 4 / element_size)) return ENOMEM;

  char *memory = (char *)aligned_alloc(SL_NO_SHARE, round_up(slots << shift, SL_NO_SHARE));
  if (memory == NULL) return ENOMEM;
  char *elements = memory + offset;
  if (apart) {
    size_t no_share = align > SL_NO_SHARE ? align : SL_NO_SHARE;
    elements = (char *)aligned_alloc(no_share, round_up(slots * element_size, no_share));
    if (elements == NULL) {
      free(memory);
      return ENOMEM;
    }
  }
  ring->slots_ = memory;
  ring->elements_ = elements;
  ring->elements_apart_ = apart;
  ring->element_bytes_ = element_size;
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
  if (ring->elements_apart_) free(ring->elements_);
  free(ring->slots_);
  ring->slots_ = NULL;
}
