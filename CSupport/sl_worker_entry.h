/* sl_worker_entry.h: what sl_process.c, sl_worker_entry.c and the Swift library agree on. */
#ifndef SL_WORKER_ENTRY_H
#define SL_WORKER_ENTRY_H

#include <stdint.h>

/* The variable that tells a process which descriptor may be its socket. */
#define SL_WORKER_VARIABLE "SLUICE_WORKER"
enum { SL_WORKER_SOCKET = 3 };

/* Defined by the Swift library: what a worker does, with its end of the socket. When it returns, the process
 * ends. Not there in a program that uses the C core alone. */
void sl_worker_main_(int32_t socket);
#pragma weak sl_worker_main_

#endif
