/*
 * suspension.h: stops one thread for good at each step of an operation in turn, while others go on.
 *
 * A case runs like this, for k = 1, 2, 3 … until the operation ends without getting to step k:
 *
 *     main     set_up            others  (a team of threads, if it likes)          tear_down
 *     victim          step 1 … k ........ stopped ........ k … n, its operation ends
 *
 * and all of this again with a disturbance: before one of the victim's steps, or before each of its first
 * few, another thread does something. So the victim gets onto the paths that it takes only when others are
 * quicker. A disturbance runs in the victim's thread, inside the step: to the victim that is the same as
 * another thread that does all of it between two steps, and it happens every time.
 */
#ifndef SUSPENSION_H
#define SUSPENSION_H

#include "sl_atomic.h"

/* What the others complete while the victim is stopped, in all. */
enum { SUSPENSION_OPERATIONS = 10000, SUSPENSION_TEAM = 4 };

typedef struct {
  const char *subject, *operation, *situation; /* for messages */
  void *context;                               /* what the functions get */
  void (*set_up)(void *context);
  void (*run)(void *context); /* the operation, in the victim's thread; result into the context */
  /* The victim is stopped. Must return whatever the victim has done so far: the watchdog ends the program
   * otherwise. */
  void (*others)(void *context);
  void (*tear_down)(void *context); /* the victim has ended its operation */
  /* NULL-terminated, or NULL; `disturb` gets an index into it. */
  const char *const *disturbances;
  void (*disturb)(void *context, unsigned which);
  unsigned most_steps; /* the operation is wait-free and ends within so many steps; 0: no such claim */
} suspension_case;

typedef struct {
  unsigned long points;     /* stopping points tried */
  unsigned long most_steps; /* of an operation, with all its repetitions */
  unsigned long calm_steps; /* of the last operation that was neither stopped nor disturbed */
} suspension_tally;

/* Stops the victim at each step, with each disturbance, and adds to the tally. */
void suspension_sweep(const suspension_case *c, suspension_tally *tally);

/* Stops the victim at step k, undisturbed. False: the operation ended before. */
bool suspension_at(const suspension_case *c, unsigned long k, suspension_tally *tally);

/* From `others`: the victim's step k. */
unsigned long suspension_stop(void);

/* Whether the victim is disturbed in this case. */
bool suspension_is_disturbed(void);

/* The number of the case, for choices that shall not be the same in every case. */
unsigned long suspension_number(void);

/* Runs body(context, 0 … n - 1) on n threads; returns when all have returned. n <= SUSPENSION_TEAM. */
void suspension_team(unsigned n, void (*body)(void *context, unsigned index), void *context);

/* From the victim's operation: what somebody else does just then. Its steps are not the victim's. */
void suspension_by_another(void (*action)(void *context), void *context);

/* From the victim's operation: body(context) and the end of its thread, in a new thread, are the operation. */
void suspension_in_new_thread(void (*body)(void *context), void *context);

/* Ends the program with the message and what the case is. From any thread. */
_Noreturn void suspension_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints a line on standard output. */
void suspension_report(const char *subject, const char *operation, unsigned situations,
                       const suspension_tally *tally, const char *remark);

/* Steps that the calling thread has made so far: differences tell how many an operation took. */
static inline uint64_t suspension_steps(void) { return step_count_; }

/*
 * Around an operation of the others: one that makes a million steps has come to a lock, and the program fails
 * at once and always at the same place. (While they run, the others complete some 10,000 operations of some 10
 * steps, so none of them can be kept from its end by the others for so long.) What the end gets is what the
 * beginning returned, and returns the number of steps.
 */
enum { SUSPENSION_ENDLESS = 1000000 };
extern __thread uint64_t suspension_limit_;

static inline uint64_t suspension_begin(void) {
  step_of_interest_ = suspension_limit_ = step_count_ + SUSPENSION_ENDLESS;
  return step_count_;
}

static inline uint64_t suspension_end(uint64_t before) {
  step_of_interest_ = suspension_limit_ = 0;
  return step_count_ - before;
}

#endif
