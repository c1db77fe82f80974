/*
 * sl_worker_entry.c: how a process finds that it was spawned as a worker, and becomes one before `main`.
 *
 * A constructor looks for the variable that the parent sets. The variable alone means nothing: anybody can set
 * it, for a setuid program too. The process becomes a worker only if
 *   - it has no more rights than who started it (AT_SECURE, real and effective ids),
 *   - the descriptor is a unix socket of the parent's making: its peer's process is this one's parent, and of
 *     the same user,
 *   - that parent executes the same file.
 * Otherwise the program goes on as if there were no variable; but one whose parent has ended meanwhile ends too.
 *
 * A stage's body may use anything that the program's constructors set up, in C++ or Swift (whose
 * runtime learns of the program's types from one). So the worker does not begin in this
 * constructor, but after the last one of the executable, whose entry in the executable's table is exchanged
 * for a function that calls it and then never returns to `main`. Libraries' constructors run before that.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sl_process.h"
#include "sl_worker_entry.h"

typedef void (*constructor)(int, char **, char **);

static int worker_socket = -1;
static constructor last_constructor;

bool sl_process_is_worker(void) { return worker_socket >= 0; }

/* ---- Who is a worker ----------------------------------------------------------------------- */

/* Ends this process if the parent is on its way out: it executes nothing any more then. */
static bool executes_the_same(pid_t parent) {
  char path[64];
  struct stat ours, theirs;
  snprintf(path, sizeof path, "/proc/%d/exe", (int)parent);
  if (stat("/proc/self/exe", &ours) != 0) return false;
  if (stat(path, &theirs) != 0) {
    if (errno == ENOENT || errno == ESRCH) _exit(0);
    return false;
  }
  return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

static bool is_packet_socket(int socket) {
  int type = 0, domain = 0;
  socklen_t length = sizeof type;
  if (getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_SEQPACKET) return false;
  length = sizeof domain;
  return getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX;
}

/* The socket of a process that was spawned as a worker; -1: it was not. */
static int spawned_socket(void) {
  const char *text = getenv(SL_WORKER_VARIABLE);
  if (text == NULL || sl_worker_main_ == NULL) return -1;
  if (getauxval(AT_SECURE) != 0 || getuid() != geteuid() || getgid() != getegid()) return -1;
  char *end;
  long number = strtol(text, &end, 10);
  if (end == text || *end != 0 || number != SL_WORKER_SOCKET) return -1;
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (!is_packet_socket(SL_WORKER_SOCKET)) return -1;
  if (getsockopt(SL_WORKER_SOCKET, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return -1;
  if (peer.uid != getuid()) return -1;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  /* Whose parent has ended was spawned for nothing. It must not go on and do the whole program's work. */
  if (getppid() != peer.pid) _exit(0);
  if (!executes_the_same(peer.pid)) {
    prctl(PR_SET_PDEATHSIG, 0);
    return -1;
  }
  fcntl(SL_WORKER_SOCKET, F_SETFD, FD_CLOEXEC); /* it is not for what a stage's body may start */
  return SL_WORKER_SOCKET;
}

/* ---- When it begins ------------------------------------------------------------------------ */

static void work(void) {
  sl_worker_main_(worker_socket);
  fflush(NULL);
  _exit(0); /* what the program has registered for its exit belongs to a run of its main */
}

/* A constructor may be declared with fewer arguments than the loader gives to all of them. */
#ifdef __clang__
__attribute__((no_sanitize("function")))
#endif
static void work_after_last(int argc, char **argv, char **envp) {
  if (last_constructor != NULL) last_constructor(argc, argv, envp);
  work();
}

/* The executable's table of constructors. */
typedef struct {
  constructor *first;
  size_t count;
} table;

static int find_table(struct dl_phdr_info *info, size_t size, void *found) {
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    if (info->dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    for (; entry->d_tag != DT_NULL; entry++) {
      if (entry->d_tag == DT_INIT_ARRAY)
        ((table *)found)->first = (constructor *)(info->dlpi_addr + entry->d_un.d_ptr);
      if (entry->d_tag == DT_INIT_ARRAYSZ) ((table *)found)->count = entry->d_un.d_val / sizeof(constructor);
    }
  }
  return 1; /* the executable comes first */
}

/* In an executable that is not relocated there is no dynamic section; the linker tells where the table is. */
extern constructor __init_array_start[] __attribute__((weak, visibility("hidden")));
extern constructor __init_array_end[] __attribute__((weak, visibility("hidden")));

/* Puts work_after_last in the place of the last constructor; false: it cannot be written to. */
static bool come_last(void) {
  table all = {NULL, 0};
  dl_iterate_phdr(find_table, &all);
  if (all.first == NULL && __init_array_start != NULL) {
    all.first = __init_array_start;
    all.count = (size_t)(__init_array_end - __init_array_start);
  }
  if (all.first == NULL || all.count == 0) return false;
  constructor *last = all.first + all.count - 1;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)last & ~(page - 1);
  /* An entry is aligned, so it lies in one page; which is read-only by now. */
  if (mprotect((void *)start, page, PROT_READ | PROT_WRITE) != 0) return false;
  last_constructor = *last;
  *last = work_after_last;
  mprotect((void *)start, page, PROT_READ);
  return true;
}

__attribute__((constructor)) static void become_worker(void);

static void become_worker(void) {
  if (worker_socket >= 0) return;
  worker_socket = spawned_socket();
  if (worker_socket < 0) return;
  unsetenv(SL_WORKER_VARIABLE);
  prctl(PR_SET_NAME, program_invocation_short_name); /* it would be called "exe", as the link that it was started by */
  /* The terminal sends these to all processes of a job; the parent decides what they mean. */
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 0); /* lines of several workers stay whole, and a killed one loses none */
  bool is_last = !come_last();
  if (is_last || last_constructor == (constructor)become_worker) work();
}
