/* sl_result.h: what an operation of a queue answers. */
#ifndef SL_RESULT_H
#define SL_RESULT_H

#include <stdint.h>

typedef uint32_t sl_result;
enum {
  SL_OK = 0,
  SL_FULL = 1,      /* an enqueue: no room now */
  SL_EMPTY = 2,     /* a dequeue: nothing there now */
  SL_CLOSED = 3,    /* an enqueue: the queue is closed; a dequeue: it is closed and drained */
  SL_TIMED_OUT = 4, /* a call that waits: no room, or nothing there, all that time */
  SL_NO_MEMORY = 5,
};

#endif
