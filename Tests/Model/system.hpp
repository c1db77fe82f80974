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

#include "sl_os.h"

namespace model {

/* Which kind of sl_barrier.h a test runs with: membarrier(2), or full fences at both sides. UNORDERED is not
 * one: membarrier does nothing. */
enum barriers { ASYMMETRIC, SYMMETRIC, UNORDERED };

/* From `before` of each test that waits: nobody sleeps, nobody's time is over. */
void begin_system(barriers kind);

void process_barrier(const site &s);

}  // namespace model

/* Each call is a site of its own. */
#define sl_process_barrier() model::process_barrier(SL_SITE_("membarrier", seq_cst, true))

#endif
