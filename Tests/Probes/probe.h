/*
 * probe.h: a program that starts itself, or a copy of itself, in ways that make a worker of it or must not. What it
 * was started as it says in one word: "worker" (in Worker/main.c) or "main".
 *
 * Usage: PROBE spawn          as the library starts its workers
 *        PROBE tempt HOW      with the variable, and a descriptor 3, that a worker would find; see `ways`
 *        PROBE ids            prints the real and the effective user and group
 *
 * Some ways need root: they change the owner and the mode of the program's file, and its user.
 */
#include "CSluice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Somebody who has nothing, and somebody else. */
enum { STRANGER = 54321, NOBODY = 65534 };

/* Leak checkers look at nothing here: in a program with others' rights they may not. */
static _Noreturn void end(int status) {
  fflush(NULL);
  _exit(status);
}

static void check(int result, const char *what) {
  if (result >= 0) return;
  fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
  end(2);
}

static void become_stranger(void) {
  check(setresgid(STRANGER, STRANGER, STRANGER), "setresgid");
  check(setresuid(STRANGER, STRANGER, STRANGER), "setresuid");
  /* The kernel hides what a process executes that has changed its user; as one that was started by this user. */
  check(prctl(PR_SET_DUMPABLE, 1), "prctl");
}

/* What is not as in a worker's start. */
typedef enum {
  NOTHING,       /* all is: a worker */
  STRANGERS,     /* all is, and the user is not root: a worker */
  SETUID_ROOT,   /* the file is setuid, and owned by root: it may look at any process */
  SETUID_NOBODY, /* by another user */
  SETGID,
  OTHER_NUMBER,  /* the variable names descriptor 4 */
  NO_NUMBER,     /* or more than a number */
  STREAM,        /* descriptor 3 is another kind of socket */
  NO_SOCKET,     /* or no socket */
  CLOSED,        /* or none */
  ANOTHER_USERS, /* the socket was made by another user */
  GRANDPARENTS,  /* or by the parent's parent: as if the parent had ended */
  ANOTHER_FILE,  /* the parent executes another file, argument 3 being the one that is started */
  WAYS
} way;
static const char *const ways[WAYS] = {
    "nothing", "strangers", "setuid-root", "setuid-nobody", "setgid", "other-number", "no-number",
    "stream", "no-socket", "closed", "another-users", "grandparents", "another-file",
};

static void change_file(const char *path, uid_t owner, gid_t group, mode_t mode) {
  check(chown(path, owner, group), "chown");
  check(chmod(path, mode), "chmod");
}

/* A descriptor 3 for what is started, out of its way until then. */
static int make_descriptor(way how) {
  int pair[2];
  if (how == NO_SOCKET) {
    check(pair[1] = open("/dev/null", O_RDWR), "open");
  } else {
    check(socketpair(AF_UNIX, how == STREAM ? SOCK_STREAM : SOCK_SEQPACKET, 0, pair), "socketpair");
  }
  int high = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);
  check(high, "fcntl");
  return high;
}

static _Noreturn void start(const char *path, way how, int descriptor) {
  close(3);
  if (how != CLOSED) check(dup2(descriptor, 3), "dup2");
  if (how == OTHER_NUMBER) check(dup2(descriptor, 4), "dup2");
  setenv("SLUICE_WORKER", how == OTHER_NUMBER ? "4" : how == NO_NUMBER ? "3x" : "3", 1);
  execl(path, path, "tempted", (char *)NULL);
  check(-1, path);
  end(2);
}

static int status_of(pid_t child) {
  int status;
  check(waitpid(child, &status, 0), "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int tempt(way how, const char *other) {
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  check((int)length, "readlink");
  path[length] = 0;
  if (how == SETUID_ROOT) change_file(path, 0, 0, 04755);
  if (how == SETUID_NOBODY) change_file(path, NOBODY, NOBODY, 04755);
  if (how == SETGID) change_file(path, 0, NOBODY, 02755);
  bool is_stranger = how == STRANGERS || (how >= SETUID_ROOT && how <= SETGID) || how == ANOTHER_USERS;
  int descriptor = -1;
  if (how == ANOTHER_USERS) descriptor = make_descriptor(how);
  if (is_stranger) become_stranger();
  if (descriptor < 0) descriptor = make_descriptor(how);
  pid_t child = fork();
  check(child, "fork");
  if (child == 0 && how == GRANDPARENTS) {
    pid_t grandchild = fork();
    check(grandchild, "fork");
    if (grandchild != 0) end(status_of(grandchild));
  }
  if (child == 0) start(how == ANOTHER_FILE ? other : path, how, descriptor);
  return status_of(child);
}

static int spawn(void) {
  sl_child child;
  int32_t value = -1;
  int error = sl_child_spawn(&child);
  if (error != 0) {
    fprintf(stderr, "probe: sl_child_spawn: %s\n", strerror(error));
    return 2;
  }
  return sl_child_reap(&child, &value) == SL_CHILD_EXITED ? value : 128 + value;
}

int main(int count, char **arguments) {
  /* It was started by one of the ways, and is no worker. */
  if (getenv("SLUICE_WORKER") != NULL) {
    puts(sl_process_is_worker() ? "main of a worker" : "main");
    end(0);
  }
  const char *what = count > 1 ? arguments[1] : "";
  if (strcmp(what, "ids") == 0) {
    printf("%d %d %d %d\n", (int)getuid(), (int)geteuid(), (int)getgid(), (int)getegid());
    end(0);
  }
  if (strcmp(what, "spawn") == 0) end(spawn());
  for (int how = 0; how < WAYS && strcmp(what, "tempt") == 0 && count > 2; how++)
    if (strcmp(arguments[2], ways[how]) == 0) end(tempt((way)how, count > 3 ? arguments[3] : ""));
  fprintf(stderr, "usage: probe spawn | tempt HOW [FILE] | ids\n");
  end(2);
}
