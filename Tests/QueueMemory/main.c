/*
 * queue-memory: what an unbounded queue does to the memory of a process that has nothing else in it.
 *
 * Usage: queue-memory burst ELEMENTS
 *            ELEMENTS of 8 bytes in, then all of them out: is resident memory back within 10 % of the
 *            start? The start is after a first burst of a tenth, which brings what a queue keeps.
 *        queue-memory idle TRIES
 *            TRIES to take from an empty queue: nothing is mapped, not even for a moment, and nothing
 *            allocated.
 *
 * Prints its figures; exits with 1 if they are not as they should be.
 */
#include "CSluice.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A figure in kB of a file in /proc/self. */
static long kilobytes(const char *path, const char *name) {
  char line[256];
  long value = -1;
  FILE *file = fopen(path, "r");
  if (file == NULL) exit(2);
  while (value < 0 && fgets(line, sizeof line, file) != NULL) {
    size_t length = strlen(name);
    if (strncmp(line, name, length) == 0 && line[length] == ':') value = atol(line + length + 1);
  }
  fclose(file);
  if (value < 0) exit(2);
  return value;
}

/* Exact, as VmRSS in status is not. */
static long resident(void) { return kilobytes("/proc/self/smaps_rollup", "Rss"); }

static void sleep_milliseconds(long n) {
  struct timespec time = {0, n * 1000000};
  nanosleep(&time, NULL);
}

static void put(sl_unbounded_queue *queue, uint64_t first, uint64_t end) {
  sl_unbounded_ticket ticket;
  for (uint64_t i = first; i < end; i++) {
    if (sl_unbounded_queue_claim(queue, &ticket) != SL_OK) exit(2);
    *(uint64_t *)ticket.element = i;
    if (!sl_unbounded_queue_commit(queue, &ticket)) exit(2); /* nobody takes meanwhile */
  }
}

static void take_all(sl_unbounded_queue *queue, uint64_t count) {
  sl_unbounded_ticket ticket;
  for (uint64_t i = 0; i < count; i++) {
    if (sl_unbounded_queue_try_take(queue, &ticket) != SL_OK || *(uint64_t *)ticket.element != i) exit(2);
    sl_unbounded_queue_release(queue, &ticket);
  }
  if (sl_unbounded_queue_try_take(queue, &ticket) != SL_EMPTY) exit(2);
}

/* Until resident memory has stayed the same for 200 ms; for 20 s at most. */
static long settled(void) {
  long last = resident();
  for (int quiet = 0, looks = 0; quiet < 10 && looks < 1000; looks++) {
    sleep_milliseconds(20);
    long now = resident();
    quiet = now == last ? quiet + 1 : 0;
    last = now;
  }
  return last;
}

static int burst(uint64_t elements) {
  sl_unbounded_queue *queue = sl_unbounded_queue_create(sizeof(uint64_t), sizeof(uint64_t));
  if (queue == NULL) return 2;
  long empty = resident();
  put(queue, 0, elements / 10);
  take_all(queue, elements / 10);
  long start = settled();
  put(queue, 0, elements);
  long full = resident();
  take_all(queue, elements);
  long end = settled();
  printf("burst of %llu elements: resident kB %ld empty, %ld at the start, %ld full, %ld at the end\n",
         (unsigned long long)elements, empty, start, full, end);
  sl_unbounded_queue_destroy(queue);
  long content = (long)(elements * sizeof(uint64_t) / 1024);
  return full > start + content && end <= start + start / 10 ? 0 : 1;
}

static int idle(uint64_t tries) {
  sl_unbounded_queue *queue = sl_unbounded_queue_create(sizeof(uint64_t), sizeof(uint64_t));
  if (queue == NULL) return 2;
  sl_unbounded_ticket ticket;
  if (sl_unbounded_queue_try_take(queue, &ticket) != SL_EMPTY) return 2; /* registers the thread */
  (void)kilobytes("/proc/self/status", "VmPeak"); /* and stdio has its buffer */
  long peak = kilobytes("/proc/self/status", "VmPeak"), size = kilobytes("/proc/self/status", "VmSize");
  size_t allocated = mallinfo2().uordblks;
  long before = resident();
  for (uint64_t i = 0; i < tries; i++)
    if (sl_unbounded_queue_try_take(queue, &ticket) != SL_EMPTY) return 2;
  long after = resident();
  size_t allocated_after = mallinfo2().uordblks;
  long peak_after = kilobytes("/proc/self/status", "VmPeak");
  printf("%llu tries: mapped kB %ld, at most %ld before and %ld after; resident kB %ld, %ld; allocated bytes "
         "%zu, %zu\n",
         (unsigned long long)tries, size, peak, peak_after, before, after, allocated, allocated_after);
  sl_unbounded_queue_destroy(queue);
  /* A transient mapping would raise the peak only if the process is at it. */
  if (peak - size >= 32) printf("%ld kB could be mapped without a trace\n", peak - size);
  bool traceless = peak - size < 32 && peak_after == peak;
  return traceless && after - before <= 16 && allocated_after == allocated ? 0 : 1;
}

int main(int count, char **arguments) {
  if (count == 3 && strcmp(arguments[1], "burst") == 0) return burst(strtoull(arguments[2], NULL, 10));
  if (count == 3 && strcmp(arguments[1], "idle") == 0) return idle(strtoull(arguments[2], NULL, 10));
  fprintf(stderr, "usage: queue-memory burst ELEMENTS | idle TRIES\n");
  return 2;
}
