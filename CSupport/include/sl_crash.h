/*
 * sl_crash.h: for tests: ends this process at a chosen step of the protocol between processes.
 *
 * Debug builds of the library call sl_crash_point after each store to shared memory and each system call of that
 * protocol. Points are numbered in the order in which a process passes them.
 */
#ifndef SL_CRASH_H
#define SL_CRASH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* From now on this process ends (SIGKILL) at the point number `point`, counted from 1; 0: at none. */
void sl_crash_at(uint64_t point);

/* How many points this process has passed since then. */
uint64_t sl_crash_points_passed(void);

void sl_crash_point(void);

#ifdef __cplusplus
}
#endif
#endif
