/* sl_order_ring.c: the slots of sl_order_ring.h; everything for each element is in the header. */
#include "sl_order_ring.h"

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

/* The model has words of its own. */
#ifndef SL_ORDER_RING_MEMORY_
/* calloc and not aligned_alloc: a large ring is then not touched before it is used. */
static char *make_zeroes(size_t bytes, size_t alignment, void **memory) {
  *memory = calloc(1, bytes + alignment);
  return *memory == NULL ? NULL : (char *)round_up((size_t)*memory, alignment);
}
#endif

int sl_order_ring_init(sl_order_ring *ring, size_t capacity, size_t element_size, size_t element_alignment,
                       uint64_t first_number) {
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

  ring->slots_ = make_zeroes(slots << shift, align > SL_NO_SHARE ? align : SL_NO_SHARE, &ring->memory_);
  if (ring->slots_ == NULL) return ENOMEM;
  ring->slot_shift_ = shift;
  ring->mask_ = ((uint64_t)slots << shift) - 1;
  ring->capacity_ = (uint64_t)capacity << shift;

  uint64_t first = sl_order_ring_position_(ring, first_number);
  sl_store_relaxed_u64(&ring->head_, first);
  if (first == 0) return 0;
  for (size_t i = 0; i < slots; i++) {
    uint64_t position = first + ((uint64_t)i << shift);
    sl_store_relaxed_u64(sl_order_ring_turn_(ring, position), sl_order_ring_lap_(ring, position));
  }
  return 0;
}

void sl_order_ring_destroy(sl_order_ring *ring) {
  free(ring->memory_);
  ring->memory_ = NULL;
  ring->slots_ = NULL;
}

void *sl_order_ring_left(const sl_order_ring *ring, size_t slot, size_t alignment) {
  sl_atomic_u64 *turn = sl_order_ring_turn_(ring, (uint64_t)slot << ring->slot_shift_);
  /* Laps have no low bits. */
  bool is_element = (sl_load_relaxed_u64(turn) & SL_ORDER_ELEMENT_) != 0;
  return is_element ? sl_order_ring_behind_(turn, alignment) : NULL;
}
