#!/bin/sh
# Builds the programs that measure queues, those of the library and its peers, into the folder OUT; only what has
# changed. All with the same options: -O3 for the processor that the compiler takes for granted. A program whose
# library is not installed is left out, and OUT/PROGRAM.missing says which Debian package it needs. CXX and CC
# choose the compilers.
#
# Usage: build.sh OUT
set -eu
if [ $# -ne 1 ]; then
  echo 'usage: build.sh OUT' >&2
  exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
core=../../CSupport
CXX=${CXX:-g++}
CC=${CC:-gcc}

# missing PROGRAM PACKAGES
missing() {
  rm -f "$out/$1"
  echo "$2" >"$out/$1.missing"
  echo "$1: not built; it needs the package $2" >&2
}

has_header() {
  for folder in /usr/include /usr/local/include; do
    if [ -f "$folder/$1" ]; then return 0; fi
  done
  return 1
}

# is_current TARGET SOURCE...
is_current() {
  target=$1
  shift
  [ -f "$target" ] && [ -z "$(find "$@" -newer "$target" -print -quit)" ]
}

cpp() {
  # shellcheck disable=SC2086
  # Without warnings: what there are stand in the peers' headers.
  $CXX -std=c++17 -O3 -DNDEBUG -w -pthread "$@"
}

# peer PROGRAM HEADER PACKAGE [LIBRARY...]
peer() {
  program=$1 header=$2 package=$3
  shift 3
  if ! has_header "$header"; then
    missing "$program" "$package"
    return
  fi
  rm -f "$out/$program.missing"
  if is_current "$out/$program" "$program.cpp" bench_queue.hpp build.sh; then return; fi
  echo "building $program" >&2
  cpp "$program.cpp" -o "$out/$program" "$@"
}

ours() {
  if is_current "$out/sluice" sluice.cpp bench_queue.hpp build.sh "$core"; then return; fi
  echo 'building sluice' >&2
  mkdir -p "$out/core"
  for source in "$core"/*.c; do
    $CC -std=gnu11 -O3 -D_GNU_SOURCE -DURCU_INLINE_SMALL_FUNCTIONS -I"$core/include" -c "$source" \
      -o "$out/core/$(basename "$source" .c).o"
  done
  cpp -I"$core/include" sluice.cpp "$out"/core/*.o -o "$out/sluice" -lurcu-memb -lurcu-common
}

crossbeam() {
  crates=/usr/share/cargo/registry
  if ! ls -d "$crates"/crossbeam-queue-* >/dev/null 2>&1; then
    missing crossbeam librust-crossbeam-queue-dev
    return
  fi
  if ! command -v cargo >/dev/null; then
    missing crossbeam cargo
    return
  fi
  rm -f "$out/crossbeam.missing"
  if is_current "$out/crossbeam" crossbeam build.sh; then return; fi
  echo 'building crossbeam' >&2
  # In a copy, since cargo writes beside the sources.
  rm -rf "$out/crossbeam-build"
  cp -r crossbeam "$out/crossbeam-build"
  (
    cd "$out/crossbeam-build"
    cargo build --quiet --release --offline --target-dir target \
      --config 'source.crates-io.replace-with="debian"' --config "source.debian.directory=\"$crates\""
  )
  cp "$out/crossbeam-build/target/release/crossbeam" "$out/crossbeam"
}

ours
peer atomic_queue atomic_queue/atomic_queue.h libatomic-queue-dev
peer boost_lockfree boost/lockfree/queue.hpp libboost-dev
peer ck_ring ck_ring.h libck-dev
peer moodycamel concurrentqueue/concurrentqueue.h libconcurrentqueue-dev
peer tbb oneapi/tbb/concurrent_queue.h libtbb-dev -ltbb
peer xenium xenium/vyukov_bounded_queue.hpp libxenium-dev
crossbeam
