/*
 * sl_unbounded_queue.h: an unbounded queue between many producers and many consumers.
 *
 * Algorithm. A linked list of segments, each an array of cells with two counters: a producer gets
 * its cell by fetch-and-add on `claimed`, a consumer by an add on `taken`, and they meet in the
 * cell's state. A consumer that gets to a cell before its producer is done gives up after a short
 * spin by poisoning the cell, and the producer then claims another.
 *
 *      head                                             tail
 *       v                                                v
 *     | segment: taken | claimed | next -> | ... | next -> | segment | next = 0
 *              |
 *              cells:  {state, element} {state, element} ...
 *              state:  EMPTY --commit--> FULL       EMPTY --consumer gives up--> POISONED
 *
 * A close puts a mark in the place of the last segment's `next`, then a bit into its `claimed`: every
 * later ticket is beyond the segment, and there is no further one.
 *
 * Source. Correia and Ramalhete, "FAAArrayQueue" (2016), a simpler relative of Morrison and Afek's
 * LCRQ, "Fast concurrent queues for x86 processors" (2013). Differences: elements of any size lie
 * in the cells and are constructed and moved there by the caller; a consumer looks before it takes
 * a ticket, and takes it by compare-and-swap when few cells are claimed, so that polling an empty
 * or nearly empty queue poisons nothing; a consumer pulls `tail` along before it unlinks a segment;
 * segments are reclaimed with RCU (liburcu, membarrier flavour) in place of hazard pointers.
 *
 * Progress. claim, commit, abandon, try_take and its numbered form, release, close: lock-free, but for mmap, which a claim calls
 * once a segment, and the start of the reclaiming thread (below). A thread that is stopped anywhere
 * stops no other. One that is stopped inside a read-side section (below) delays reclamation:
 * memory grows meanwhile. count, is_closed: wait-free. create, destroy: may call mmap, munmap, malloc, free.
 *
 * Read-side sections. A thread is inside an RCU read-side section of liburcu from claim to commit
 * (if it returns true) or abandon, and from a successful try_take to release. It must do nothing in
 * between but construct or move the element: never block, never wait for another thread, never
 * leave the thread (no `await`). Sections may nest. A thread is registered with liburcu by its
 * first operation and unregistered when it ends. A thread that also uses urcu-memb for itself must
 * not register itself: it calls sl_unbounded_queue_count first, and is registered then.
 *
 * Memory and threads. A segment has at most 32 KiB, or 16 cells where that takes more, mapped on
 * its own. Drained segments go in batches of up to 8 (256 KiB) to call_rcu; when every section that
 * was open then has ended, up to 8 are kept for this queue and the rest are unmapped. That takes
 * some 10 to 20 ms: at 20 million elements of 8 bytes a second, a few MiB are on their way. A quiet
 * queue holds about half a MiB more than its content, at most. call_rcu starts liburcu's helper
 * thread, ONE FOR THE PROCESS, for the first full batch of all queues (after some 16,000 elements
 * of 8 bytes): not before, and it then stays until the process ends, with all signals blocked. A
 * program that counts its threads starts it with sl_unbounded_queue_start_reclaimer. liburcu aborts
 * the process if it cannot create that thread. destroy does not wait for it, and a process may exit
 * at any time.
 *
 * Orderings.
 *   [UQ1] commit, compare-and-swap release state -> take, load or exchange acquire state: the
 *         element is visible.
 *   [UQ2] link, compare-and-swap release next -> load acquire next: the new segment is initialised.
 *   [UQ3] tail or head moved on, compare-and-swap release -> load acquire tail, head: the same.
 *   [UQ4] ticket taken, compare-and-swap or fetch_add release taken -> load acquire taken: what its taker
 *         had seen. So `claimed`, `next` and the cells that are read after it are no older, and "empty" was
 *         true at some moment meanwhile: a queue that always holds an element is never found empty.
 *   [UQ5] tail moved off a segment, compare-and-swap release -> head moved off it by the same thread,
 *         compare-and-swap release -> load acquire head: nobody sees tail behind head. So a
 *         compare-and-swap that fails to move tail off a segment has seen that it was moved before, and
 *         the segment is retired when neither leads to it.
 *   [UQ6] end of a section, rcu_read_unlock -> reclaim, after a grace period: nobody is inside the
 *         segment, and the links of the retired list are visible. (ThreadSanitizer cannot see into
 *         liburcu: the two sites tell it.)
 *   [UQ7] spare segment put, compare-and-swap release -> got, exchange acquire: its reset is
 *         visible.
 *   [UQ8] reference dropped, fetch_sub acq_rel -> last one frees the queue: after all others' uses.
 *   [UQ9] close, compare-and-swap acq_rel next and fetch_or release claimed -> load acquire: what
 *         came before the close.
 * `claimed` publishes nothing but a close; a poisoned cell carries nothing back to its producer.
 *
 * For a caller that sleeps: after a commit (returned true) or close by A and then sl_fence_seq_cst, a
 * try_take by B after its own sl_fence_seq_cst is SL_EMPTY only if A's element, and all that were
 * committed likewise, have been taken, and SL_CLOSED if A closed. A stalled claim hides nothing behind it.
 *
 * What excludes what ("x": never at the same time, the caller sees to it):
 *                     create, destroy   claim ... commit/abandon   take ... release   count
 *   create, destroy          x                     x                      x             x
 *   all others               x                     -                      -             -
 * A ticket stays on the thread that got it.
 *
 * Invariants. tail is never behind head. A cell is handed to one producer and one consumer at most.
 * `next` is set once, when claimed has reached the number of cells. Segments are numbered; the
 * numbers wrap around at 2^64 and only their differences are used. claimed and taken may pass the
 * number of cells, by the number of threads inside, and are far from any wrap-around.
 *
 * Recycling is free of ABA: a segment is offered for reuse only by the reclaimer, after a grace
 * period, so nobody holds an old pointer to it: as with freshly mapped memory. The spare segments
 * stand in an array, each got by one exchange, which follows no link.
 *
 * A dead thread. A producer that dies between claim and commit loses its own cell only; consumers
 * poison it and go on. But a thread that dies or hangs inside a section keeps every later retired
 * segment of the process from being reclaimed, for all queues. After fork, the child leaves queues
 * alone until it calls exec.
 */
