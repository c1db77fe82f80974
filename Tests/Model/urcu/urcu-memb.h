/* urcu-memb.h: in the model this stands before liburcu's. */
#ifndef SL_MODEL_URCU_MEMB_H
#define SL_MODEL_URCU_MEMB_H

#include "../rcu.hpp"

#include <cstddef>

#define caa_container_of(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

static inline void urcu_memb_register_thread() {}
static inline void urcu_memb_unregister_thread() {}
static inline void *urcu_memb_get_default_call_rcu_data() { return nullptr; }
#define urcu_memb_read_lock() model::rcu_read_lock(SL_SITE_("section", seq_cst, true))
static inline void urcu_memb_read_unlock() { model::rcu_read_unlock(); }
#define urcu_memb_call_rcu(head, function) model::rcu_call(head, function)

#endif
