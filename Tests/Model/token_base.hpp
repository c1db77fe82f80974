/* token_base.hpp: work that comes for a worker, which one thread at a time runs, in whatever way it was woken. */
#ifndef SL_MODEL_TOKEN_BASE_HPP
#define SL_MODEL_TOKEN_BASE_HPP

#include "system.hpp"

#include "sl_token.h"

/* What there is to do, and the queue of runnable tokens, order nothing: the token's own state has to. */
template <typename Suite, unsigned THREADS, int PIECES> struct token_base : rl::test_suite<Suite, THREADS> {
  sl_token token;
  sl_atomic_u32 posted[PIECES];
  rl::var<int> memory;  /* the worker's */
  bool is_done[PIECES];
  sl_atomic_u32 runnable; /* a semaphore */

  void before() {
    model::begin_system(model::ASYMMETRIC);
    sl_token_init(&token, SL_TOKEN_PARKED);
    for (auto &each : posted) sl_store_relaxed_u32(&each, 0);
    for (bool &each : is_done) each = false;
    VAR(memory) = 0;
    sl_store_relaxed_u32(&runnable, 0);
  }

  void make_runnable(uint32_t count = 1) {
    sl_fetch_add_relaxed_u32(&runnable, count);
    sl_futex_wake(&runnable, count);
  }

  void await_runnable() {
    for (;;) {
      uint32_t n = sl_load_relaxed_u32(&runnable);
      while (n > 0)
        if (sl_cas_relaxed_u32(&runnable, &n, n - 1)) return;
      sl_futex_wait(&runnable, 0, UINT64_MAX);
    }
  }

  void wake(sl_wake action) {
    RL_ASSERT(action != SL_WAKE_TASK);
    if (action == SL_WAKE_ENQUEUE) make_runnable();
  }

  void post(int piece) {
    sl_store_relaxed_u32(&posted[piece], 1);
    wake(sl_token_unpark(&token));
  }

  /* The holder looks once; whether all is done. */
  bool look() {
    bool all = true;
    for (int i = 0; i < PIECES; i++) {
      if (!is_done[i] && sl_load_relaxed_u32(&posted[i]) == 1) {
        is_done[i] = true;
        VAR(memory) = VAR(memory) + 1;
      }
      all = all && is_done[i];
    }
    return all;
  }

  void after() {
    for (bool each : is_done) RL_ASSERT(each);
    RL_ASSERT(VAR(memory) == PIECES);
  }
};

#endif
