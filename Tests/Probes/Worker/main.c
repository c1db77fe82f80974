/* worker-probe: probe.h in a program that has something to do for a worker. */
#include "../probe.h"

void sl_worker_main_(int32_t socket);

static bool constructors_are_through;
__attribute__((constructor)) static void come_through(void) { constructors_are_through = true; }

/* The worker's own work: it says that it is one, if everything is as it must be in a worker. */
void sl_worker_main_(int32_t socket) {
  bool is_right = socket == 3 && sl_process_is_worker() && constructors_are_through;
  is_right = is_right && getenv("SLUICE_WORKER") == NULL && (fcntl(3, F_GETFD) & FD_CLOEXEC) != 0;
  puts(is_right ? "worker" : "worker, but not as it must be");
}
