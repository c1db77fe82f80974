/*
 * sl_shared_memory.h: memory that is written once and then passed between processes by descriptor.
 *
 * It is a memfd. Its maker maps it, writes it, and seals it: from then on nobody, in any process, can write it,
 * shrink it, grow it or take the seals away, so that who has checked its contents need not check them again. All
 * holders map it for reading alone. The kernel frees it with the last descriptor and mapping, so a process that is
 * killed leaves nothing behind.
 *
 * Space is allocated with fallocate, never by touching it: where there is none, that is an error and not SIGBUS. More
 * than the system could give at all is refused before, as the kernel would kill processes to get it; a control
 * group's limit below that is not looked at.
 * What another process has sent is a descriptor of anything. sl_shared_memory_receive looks at all that a reader
 * relies on, before it maps: a memfd (of common pages, since only then any length can be mapped and unmapped), the
 * seals, leave to read, and that every page is there.
 *
 * Everything here returns 0, or the errno that says why not.
 */
#ifndef SL_SHARED_MEMORY_H
#define SL_SHARED_MEMORY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory that was sealed and is mapped for reading. */
typedef struct {
  int descriptor; /* close-on-exec */
  const void *base;
  size_t bytes;
} sl_shared_memory;

/* Memory that is being written, by its maker alone. */
typedef struct {
  int descriptor; /* close-on-exec */
  void *base;     /* `bytes` bytes, zero at first; a fork's child does not have them */
  size_t bytes;
} sl_shared_memory_draft;

/* EINVAL for no bytes; ENOMEM, ENOSPC, EMFILE, EFBIG (the limit on file sizes) … for want of something. */
int sl_shared_memory_create(sl_shared_memory_draft *draft, size_t bytes);

/* Ends the draft in any case. Nobody may use its mapping any more. */
int sl_shared_memory_seal(sl_shared_memory_draft draft, sl_shared_memory *sealed);

/* Ends a draft that is not to be sealed. */
void sl_shared_memory_discard(sl_shared_memory_draft draft);

/* Owns `descriptor` from here on, and closes it if it refuses it: EACCES if it is not sealed memory or cannot be
 * read, EINVAL if it is empty or has holes. */
int sl_shared_memory_receive(int descriptor, sl_shared_memory *received);

/* Unmaps and closes. */
void sl_shared_memory_release(sl_shared_memory memory);

#ifdef __cplusplus
}
#endif
#endif
