/* sl_unbounded_queue.c: segments, reclamation and the operations of sl_unbounded_queue.h. */
#include "sl_unbounded_queue.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <urcu/urcu-memb.h>

/*
 * The sanitizers cannot see into liburcu. ThreadSanitizer is told at both ends of [UQ6] that a
 * grace period orders them; under AddressSanitizer segments come from the heap, so that it knows
 * when one is used after its end, and finds what hangs on one when it looks for leaks.
 */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if __has_feature(thread_sanitizer) || defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
static char grace_period;
#define TELL_TSAN_(what) __tsan_##what(&grace_period)
#else
#define TELL_TSAN_(what) ((void)0)
#endif
#if __has_feature(address_sanitizer) || defined(__SANITIZE_ADDRESS__)
#define SEGMENTS_FROM_HEAP_ 1
#else
#define SEGMENTS_FROM_HEAP_ 0
#endif

#ifndef SL_UNBOUNDED_SIZES_ /* the model checker has its own, all of them a few */
enum {
  SEGMENT_BYTES = 32 * 1024,
  MIN_CELLS = 16,
  MAX_CELLS = SEGMENT_BYTES,
  MAX_SPARE = 8,            /* segments kept for reuse, and sent to call_rcu together */
  NEARLY_EMPTY = 16,        /* up to here a consumer takes tickets by compare-and-swap */
  SPINS_BEFORE_POISON = 64, /* a few microseconds: a commit that is under way gets through */
};
#endif

/* A cell is a u32 state, then, at element_offset, the element. A fresh mapping is all EMPTY. */
enum { EMPTY = 0, FULL = 1, POISONED = 2 };

/* In `claimed`: no further cell can be claimed here. In place of a next segment: there will be none. */
static const uint64_t CLOSED_BIT = (uint64_t)1 << 63;
static const uint64_t CLOSED_NEXT = 1;

typedef struct segment {
  sl_atomic_u64 claimed;
  char pad0[SL_NO_SHARE];
  sl_atomic_u64 taken;
  char pad1[SL_NO_SHARE];
  sl_atomic_u64 next;
  SL_HANDED_ON(char *) cells;
  SL_HANDED_ON(uint64_t) number; /* its place in the list of all segments ever linked */
  /* Once retired: */
  SL_HANDED_ON(struct segment *) next_retired;
  struct rcu_head rcu;
  SL_HANDED_ON(sl_unbounded_queue *) queue;
} segment;

struct sl_unbounded_queue {
  char pad0[SL_NO_SHARE];
  sl_atomic_u64 tail;
  char pad1[SL_NO_SHARE];
  sl_atomic_u64 head;
  char pad2[SL_NO_SHARE];
  size_t cell_count; /* a segment */
  size_t cell_bytes;
  size_t element_offset;
  size_t cell_alignment;
  size_t segment_bytes;
  size_t batch;             /* 1 ... MAX_SPARE: also how many spare ones are kept */
  sl_atomic_u64 references; /* one for the owner, one for each batch inside call_rcu */
  sl_atomic_u64 retired;    /* list through next_retired, newest first */
  sl_atomic_u64 retired_count;
  sl_atomic_u64 spare[MAX_SPARE];
};

/* ---- Threads ------------------------------------------------------------------------------- */

static _Thread_local bool thread_is_registered;
static pthread_key_t thread_key;
static pthread_once_t thread_key_once = PTHREAD_ONCE_INIT;

static void thread_ends(void *ignored) {
  (void)ignored;
  /* Another destructor may use a queue after this: the thread is then registered again, and this
   * destructor runs again. */
  thread_is_registered = false;
  urcu_memb_unregister_thread();
}

static void create_thread_key(void) {
  if (pthread_key_create(&thread_key, thread_ends) != 0) abort(); /* 1,024 keys are in use */
}

