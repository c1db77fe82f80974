/*
 * queue_suspension.h: the suspension test of any queue of u64 values. A queue is described by one
 * queue_subject (test_spsc_ring.c is a short example); this does the rest:
 *
 *   others     Where both ends are open to others, one thread completes 10,000 operations that succeed, a put
 *              and a get in turn, so that a blocked queue is found by a number of tries and not by time; in the
 *              undisturbed cases and some others, two producers and two consumers (one where only one is
 *              allowed) then complete some more. Where the victim is the sole one at its end, the others
 *              complete 10,000 calls, of which as many succeed as there are elements or places.
 *   elements   Each that was put is got once, the victim's too if its put succeeded; each consumer sees
 *              those of each producer in order.
 *   capacity   What has been put and not got is never more. While the victim is stopped the others can fill
 *              the queue, and drain it, but for what the victim itself holds.
 *   closing    Before a close begins nobody is told of it. From when it has ended, or one thread has been told
 *              of it, each put says so; from when a get has said that nothing will come, each one says so. A
 *              drained queue says so, also while the victim is stopped; one call of close says that it closed.
 *              The victim closes, or finds the queue closed, or has it closed before one of its steps.
 *   afterwards The queue is filled and drained once more, exactly.
 */
#ifndef QUEUE_SUSPENSION_H
#define QUEUE_SUSPENSION_H

#include "suspension.h"

typedef enum {
  PUTS,
  GETS,
  LOOKS, /* changes nothing: count and the like */
  ASKS,  /* whether it is closed: 0 or 1 */
  CLOSES /* 1: this call has closed it, 0: it was closed */
} queue_effect;

/* What a put answers in a closed queue, and a get in one that is closed and drained, in place of 0. */
#define QUEUE_ENDED SIZE_MAX

/* How the victim finds the queue. The same operation takes another path in each. */
typedef struct {
  const char *name;
  size_t capacity;         /* 0: unbounded */
  uint64_t first_position; /* of the queue's counters; for the wrap-around */
  size_t passed;           /* elements that have gone through before */
  size_t held;             /* elements inside */
  bool closed;             /* after all this */
  bool calm;               /* without disturbances, since it has very many steps */
  unsigned variant;        /* for the subject's own use */
} queue_situation;

enum { QUEUE_MOST_VALUES = 8 };

typedef struct {
  const char *name; /* NULL ends a list */
  queue_effect effect;
  /* Puts `amount` values, as many as fit and the first ones first, or gets up to so many; how many it was. */
  size_t (*run)(void *queue, uint64_t *values, size_t amount);
  size_t amount;       /* at most QUEUE_MOST_VALUES; 0 stands for 1 */
  unsigned most_steps; /* wait-free in so many steps; 0: lock-free */
  unsigned and_a_place; /* and in so many more for each element of the capacity */
} queue_operation;

typedef struct {
  const char *name;
  void *(*create)(const queue_situation *situation);
  void (*destroy)(void *queue);
  /* What the others use, and the test itself. */
  size_t (*put)(void *queue, uint64_t *values, size_t amount);
  size_t (*get)(void *queue, uint64_t *values, size_t amount);
  size_t (*count)(void *queue);    /* NULL: there is none */
  bool (*close)(void *queue);      /* NULL: there is none; a producer's where there is one only */
  bool (*is_closed)(void *queue);  /* NULL: there is none */
  /* Called when elements have passed and before some are put to stay, and when the victim has ended. NULL:
   * nothing to do. */
  void (*prepare)(void *queue, const queue_situation *situation);
  void (*restore)(void *queue, const queue_operation *operation);
  bool sole_producer, sole_consumer;
  /* Honestly not lock-free: calls return, and that is all that is asked of them while the victim is stopped. */
  bool may_block;
  /* Of a put and of a get of one value by the others, whatever the victim has done; 0: no claim. */
  unsigned most_put_steps, most_get_steps;
  const queue_operation *operations; /* the victim's */
  const queue_situation *situations; /* ended by one without a name */
} queue_subject;

/*
 * Who calls: the team's members 0 to 3, the test itself, the victim, and the disturber, who is somebody else
 * than the victim whose thread it uses. For a queue whose users have something of their own.
 */
enum { QUEUE_ACTORS = SUSPENSION_TEAM + 3 };
extern __thread unsigned queue_actor;

/* Each operation in each situation, at each step; prints a line for each operation. */
void queue_suspension(const queue_subject *subject);

/*
 * For a queue that blocks: at which steps of the operation a stopped victim keeps all others from getting on,
 * as bits (bit k: at step k), in the number of tries that a lock-free queue is allowed.
 */
uint64_t queue_suspension_blocks(const queue_subject *subject, const queue_operation *operation,
                                 const queue_situation *situation, unsigned long *steps);

#endif
