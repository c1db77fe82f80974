/* swap_ring_base.hpp: what all tests of sl_swap_ring.h have. */
#ifndef SL_MODEL_SWAP_RING_BASE_HPP
#define SL_MODEL_SWAP_RING_BASE_HPP

#include "words.hpp"

#include "sl_swap_ring.h"

template <typename Suite, size_t CAPACITY, unsigned THREADS> struct swap_ring_base : rl::test_suite<Suite, THREADS> {
  enum { CELLS = CAPACITY + 1 + THREADS };
  sl_swap_ring ring;
  rl::var<int> cells[CELLS];
  uint32_t mine[THREADS + 1];
  int taken[16];
  int accepted;

  void before() {
    /* The turn wraps around after this round. */
    sl_swap_ring_init(&ring, CAPACITY, THREADS, 0);
    uint64_t first = (((uint64_t)1 << (63 - ring.shape_.turn_shift)) - 1);
    sl_swap_ring_destroy(&ring);
    sl_swap_ring_init(&ring, CAPACITY, THREADS, first);
    for (unsigned i = 0; i < THREADS; i++) mine[i] = CAPACITY + 1 + i;
    memset(taken, 0, sizeof taken);
    accepted = 0;
  }

  sl_result enqueue(unsigned thread, int element) {
    VAR(cells[mine[thread]]) = element;
    sl_result result = sl_swap_ring_try_enqueue(&ring, &mine[thread]);
    accepted += result == SL_OK;
    return result;
  }

  /* The element; -1: empty; -2: closed and drained. */
  int dequeue(unsigned thread) {
    sl_result result = sl_swap_ring_try_dequeue(&ring, &mine[thread]);
    if (result != SL_OK) return result == SL_EMPTY ? -1 : -2;
    int element = VAR(cells[mine[thread]]);
    VAR(cells[mine[thread]]) = -1; /* moved out */
    RL_ASSERT(element >= 0 && ++taken[element] == 1);
    return element;
  }

  void after() {
    int more = 0;
    while (dequeue(0) >= 0) RL_ASSERT(++more <= (int)CAPACITY);
    int all = 0;
    for (int n : taken) all += n;
    RL_ASSERT(all == accepted);
    RL_ASSERT(sl_swap_ring_count(&ring) == 0);
    bool seen[CELLS] = {};
    for (uint64_t i = 0; i <= CAPACITY; i++) {
      uint64_t entry = sl_load_relaxed_u64(&ring.shape_.entries[i]);
      uint32_t cell = sl_swap_ring_cell_(&ring.shape_, entry);
      RL_ASSERT(cell < CELLS && !seen[cell]);
      seen[cell] = true;
    }
    for (unsigned i = 0; i < THREADS; i++) {
      RL_ASSERT(mine[i] < CELLS && !seen[mine[i]]);
      seen[mine[i]] = true;
    }
    sl_swap_ring_destroy(&ring);
  }
};

#endif