__attribute__((noinline)) static void register_thread(void) {
  pthread_once(&thread_key_once, create_thread_key);
  /* Without the destructor liburcu would later look for a thread that is gone. */
  if (pthread_setspecific(thread_key, &thread_key) != 0) abort();
  urcu_memb_register_thread();
  thread_is_registered = true;
}

static inline void section_begin(void) {
  if (!thread_is_registered) register_thread();
  urcu_memb_read_lock();
}

static inline void section_end(void) {
  TELL_TSAN_(release); /* [UQ6] before rcu_read_unlock */
  urcu_memb_read_unlock();
}

/* The helper thread must not be the one that the kernel picks to handle the program's signals. */
static void create_reclaimer(void) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  (void)urcu_memb_get_default_call_rcu_data();
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void sl_unbounded_queue_start_reclaimer(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, create_reclaimer);
}

/* ---- Segments ------------------------------------------------------------------------------ */

static inline segment *as_segment(uint64_t word) { return (segment *)(uintptr_t)word; }
static inline uint64_t as_word(const segment *s) { return (uint64_t)(uintptr_t)s; }

static inline char *cell_at(const sl_unbounded_queue *queue, const segment *s, uint64_t index) {
  return s->cells + index * queue->cell_bytes;
}

static inline sl_atomic_u32 *state_of(char *cell) { return (sl_atomic_u32 *)(void *)cell; }

static size_t round_up(size_t n, size_t power_of_two) {
  return (n + power_of_two - 1) & ~(power_of_two - 1);
}

