#!/bin/sh
# Builds the programs that measure queues, those of the library and its peers, into the folder OUT; build_common.sh
# says how.
#
# Usage: build.sh OUT
set -eu
peers=$(dirname "$0")
# shellcheck source=Benchmarks/peers/build_common.sh
. "$peers/build_common.sh"
open_out "$@"
# It has set this.
: "${out:?}"
core=../../CSupport

ours() {
  if is_current sluice sluice.cpp bench_queue.hpp bench_program.hpp "$core"; then return; fi
  mkdir -p "$out/core"
  for source in "$core"/*.c; do
    $CC -std=gnu11 -O3 -D_GNU_SOURCE -DURCU_INLINE_SMALL_FUNCTIONS -I"$core/include" -c "$source" \
      -o "$out/core/$(basename "$source" .c).o"
  done
  compile sluice -I"$core/include" sluice.cpp "$out"/core/*.o -lurcu-memb -lurcu-common
}

ours
cpp atomic_queue atomic_queue/atomic_queue.h libatomic-queue-dev
cpp boost_lockfree boost/lockfree/queue.hpp libboost-dev
cpp ck_ring ck_ring.h libck-dev
cpp moodycamel concurrentqueue/concurrentqueue.h libconcurrentqueue-dev
cpp tbb oneapi/tbb/concurrent_queue.h libtbb-dev -ltbb
cpp xenium xenium/vyukov_bounded_queue.hpp libxenium-dev
crate crossbeam crossbeam crossbeam-queue
