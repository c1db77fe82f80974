/* sl_process.c: spawning workers, their end, and which program this is. */
#include "sl_process.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sl_worker_entry.h"

extern char **environ;

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* ---- What a worker is given ---------------------------------------------------------------- */

/* The whole of a file of /proc; NULL with errno. */
static char *read_file(const char *path, size_t *length) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return NULL;
  size_t used = 0, room = 4096;
  char *bytes = (char *)malloc(room);
  while (bytes != NULL) {
    if (used == room) {
      char *more = (char *)realloc(bytes, room *= 2);
      if (more == NULL) break;
      bytes = more;
    }
    ssize_t n = read(file, bytes + used, room - used);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      close(file);
      *length = used;
      return bytes;
    }
    used += (size_t)n;
  }
  free(bytes);
  close(file);
  errno = ENOMEM;
  return NULL;
}

/* The program's arguments, as a list whose texts lie in *bytes. */
static char **arguments(char **bytes) {
  size_t length = 0, count = 0;
  *bytes = read_file("/proc/self/cmdline", &length);
  if (*bytes == NULL) return NULL;
  for (size_t i = 0; i < length; i++) count += (*bytes)[i] == 0;
  char **list = (char **)calloc(count + 1, sizeof *list);
  if (list == NULL) return NULL;
  size_t start = 0;
  for (size_t i = 0, n = 0; i < length; i++) {
    if ((*bytes)[i] != 0) continue;
    list[n++] = *bytes + start;
    start = i + 1;
  }
  return list;
}

/* The environment, with the variable that a worker looks for. */
static char **environment(char *variable) {
  size_t count = 0;
  while (environ != NULL && environ[count] != NULL) count++;
  char **list = (char **)calloc(count + 2, sizeof *list);
  if (list == NULL) return NULL;
  size_t n = 0, name = strlen(SL_WORKER_VARIABLE "=");
  for (size_t i = 0; i < count; i++) {
    if (strncmp(environ[i], SL_WORKER_VARIABLE "=", name) != 0) list[n++] = environ[i];
  }
  list[n] = variable;
  return list;
}

/* ---- Spawning ------------------------------------------------------------------------------ */

static int spawn_with(sl_child *child, int theirs, char **argv, char **envp) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t signals;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0) return error;
  error = posix_spawnattr_init(&attributes);
  if (error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }
  /* Their end may be 0 to 3 itself, in a program that has closed these. */
  int high = fcntl(theirs, F_DUPFD_CLOEXEC, SL_WORKER_SOCKET + 1);
  if (high < 0) error = errno;
  if (error == 0) error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, high, SL_WORKER_SOCKET);
  if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(&actions, SL_WORKER_SOCKET + 1);
  sigfillset(&signals);
  if (error == 0) error = posix_spawnattr_setsigdefault(&attributes, &signals);
  sigemptyset(&signals);
  if (error == 0) error = posix_spawnattr_setsigmask(&attributes, &signals);
  if (error == 0) error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  pid_t pid = -1;
  if (error == 0) error = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv, envp);
  if (high >= 0) close(high);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  child->pid = pid;
  return error;
}

static int spawn(sl_child *child) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return errno;
  char variable[64], *bytes = NULL;
  snprintf(variable, sizeof variable, "%s=%d", SL_WORKER_VARIABLE, SL_WORKER_SOCKET);
  char **argv = arguments(&bytes), **envp = environment(variable);
  int error = argv == NULL || envp == NULL ? ENOMEM : spawn_with(child, pair[1], argv, envp);
  free(bytes);
  free(argv);
  free(envp);
  close(pair[1]);
  child->socket = pair[0];
  if (error == 0) {
    child->pidfd = (int32_t)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->pidfd < 0) {
      error = errno; /* no descriptor left, or the program has the system reap its children and it is gone */
      if (error != ESRCH) kill(child->pid, SIGKILL);
      waitpid(child->pid, NULL, 0);
    }
  }
  if (error != 0) close(pair[0]);
  return error;
}