/* Zeroed memory for a segment, or NULL. */
static void *map_memory(size_t bytes, bool populate) {
  if (SEGMENTS_FROM_HEAP_) return calloc(1, bytes);
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  /* One call that brings all pages costs less than a page fault for each. */
  if (populate && bytes <= 2 * SEGMENT_BYTES) flags |= MAP_POPULATE;
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

static segment *map_segment(sl_unbounded_queue *queue, bool populate) {
  segment *s = (segment *)map_memory(queue->segment_bytes, populate);
  if (s == NULL) return NULL;
  s->queue = queue;
  s->cells = (char *)round_up((size_t)s + sizeof(segment), queue->cell_alignment);
  return s; /* all counters are 0 and all cells EMPTY */
}

static void unmap_segment(sl_unbounded_queue *queue, segment *s) {
  if (SEGMENTS_FROM_HEAP_)
    free(s);
  else
    munmap(s, queue->segment_bytes);
}

/* Makes a segment as good as new, when nobody else knows it. */
static void reset_segment(sl_unbounded_queue *queue, segment *s) {
  sl_store_relaxed_u64(&s->claimed, 0);
  sl_store_relaxed_u64(&s->taken, 0);
  sl_store_relaxed_u64(&s->next, 0);
  for (size_t i = 0; i < queue->cell_count; i++)
    sl_store_relaxed_u32(state_of(cell_at(queue, s, i)), EMPTY);
}

static segment *get_segment(sl_unbounded_queue *queue) {
  for (size_t i = 0; i < queue->batch; i++) {
    if (sl_load_relaxed_u64(&queue->spare[i]) == 0) continue;
    segment *s = as_segment(sl_exchange_acquire_u64(&queue->spare[i], 0)); /* [UQ7] its reset */
    if (s != NULL) return s;
  }
  return map_segment(queue, true);
}

/* `s` is reset, and nobody else knows it. */
static void put_segment(sl_unbounded_queue *queue, segment *s) {
  for (size_t i = 0; i < queue->batch; i++) {
    uint64_t none = 0;
    if (sl_load_relaxed_u64(&queue->spare[i]) != 0) continue;
    if (sl_cas_release_u64(&queue->spare[i], &none, as_word(s))) return; /* [UQ7] after its reset */
  }
  unmap_segment(queue, s);
}

/* ---- Reclamation --------------------------------------------------------------------------- */

static void drop_reference(sl_unbounded_queue *queue) {
  uint64_t before = sl_fetch_sub_acq_rel_u64(&queue->references, 1); /* [UQ8] release */
  if (before != 1) return;                                           /* [UQ8] acquire: the last one */
  for (size_t i = 0; i < queue->batch; i++) {
    segment *s = as_segment(sl_load_relaxed_u64(&queue->spare[i]));
    if (s != NULL) unmap_segment(queue, s);
  }
  free(queue);
}

/* Runs in liburcu's helper thread, after a grace period. */
static void reclaim_batch(struct rcu_head *rcu) {
  TELL_TSAN_(acquire); /* [UQ6] after a grace period */
  segment *s = caa_container_of(rcu, segment, rcu);
  sl_unbounded_queue *queue = s->queue;
  while (s != NULL) {
    segment *next = s->next_retired;
    reset_segment(queue, s);
    put_segment(queue, s);
    s = next;
  }
  drop_reference(queue);
}

/* The caller has moved head off `s`, and is still inside its section. */
static void retire_segment(sl_unbounded_queue *queue, segment *s) {
  uint64_t top = sl_load_relaxed_u64(&queue->retired);
  do {
    s->next_retired = as_segment(top);
  } while (!sl_cas_relaxed_u64(&queue->retired, &top, as_word(s)));
  if ((sl_fetch_add_relaxed_u64(&queue->retired_count, 1) + 1) % queue->batch != 0) return;

  /* Relaxed: the links are followed by the reclaimer, after the sections in which they were made [UQ6]. */
  segment *all = as_segment(sl_exchange_relaxed_u64(&queue->retired, 0));
  if (all == NULL) return; /* another batch took them along */
  sl_fetch_add_relaxed_u64(&queue->references, 1);
  sl_unbounded_queue_start_reclaimer();
  urcu_memb_call_rcu(&all->rcu, reclaim_batch);
}

/* ---- Create and destroy -------------------------------------------------------------------- */

sl_unbounded_queue *sl_unbounded_queue_create(size_t element_size, size_t element_alignment) {
  size_t align = element_alignment;
  if (align == 0 || (align & (align - 1)) != 0 || align > SIZE_MAX / 64 ||
      element_size > SIZE_MAX / 64) {
    errno = EINVAL;
    return NULL;
  }
  size_t cell_alignment = align > _Alignof(sl_atomic_u32) ? align : _Alignof(sl_atomic_u32);
  size_t element_offset = round_up(sizeof(sl_atomic_u32), align);
  size_t cell_bytes = round_up(element_offset + element_size, cell_alignment);
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  /* Cells begin at a multiple of their alignment, wherever the memory begins. */
  size_t overhead = sizeof(segment) + cell_alignment;
  size_t cell_count = overhead < SEGMENT_BYTES ? (SEGMENT_BYTES - overhead) / cell_bytes : 0;
  if (cell_count < MIN_CELLS) cell_count = MIN_CELLS;
  if (cell_count > MAX_CELLS) cell_count = MAX_CELLS;

  sl_unbounded_queue *queue = (sl_unbounded_queue *)calloc(1, sizeof *queue);
  if (queue == NULL) return NULL;
  queue->cell_count = cell_count;
  queue->cell_bytes = cell_bytes;
  queue->element_offset = element_offset;
  queue->cell_alignment = cell_alignment;
  queue->segment_bytes = round_up(overhead + cell_count * cell_bytes, page);
  size_t batch = (size_t)MAX_SPARE * SEGMENT_BYTES / queue->segment_bytes;
  queue->batch = batch < 1 ? 1 : batch > MAX_SPARE ? MAX_SPARE : batch;
  sl_store_relaxed_u64(&queue->references, 1);

  segment *first = map_segment(queue, false);
  if (first == NULL) {
    free(queue);
    errno = ENOMEM;
    return NULL;
  }
  sl_store_relaxed_u64(&queue->tail, as_word(first));
  sl_store_relaxed_u64(&queue->head, as_word(first));
  return queue;
}

static void unmap_list(sl_unbounded_queue *queue, segment *s, bool retired) {
  while (s != NULL && as_word(s) != CLOSED_NEXT) {
    segment *next = retired ? s->next_retired : as_segment(sl_load_relaxed_u64(&s->next));
    unmap_segment(queue, s);
    s = next;
  }
}

void sl_unbounded_queue_destroy(sl_unbounded_queue *queue) {
  if (queue == NULL) return;
  /* Nobody is inside, as the caller has made sure and thereby ordered: so no grace period is needed for
   * what has not been sent to call_rcu, and relaxed loads will do. */
  unmap_list(queue, as_segment(sl_load_relaxed_u64(&queue->head)), false);
  unmap_list(queue, as_segment(sl_load_relaxed_u64(&queue->retired)), true);
  drop_reference(queue);
}

/* ---- Producers ----------------------------------------------------------------------------- */

static void make_ticket(const sl_unbounded_queue *queue, char *cell, sl_unbounded_ticket *ticket) {
  ticket->cell_ = cell;
  ticket->element = cell + queue->element_offset;
}

/*
 * Links a segment behind the full or closed segment `s`, its first cell claimed for this caller:
 * *mine. Or another thread has; then *mine is NULL. Or SL_CLOSED, SL_NO_MEMORY.
 */
static sl_result append_segment(sl_unbounded_queue *queue, segment *s, segment **mine) {
  *mine = NULL;
  uint64_t next = sl_load_acquire_u64(&s->next); /* [UQ2] */
  if (next == 0) {
    segment *fresh = get_segment(queue);
    if (fresh == NULL) return SL_NO_MEMORY;
    fresh->number = s->number + 1;
    sl_store_relaxed_u64(&fresh->claimed, 1);
    if (sl_cas_acq_rel_u64(&s->next, &next, as_word(fresh))) { /* [UQ2] initialised, both sides */
      *mine = fresh;
      next = as_word(fresh);
    } else {
      sl_store_relaxed_u64(&fresh->claimed, 0);
      put_segment(queue, fresh);
    }
  }
  if (next == CLOSED_NEXT) return SL_CLOSED;
  uint64_t full = as_word(s);
  sl_cas_release_u64(&queue->tail, &full, next); /* [UQ3] [UQ5] or somebody else has moved it */
  return SL_OK;
}

sl_result sl_unbounded_queue_claim(sl_unbounded_queue *queue, sl_unbounded_ticket *ticket) {
  section_begin();
  for (;;) {
    segment *s = as_segment(sl_load_acquire_u64(&queue->tail)); /* [UQ3] */
    uint64_t index = sl_fetch_add_relaxed_u64(&s->claimed, 1);
    if (index >= queue->cell_count) {
      segment *mine;
      sl_result result = append_segment(queue, s, &mine);
      if (result != SL_OK) {
        /* Not a cell that consumers would have to pass over, and that would be counted. */
        if ((index & CLOSED_BIT) != 0) sl_fetch_sub_relaxed_u64(&s->claimed, 1);
        section_end();
        return result;
      }
      if (mine == NULL) continue;
      s = mine;
      index = 0;
    }
    make_ticket(queue, cell_at(queue, s, index), ticket);
    return SL_OK;
  }
}

bool sl_unbounded_queue_commit(sl_unbounded_queue *queue, sl_unbounded_ticket *ticket) {
  (void)queue; /* the cell says it all; the interface keeps it free to change */
  uint32_t state = EMPTY;
  if (!sl_cas_release_u32(state_of((char *)ticket->cell_), &state, FULL)) return false; /* [UQ1] */
  section_end();
  return true;
}

void sl_unbounded_queue_abandon(sl_unbounded_queue *queue, sl_unbounded_ticket *ticket) {
  (void)queue;
  ticket->element = NULL;
  section_end();
}

/* ---- Closing ------------------------------------------------------------------------------- */

bool sl_unbounded_queue_close(sl_unbounded_queue *queue) {
  section_begin();
  for (;;) {
    segment *s = as_segment(sl_load_acquire_u64(&queue->tail)); /* [UQ3] */
    uint64_t next = sl_load_acquire_u64(&s->next);              /* [UQ2] */
    /* First no segment after this one, then no cell in it: a cell past the last is then closed. */
    if (next == 0 && sl_cas_acq_rel_u64(&s->next, &next, CLOSED_NEXT)) next = CLOSED_NEXT; /* [UQ9] */
    if (next == CLOSED_NEXT) {
      uint64_t before = sl_fetch_or_release_u64(&s->claimed, CLOSED_BIT); /* [UQ9] */
      section_end();
      return (before & CLOSED_BIT) == 0;
    }
    uint64_t word = as_word(s);
    sl_cas_release_u64(&queue->tail, &word, next); /* [UQ3] [UQ5] */
  }
}

bool sl_unbounded_queue_is_closed(const sl_unbounded_queue *queue) {
  section_begin();
  const segment *s = as_segment(sl_load_acquire_u64(&queue->tail)); /* [UQ3] */
  /* A close in between its two steps has closed nothing as long as a cell can still be claimed. */
  bool closed = sl_load_acquire_u64(&s->next) == CLOSED_NEXT &&        /* [UQ9] */
                sl_load_relaxed_u64(&s->claimed) >= queue->cell_count; /* also by its CLOSED_BIT */
  section_end();
  return closed;
}

/* ---- Consumers ----------------------------------------------------------------------------- */

static bool is_full(char *cell) {
  return sl_load_acquire_u32(state_of(cell)) == FULL; /* [UQ1] [UQ4] */
}

static bool becomes_full(char *cell) {
  for (int i = 0; i < SPINS_BEFORE_POISON; i++) {
    if (is_full(cell)) return true;
    sl_spin_pause();
  }
  return false;
}

/* The caller holds the cell's ticket and waits no longer. True: the element is there after all. */
static bool take_or_poison(char *cell) {
  return sl_exchange_acquire_u32(state_of(cell), POISONED) == FULL; /* [UQ1] */
}

/* GAVE_UP: the caller has the ticket of a cell that no element will come into. */
typedef enum { NOTHING_THERE, GOT_IT, GAVE_UP, LOOK_AGAIN, AT_THE_END } outcome;

/* Moves head off the drained segment `s`, if it is not the last one. */
static outcome advance_head(sl_unbounded_queue *queue, segment *s) {
  uint64_t next = sl_load_acquire_u64(&s->next); /* [UQ2] [UQ9] */
  if (next == 0) return NOTHING_THERE;
  if (next == CLOSED_NEXT) return AT_THE_END;
  /* tail first: it must not lead to a retired segment. */
  uint64_t word = as_word(s);
  sl_cas_release_u64(&queue->tail, &word, next); /* [UQ3] [UQ5] */
  word = as_word(s);
  if (sl_cas_release_u64(&queue->head, &word, next)) retire_segment(queue, s); /* [UQ3] [UQ5] */
  return LOOK_AGAIN;
}

/*
 * Few cells, from `taken` to `claimed`, lie ahead. A ticket is taken only when one of them is full,
 * or when the queue is closed (who waits for its end does not wait for a producer that has stopped),
 * by compare-and-swap, so that it is never beyond `claimed`.
 */
static outcome take_nearly_empty(sl_unbounded_queue *queue, segment *s, uint64_t taken,
                                 uint64_t claimed, bool closed, uint64_t *index) {
  uint64_t i = taken;
  while (i < claimed && !is_full(cell_at(queue, s, i))) i++;
  if (i == claimed && !closed) return NOTHING_THERE; /* true at the moment when `claimed` was read */

  *index = taken;
  char *cell = cell_at(queue, s, taken);
  bool full = i == taken || becomes_full(cell);
  if (!sl_cas_release_u64(&s->taken, &taken, taken + 1)) return LOOK_AGAIN; /* [UQ4] */
  return full || take_or_poison(cell) ? GOT_IT : GAVE_UP;
}

static outcome take_from(sl_unbounded_queue *queue, segment *s, uint64_t *index) {
  uint64_t taken = sl_load_acquire_u64(&s->taken);     /* [UQ4] first */
  uint64_t claimed = sl_load_acquire_u64(&s->claimed); /* [UQ4] second [UQ9] */
  bool closed = (claimed & CLOSED_BIT) != 0;
  claimed &= ~CLOSED_BIT;
  if (taken >= queue->cell_count) return advance_head(queue, s);
  if (claimed > queue->cell_count) claimed = queue->cell_count;
  if (taken >= claimed) return closed ? AT_THE_END : NOTHING_THERE;
  if (claimed - taken <= NEARLY_EMPTY) {
    outcome o = take_nearly_empty(queue, s, taken, claimed, closed, index);
    /* At the segment's end there may be more behind it. */
    bool more = o == NOTHING_THERE && claimed == queue->cell_count &&
                sl_load_relaxed_u64(&s->next) != 0; /* relaxed: it is not followed here */
    if (!more) return o;
  }
  *index = sl_fetch_add_release_u64(&s->taken, 1); /* [UQ4] */
  if (*index >= queue->cell_count) return LOOK_AGAIN;
  char *cell = cell_at(queue, s, *index);
  return becomes_full(cell) || take_or_poison(cell) ? GOT_IT : GAVE_UP;
}

static uint64_t place(const sl_unbounded_queue *queue, const segment *s, uint64_t index) {
  uint64_t n = queue->cell_count;
  return s->number * n + (index < n ? index : n);
}

/* number may be NULL: then cells without an element are passed over. */
static inline sl_result take(sl_unbounded_queue *queue, sl_unbounded_ticket *ticket, uint64_t *number) {
  section_begin();
  for (;;) {
    segment *s = as_segment(sl_load_acquire_u64(&queue->head)); /* [UQ3] */
    uint64_t index;
    outcome o = take_from(queue, s, &index);
    if (o == GOT_IT || (o == GAVE_UP && number != NULL)) {
      if (number != NULL) *number = place(queue, s, index);
      make_ticket(queue, cell_at(queue, s, index), ticket);
      if (o == GOT_IT) return SL_OK;
      ticket->element = NULL;
      section_end();
      return SL_OK;
    }
    if (o == NOTHING_THERE || o == AT_THE_END) {
      section_end();
      return o == AT_THE_END ? SL_CLOSED : SL_EMPTY;
    }
  }
}

sl_result sl_unbounded_queue_try_take(sl_unbounded_queue *queue, sl_unbounded_ticket *ticket) {
  return take(queue, ticket, NULL);
}

sl_result sl_unbounded_queue_try_take_numbered(sl_unbounded_queue *queue, sl_unbounded_ticket *ticket,
                                               uint64_t *number) {
  return take(queue, ticket, number);
}

void sl_unbounded_queue_release(sl_unbounded_queue *queue, sl_unbounded_ticket *ticket) {
  (void)queue;
  ticket->element = NULL;
  section_end();
}

/* ---- Count --------------------------------------------------------------------------------- */

size_t sl_unbounded_queue_count(const sl_unbounded_queue *queue) {
  section_begin();
  const segment *first = as_segment(sl_load_acquire_u64(&queue->head)); /* [UQ3] */
  uint64_t taken = place(queue, first, sl_load_acquire_u64(&first->taken)); /* [UQ4] */
  const segment *last = as_segment(sl_load_acquire_u64(&queue->tail)); /* [UQ3] */
  uint64_t claimed = place(queue, last, sl_load_relaxed_u64(&last->claimed) & ~CLOSED_BIT);
  section_end();
  /* Consumers may hold tickets beyond what is claimed: nothing is in the queue then. */
  return (int64_t)(claimed - taken) > 0 ? (size_t)(claimed - taken) : 0;
}
