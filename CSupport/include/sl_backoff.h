/*
 * sl_backoff.h: what a thread does that has lost a race for a word: it pauses, for twice as long each
 * time. Who has the word's cache line then performs some operations in a row, at a twentieth of what the
 * line's way from core to core costs.
 *
 * Source. Anderson, "The performance of spin lock alternatives for shared-memory multiprocessors" (1990).
 *
 * Progress. Wait-free: a pause has an end, and waits for nobody. Only who was beaten pauses.
 */
#ifndef SL_BACKOFF_H
#define SL_BACKOFF_H

#include "sl_atomic.h"

/* In spin pauses: from some 0.2 to some 4 microseconds. */
#ifndef SL_BACKOFF_LIMITS_
enum { SL_BACKOFF_FIRST = 16, SL_BACKOFF_MOST = 256 };
#endif

/* *pauses is SL_BACKOFF_FIRST at the beginning of an operation. */
static inline void sl_backoff(uint32_t *pauses) {
  for (uint32_t i = 0; i < *pauses; i++) sl_spin_pause();
  if (*pauses < SL_BACKOFF_MOST) *pauses *= 2;
}

#endif /* SL_BACKOFF_H */