/* The thread that spawns, and what it is asked for. */
static struct {
  pthread_mutex_t lock;
  pthread_cond_t asked, done;
  sl_child *child; /* to spawn into; NULL: nothing is asked */
  bool is_done;
  int error;
} spawner = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, false, 0};
static pthread_once_t spawner_once = PTHREAD_ONCE_INIT;
static int spawner_error;

static void *spawn_forever(void *nothing) {
  pthread_mutex_lock(&spawner.lock);
  for (;;) {
    while (spawner.child == NULL || spawner.is_done) pthread_cond_wait(&spawner.asked, &spawner.lock);
    spawner.error = spawn(spawner.child);
    spawner.is_done = true;
    pthread_cond_broadcast(&spawner.done);
  }
  return nothing;
}

static void start_spawner(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all, before;
  spawner_error = pthread_attr_init(&attributes);
  if (spawner_error != 0) return;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* the program's signals are not this thread's to handle */
  spawner_error = pthread_create(&thread, &attributes, spawn_forever, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
}

int sl_child_spawn(sl_child *child) {
  child->pid = child->pidfd = child->socket = -1;
  pthread_once(&spawner_once, start_spawner);
  if (spawner_error != 0) return spawner_error;
  pthread_mutex_lock(&spawner.lock);
  while (spawner.child != NULL) pthread_cond_wait(&spawner.done, &spawner.lock);
  spawner.child = child;
  spawner.is_done = false;
  pthread_cond_signal(&spawner.asked);
  while (!spawner.is_done) pthread_cond_wait(&spawner.done, &spawner.lock);
  int error = spawner.error;
  spawner.child = NULL;
  pthread_cond_broadcast(&spawner.done); /* the next in turn */
  pthread_mutex_unlock(&spawner.lock);
  if (error != 0) child->pid = child->pidfd = child->socket = -1;
  return error;
}

/* ---- Ending -------------------------------------------------------------------------------- */

void sl_child_kill(const sl_child *child) {
  if (child->pidfd >= 0) syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
}

sl_child_ending sl_child_reap(sl_child *child, int32_t *value) {
  sl_child_ending ending = SL_CHILD_UNKNOWN;
  siginfo_t info;
  memset(&info, 0, sizeof info);
  *value = 0;
  int result;
  do {
    result = waitid((idtype_t)P_PIDFD, (id_t)child->pidfd, &info, WEXITED);
  } while (result != 0 && errno == EINTR);
  if (result == 0) {
    ending = info.si_code == CLD_EXITED ? SL_CHILD_EXITED : SL_CHILD_SIGNALED;
    *value = info.si_status;
  } else {
    /* Somebody else was told of its end, or will be: it may still run. */
    while (sl_wait_descriptors(-1, child->pidfd, -1, -1) == 0) {}
  }
  close(child->pidfd);
  if (child->socket >= 0) close(child->socket);
  child->pid = child->pidfd = child->socket = -1;
  return ending;
}

/* ---- This program -------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t count) { /* FNV-1a */
  for (size_t i = 0; i < count; i++) hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
  return hash;
}

static int mix_build_id(struct dl_phdr_info *info, size_t size, void *hash) {
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    if (info->dlpi_phdr[i].p_type != PT_NOTE) continue;
    const char *at = (const char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    const char *end = at + info->dlpi_phdr[i].p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(const void *)at;
      const char *name = at + sizeof *note, *value = name + ((note->n_namesz + 3) & ~3u);
      if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(name, "GNU", 4) == 0)
        *(uint64_t *)hash = mix(*(uint64_t *)hash, value, note->n_descsz);
      at = value + ((note->n_descsz + 3) & ~3u);
    }
  }
  return 1; /* the executable comes first */
}

uint64_t sl_program_id(void) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  dl_iterate_phdr(mix_build_id, &hash);
  struct stat file;
  if (stat("/proc/self/exe", &file) == 0) {
    hash = mix(hash, &file.st_dev, sizeof file.st_dev);
    hash = mix(hash, &file.st_ino, sizeof file.st_ino);
    hash = mix(hash, &file.st_size, sizeof file.st_size);
  }
  return hash;
}
