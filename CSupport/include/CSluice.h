/* CSluice.h: the whole C core. Each concept has a header of its own; include those you need. */
#ifndef CSLUICE_H
#define CSLUICE_H

#include "sl_atomic.h"
#include "sl_backoff.h"
#include "sl_barrier.h"
#include "sl_bounded_queue.h"
#include "sl_crash.h"
#include "sl_event_count.h"
#include "sl_exchange.h"
#include "sl_exchange_rings.h"
#include "sl_image.h"
#include "sl_inbox.h"
#include "sl_lanes.h"
#include "sl_lease.h"
#include "sl_mpmc_ring.h"
#include "sl_order_ring.h"
#include "sl_os.h"
#include "sl_process.h"
#include "sl_result.h"
#include "sl_shared_memory.h"
#include "sl_spmc_ring.h"
#include "sl_spsc_ring.h"
#include "sl_stage_counters.h"
#include "sl_swap_ring.h"
#include "sl_swap_ring_places.h"
#include "sl_thread_number.h"
#include "sl_token.h"
#include "sl_unbounded_queue.h"
#include "sl_waiters.h"

#endif
