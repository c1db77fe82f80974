/*
 * rcu.hpp: what stands for liburcu in the model (urcu-memb.h).
 *
 * A callback may run as soon as every section that was open when it was handed to call_rcu has ended, and runs
 * in a thread of its own, the reclaimer. RCU's guarantee, and nothing more, orders memory: of a section and a
 * grace period, either the section's end comes before the callback, or what came before call_rcu comes before
 * the section's begin. What a callback frees too early is an access to freed memory, which relacy reports.
 */
#ifndef SL_MODEL_RCU_HPP
#define SL_MODEL_RCU_HPP

#include "model.hpp"

struct rcu_head {
  SL_HANDED_ON(int) state; /* written by call_rcu and before the callback */
};

namespace model {

/* From `before`: `workers` threads, from 0 on, use it, and the thread after them runs the callbacks. */
void rcu_begin(unsigned workers);

/* The body of that thread, until all workers are done and no callback is left. */
void rcu_reclaim();

/* At the end of each worker. */
void rcu_worker_ends();

/* From `after`, before anything else: runs the callbacks that are left. Later ones run at once. */
void rcu_end();

void rcu_read_lock(const site &s); /* as a mutant, callbacks do not wait for the section */
void rcu_read_unlock();
void rcu_call(rcu_head *head, void (*function)(rcu_head *));

}  // namespace model

#endif
