/*
 * sl_process.h: worker processes and what a process shares with them: spawning, death, descriptors, events,
 * segments. The system calls of that are in sl_process.c and sl_descriptors.c, those of becoming a worker in
 * sl_worker_entry.c.
 *
 * A worker is the program's own executable, spawned (never forked) with the program's arguments, environment
 * and folder. It finds one end of a socket as descriptor 3, and becomes a worker before `main`
 * (sl_worker_entry.c). The signal that ends it with its parent is tied to the *thread* that spawned it:
 * so one thread of this process spawns all of them, and lives as long as the process.
 *
 * Calls return 0 or an errno, unless they say otherwise. Descriptors are closed on exec.
 */
#ifndef SL_PROCESS_H
#define SL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Workers ------------------------------------------------------------------------------- */

typedef struct {
  int32_t pid;
  int32_t pidfd;  /* readable once the process has ended */
  int32_t socket; /* this side's end: unix, sequenced packets */
} sl_child;

/* Spawns a worker, and waits until it is being executed. */
int sl_child_spawn(sl_child *child);

/* Ends the worker at once, if it runs. */
void sl_child_kill(const sl_child *child);

/* How a process has ended. */
typedef enum {
  SL_CHILD_EXITED = 0,
  SL_CHILD_SIGNALED = 1,
  SL_CHILD_UNKNOWN = 2 /* this program ignores SIGCHLD, or waits for any child: it was told instead */
} sl_child_ending;

/* Waits for the worker's end, and takes it from the system, so that no zombie stays; *value is its exit code
 * or signal. Closes pidfd and socket. */
sl_child_ending sl_child_reap(sl_child *child, int32_t *value);

/* ---- Descriptors --------------------------------------------------------------------------- */

void sl_descriptor_close(int32_t descriptor);

/* An event: signalled any number of times, it is readable until it is reset. */
int sl_event_create(int32_t *descriptor);
void sl_event_signal(int32_t descriptor);
void sl_event_reset(int32_t descriptor);

enum { SL_WAIT_EVENT = 1, SL_WAIT_ENDED = 2, SL_WAIT_SOCKET = 4 };

/* Sleeps until the event is signalled, the process behind the pidfd has ended, the socket has a message or its
 * other end is closed, or for `milliseconds` (-1: no end). Which of them, as bits; a descriptor of -1 is
 * left out. May return 0 early for no reason. */
uint32_t sl_wait_descriptors(int32_t event, int32_t pidfd, int32_t socket, int32_t milliseconds);

/* Sends a message of at most 64 KiB with up to 250 descriptors. `waits`: until there is room; else EAGAIN. */
int sl_socket_send(int32_t socket, const void *bytes, size_t count, const int32_t *descriptors,
                   size_t descriptor_count, bool waits);

/* Receives a message: how long it is, or -1 with *error. 0: the other end is closed. Of its descriptors at
 * most *descriptor_count are kept, the others are closed; *descriptor_count is then how many there are. A
 * message that is longer than `capacity` is EMSGSIZE. */
ptrdiff_t sl_socket_receive(int32_t socket, void *bytes, size_t capacity, int32_t *descriptors,
                            size_t *descriptor_count, bool waits, int *error);

/* Whether the other end is closed, or either has shut it down. */
bool sl_socket_is_hung_up(int32_t socket);

/* Ends what the socket is for, on both sides: nobody waits in it any more. */
void sl_socket_shut_down(int32_t socket);

/* ---- Memory -------------------------------------------------------------------------------- */

/* Memory that can be handed over: of this size for good (sealed), all of it there (a full system is ENOSPC or
 * ENOMEM here, and no signal later), zero. In no folder, and gone with its last descriptor and mapping. */
int sl_segment_create(uint64_t bytes, int32_t *descriptor, void **memory);

/* Maps a segment of exactly this size; EINVAL: it is none, or its size may still change, or not all of its memory is
 * there (whoever hands over a size that is not there may hand over any). */
int sl_segment_map(int32_t descriptor, uint64_t bytes, void **memory);

void sl_segment_unmap(void *memory, uint64_t bytes);

/* ---- This program -------------------------------------------------------------------------- */

/* Something that tells this executable from another one, and from another build of it: a hash of its build
 * id and of which file it is. */
uint64_t sl_program_id(void);

/* Whether this process is a worker. */
bool sl_process_is_worker(void);

#ifdef __cplusplus
}
#endif
#endif