#ifndef SL_UNBOUNDED_QUEUE_H
#define SL_UNBOUNDED_QUEUE_H

#include "sl_atomic.h"
#include "sl_result.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sl_unbounded_queue sl_unbounded_queue;

typedef struct {
  void *element;
  void *cell_;
} sl_unbounded_ticket;

/*
 * A queue of elements of `element_size` bytes at multiples of `element_alignment`, a power of two.
 * NULL with errno EINVAL or ENOMEM.
 */
sl_unbounded_queue *sl_unbounded_queue_create(size_t element_size, size_t element_alignment);

/*
 * The caller has drained the queue and nobody else uses it any more. Never waits: segments that are
 * on their way through call_rcu are freed when they arrive. NULL is ignored.
 */
void sl_unbounded_queue_destroy(sl_unbounded_queue *queue);

/* Opens a section; ticket->element is memory to initialise. SL_CLOSED, SL_NO_MEMORY: no section. */
sl_result sl_unbounded_queue_claim(sl_unbounded_queue *queue, sl_unbounded_ticket *ticket);

/*
 * Publishes the element and closes the section. False: a consumer gave up on the cell, the section
 * is still open, and ticket->element is still the caller's: it moves the element out, calls
 * abandon, and claims again.
 */
bool sl_unbounded_queue_commit(sl_unbounded_queue *queue, sl_unbounded_ticket *ticket);

/*
 * Closes the section after a commit that returned false, or in place of a commit: a consumer then
 * passes over the cell, after a spin.
 */
void sl_unbounded_queue_abandon(sl_unbounded_queue *queue, sl_unbounded_ticket *ticket);

/*
 * Opens a section with the oldest element in ticket->element. SL_EMPTY, or SL_CLOSED: no section, and
 * no element will come any more. In a closed queue it gives up on cells whose producers have not
 * committed, whose commit then fails.
 */
sl_result sl_unbounded_queue_try_take(sl_unbounded_queue *queue, sl_unbounded_ticket *ticket);

/*
 * As try_take, for a caller that must know the order of what is taken, by several consumers at once: *number
 * counts the queue's cells from 0, in its order, and each number is given to one caller, none left out. A cell
 * that no element will come into is given too, with a ticket->element of NULL, and opens no section.
 */
sl_result sl_unbounded_queue_try_take_numbered(sl_unbounded_queue *queue, sl_unbounded_ticket *ticket,
                                               uint64_t *number);

/* Closes the section, when the element has been moved out. */
void sl_unbounded_queue_release(sl_unbounded_queue *queue, sl_unbounded_ticket *ticket);

/*
 * Every claim that begins after this is refused, and every element committed before is still taken.
 * True for the call that closed the queue.
 */
bool sl_unbounded_queue_close(sl_unbounded_queue *queue);

bool sl_unbounded_queue_is_closed(const sl_unbounded_queue *queue);

/* Cells claimed and not taken: a snapshot, exact when nobody is inside. */
size_t sl_unbounded_queue_count(const sl_unbounded_queue *queue);

/* Starts liburcu's helper thread for the process now, in place of with the first full batch. */
void sl_unbounded_queue_start_reclaimer(void);

#ifdef __cplusplus
}
#endif

#endif /* SL_UNBOUNDED_QUEUE_H */
