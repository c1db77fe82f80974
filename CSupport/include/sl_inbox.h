/*
 * sl_inbox.h: nodes that any thread puts in, and that one thread takes out, all at once.
 *
 * Algorithm. A stack of linked nodes whose owner takes all of it by one exchange. A node says whether it
 * is in: putting it in again before it was taken out does nothing, and whoever takes it out sees what
 * came before every such call, also before those that did nothing.
 *
 * Source. Treiber, "Systems Programming: Coping with Parallelism" (1986). Nothing pops single nodes, so the
 * stack is free of ABA.
 *
 * Progress. put: lock-free, and wait-free for a node that is in. take_all, take_out: wait-free. A putter that stops
 * before its node is linked keeps that one node from being taken out, though it counts as in; and no other.
 *
 * Orderings.
 *   [IB1] put, compare-and-swap release head -> take_all, exchange acquire head: the node's link and owner.
 *   [IB2] put, exchange acq_rel is_in <-> take_out, exchange acq_rel is_in: of two calls, the later one in the
 *         word's order sees what came before the earlier: either the taker sees what the putter did, or the
 *         putter finds the node out, after the taker has read its link, and puts it in anew.
 *
 * Exclusion. put: anybody, also with the same node. take_all, and take_out of the nodes that it gave: one thread.
 */
#ifndef SL_INBOX_H
#define SL_INBOX_H

#include "sl_atomic.h"

typedef struct sl_inbox_node {
  SL_HANDED_ON(struct sl_inbox_node *) next_;
  sl_atomic_u32 is_in_;
  void *owner; /* the caller's */
} sl_inbox_node;

typedef struct {
  char pad0_[SL_NO_SHARE];
  sl_atomic_u64 head_;
  char pad1_[SL_NO_SHARE];
} sl_inbox;

static inline void sl_inbox_init(sl_inbox *inbox) { sl_store_relaxed_u64(&inbox->head_, 0); }

static inline void sl_inbox_node_init(sl_inbox_node *node, void *owner) {
  node->next_ = NULL;
  sl_store_relaxed_u32(&node->is_in_, 0);
  node->owner = owner;
}

/* False: it is in already (or somebody else is putting it in), and will be taken out after this call has begun. */
static inline bool sl_inbox_put(sl_inbox *inbox, sl_inbox_node *node) {
  if (sl_exchange_acq_rel_u32(&node->is_in_, 1) != 0) return false; /* [IB2] */
  uint64_t head = sl_load_relaxed_u64(&inbox->head_);
  do {
    node->next_ = (sl_inbox_node *)(uintptr_t)head;
  } while (!sl_cas_release_u64(&inbox->head_, &head, (uint64_t)(uintptr_t)node)); /* [IB1] */
  return true;
}

static inline bool sl_inbox_is_empty(const sl_inbox *inbox) { return sl_load_relaxed_u64(&inbox->head_) == 0; }

/* The first of all nodes that are in; each of them is then taken out. NULL: there are none. */
static inline sl_inbox_node *sl_inbox_take_all(sl_inbox *inbox) {
  return (sl_inbox_node *)(uintptr_t)sl_exchange_acquire_u64(&inbox->head_, 0); /* [IB1] */
}

/* Takes this node out; the next one, or NULL. */
static inline sl_inbox_node *sl_inbox_take_out(sl_inbox_node *node) {
  sl_inbox_node *next = node->next_;         /* [IB1] */
  sl_exchange_acq_rel_u32(&node->is_in_, 0); /* [IB2] */
  return next;
}

#endif
