/*
 * bench_futex.h: a message between two threads through one futex word, and nothing else: the floor that
 * the latency benchmark compares with. It never spins: who has to wait sleeps at once.
 *
 * It uses the compiler's __atomic functions and shares no code with the library, so that a fault there
 * cannot shift the floor.
 */
#ifndef BENCH_FUTEX_H
#define BENCH_FUTEX_H

#include <stdint.h>

/* Writes `value` into the word (release) and wakes the thread that sleeps on it. */
void bench_futex_pass(uint32_t *word, uint32_t value);

/* Sleeps while the word is `last`, and returns what it is then (acquire). */
uint32_t bench_futex_await(uint32_t *word, uint32_t last);

/* Keeps the calling thread on the nth of the cores that it may run on, from 0. Not 0: there is no such core. */
int bench_pin_to_core(int nth);

#endif
