#!/bin/sh
# Runs the tests of the C core, of the public queues, of what crosses between processes and the stress tests under
# sanitizers, built into FOLDER:
# "address" is AddressSanitizer with UndefinedBehaviorSanitizer, "thread" is ThreadSanitizer. A report of either
# is a failure. Scripts/sanitize-thread.supp has what is not reported, with its reason.
#
# Usage: sanitize.sh address|thread [FOLDER]
set -eu
cd "$(dirname "$0")/.."
kind=$1
out=${2:-.build/sanitize-$kind}
filter='^(CSluiceTests|StressTests)\.|^SluiceTests\.(Queue|SPSCQueue|UnsendableElement|Process|OrderedProcess|WorkerDeath'

case $kind in
address)
  # UBSan over the C core alone: in Swift, what it looks for traps anyway. Without a runtime of its own it ends the
  # process by an illegal instruction at the place.
  set -- --sanitize=address -Xcc -fsanitize=undefined -Xcc -fsanitize-trap=undefined
  filter="$filter|HostileWorker"
  export ASAN_OPTIONS="detect_stack_use_after_return=1:${ASAN_OPTIONS:-}"
  ;;
thread)
  set -- --sanitize=thread
  # Without hostile workers, whose threads race on purpose.
  export TSAN_OPTIONS="suppressions=$PWD/Scripts/sanitize-thread.supp:${TSAN_OPTIONS:-}"
  ;;
*)
  echo "sanitize: address or thread, not $kind" >&2
  exit 2
  ;;
esac

# One backtrace for a crash is enough, and Swift's own takes minutes in a process of such a size.
export SWIFT_BACKTRACE=enable=no
swift build --scratch-path "$out" --build-tests "$@"
# XCTest, which has nothing to run here, leaks.
swift test --scratch-path "$out" --skip-build --no-parallel --disable-xctest --filter "$filter)" "$@"
