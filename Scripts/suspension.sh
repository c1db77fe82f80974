#!/bin/sh
# Compiles the C core over atomics that can stop a thread at each step, with the test in Tests/Suspension, into
# FOLDER, and runs it: all of it, or the subjects named. CC chooses the compiler, CFLAGS adds to its options.
#
# Usage: suspension.sh [FOLDER [SUBJECT...]]
set -eu
cd "$(dirname "$0")/.."
CC=${CC:-clang}
out=${1:-.build/suspension}
if [ $# -gt 0 ]; then shift; fi
mkdir -p "$out"

# Futex wake-ups and process-wide barriers are steps as well: the test puts itself before them. And before the
# clock and the futex wait, so that a waiter's time passes only when the test lets it.
# shellcheck disable=SC2086
$CC -std=gnu11 -O2 -Wall -Wextra -Werror -pthread -D_GNU_SOURCE -DURCU_INLINE_SMALL_FUNCTIONS \
  -DSL_ATOMIC_HEADER='"stepping_atomic.h"' -ITests/Suspension -ICSupport/include ${CFLAGS:-} \
  Tests/Suspension/*.c CSupport/*.c \
  -Wl,--wrap=sl_futex_wake,--wrap=sl_process_barrier,--wrap=sl_futex_wait,--wrap=sl_now_nanoseconds \
  -lurcu-memb -lurcu-common -o "$out/suspension"

# Each case has its own watchdog, which says what hangs; this one is for the sum of them.
limit=300
status=0
timeout --kill-after=10 $limit "$out/suspension" "$@" || status=$?
if [ "$status" -eq 124 ]; then echo "suspension: not done after $limit s" >&2; fi
exit "$status"
