/*
 * system.hpp: what stands for the operating system in the model (sl_os.h).
 *
 * A futex sleeps and wakes as the kernel's does: looking at the word and lying down are one step. Waking
 * orders no memory here, and nobody wakes for no reason: a wake-up that is lost is a deadlock, which
 * relacy reports. A wait that has an end may find that it has come, at any moment. The process-wide
 * barrier is a full fence in every thread at one moment.
 */
#ifndef SL_MODEL_SYSTEM_HPP
#define SL_MODEL_SYSTEM_HPP

#include "model.hpp"

namespace model {

/* Which kind of sl_barrier.h a test runs with: membarrier(2), or full fences at both sides. */
enum barriers { ASYMMETRIC, SYMMETRIC };

/* From `before` of each test that waits: nobody sleeps, nobody's time is over. */
void begin_system(barriers kind);

}  // namespace model

#endif
