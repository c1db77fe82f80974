/* sl_shared_memory.c: the system calls of sl_shared_memory.h. */
#include "sl_shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020 /* Linux 6.3; where vm.memfd_noexec is set, every memfd has it */
#endif

static const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

/* Private, since kernels before 6.7 refuse a shared mapping of what is sealed against writing. Without writes the
 * pages are the same. */
static int map_for_reading(int descriptor, size_t bytes, sl_shared_memory *memory) {
  void *base = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (base == MAP_FAILED) return errno;
  *memory = (sl_shared_memory){descriptor, base, bytes};
  return 0;
}

/* Beyond the limit on file sizes the kernel sends SIGXFSZ, which ends the process. */
static bool is_within_file_limit(size_t bytes) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0) return true;
  return limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur;
}

/* Bytes that the system could give, from /proc/meminfo; SIZE_MAX if that cannot be read. */
static size_t available_memory(void) {
  FILE *file = fopen("/proc/meminfo", "re");
  if (file == NULL) return SIZE_MAX;
  unsigned long long kib = 0, part;
  int found = 0;
  char line[128];
  while (found < 2 && fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "MemAvailable: %llu kB", &part) == 1 || sscanf(line, "SwapFree: %llu kB", &part) == 1) {
      kib += part;
      found++;
    }
  }
  fclose(file);
  return found == 2 ? (size_t)kib * 1024 : SIZE_MAX;
}

/* What the kernel cannot have, it tries to get by killing processes. Small pieces are not looked at: who asks for
 * many of them has the same trouble with malloc. */
static bool is_within_memory(size_t bytes) {
  return bytes < ((size_t)1 << 24) || bytes <= available_memory();
}

static int allocate(int descriptor, size_t bytes) {
  int result;
  do {
    result = fallocate(descriptor, 0, 0, (off_t)bytes);
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

int sl_shared_memory_create(sl_shared_memory_draft *draft, size_t bytes) {
  if (bytes == 0) return EINVAL;
  if (bytes > (size_t)PTRDIFF_MAX || !is_within_file_limit(bytes)) return EFBIG;
  if (!is_within_memory(bytes)) return ENOMEM;
  int descriptor = memfd_create("sluice-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) return errno;
  int error = allocate(descriptor, bytes);
  if (error == 0) {
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (base != MAP_FAILED) {
      /* A fork's child with this mapping would keep the memory from being sealed. */
      (void)madvise(base, bytes, MADV_DONTFORK);
      *draft = (sl_shared_memory_draft){descriptor, base, bytes};
      return 0;
    }
    error = errno;
  }
  close(descriptor);
  return error;
}

int sl_shared_memory_seal(sl_shared_memory_draft draft, sl_shared_memory *sealed) {
  (void)munmap(draft.base, draft.bytes);
  int error = fcntl(draft.descriptor, F_ADD_SEALS, seals) == 0 ? 0 : errno;
  if (error == 0) error = map_for_reading(draft.descriptor, draft.bytes, sealed);
  if (error != 0) close(draft.descriptor);
  return error;
}

void sl_shared_memory_discard(sl_shared_memory_draft draft) {
  (void)munmap(draft.base, draft.bytes);
  close(draft.descriptor);
}

/* Whether nobody can ever change what the descriptor stands for, and this process can read it. */
static bool is_sealed_memory(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0 || (flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_WRONLY) return false;
  int found = fcntl(descriptor, F_GET_SEALS);
  if (found < 0 || (found & ~F_SEAL_EXEC) != seals) return false;
  struct statfs system;
  return fstatfs(descriptor, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

/* The length, or 0 if there is none or pages are missing: a missing page is made when it is read, and for that
 * there may be no memory. Sealed, so nobody can take one away later. */
static size_t whole_length(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  if (status.st_size <= 0 || (uintmax_t)status.st_size > (uintmax_t)PTRDIFF_MAX) return 0;
  if (status.st_blocks < (status.st_size + 511) / 512) return 0;
  return (size_t)status.st_size;
}

int sl_shared_memory_receive(int descriptor, sl_shared_memory *received) {
  int error = EACCES;
  if (is_sealed_memory(descriptor)) {
    size_t bytes = whole_length(descriptor);
    error = bytes == 0 ? EINVAL : map_for_reading(descriptor, bytes, received);
  }
  if (error == 0 && fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) {
    error = errno;
    (void)munmap((void *)(uintptr_t)received->base, received->bytes);
  }
  if (error != 0 && descriptor >= 0) close(descriptor);
  return error;
}

void sl_shared_memory_release(sl_shared_memory memory) {
  (void)munmap((void *)(uintptr_t)memory.base, memory.bytes);
  close(memory.descriptor);
}
