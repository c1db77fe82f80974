#!/bin/sh
# Compiles the tests in Tests/Model, which run the headers of the C core under the relacy model checker, into
# FOLDER, and runs them: first on the headers as they stand, then on each mutant. CXX chooses the compiler.
# Further arguments go to the program (Tests/Model/README.md).
#
# Usage: model.sh [FOLDER [ARGUMENT...]]
set -eu
cd "$(dirname "$0")/.."
CXX=${CXX:-clang++}
out=${1:-.build/model}
if [ $# -gt 0 ]; then shift; fi
mkdir -p "$out"

# relacy is older than today's warnings. Each file takes some seconds: one at a time on each core.
printf '%s\n' Tests/Model/*.cpp | xargs -P "$(nproc)" -I SOURCE sh -eu -c '
  object=$2/$(basename "$1" .cpp).o
  changed=$(find Tests/Model CSupport -newer "$object" \
    \( -path "$1" -o -name "*.h" -o -name "*.hpp" -o -name "*.c" \) 2>/dev/null || echo all)
  if [ -e "$object" ] && [ -z "$changed" ]; then exit 0; fi
  "$3" -std=c++17 -O1 -w -D_GNU_SOURCE -DSL_ATOMIC_HEADER="\"relacy_atomic.hpp\"" \
    -ITests/Model -ICSupport/include -c "$1" -o "$object"
' _ SOURCE "$out" "$CXX"
objects=
for source in Tests/Model/*.cpp; do objects="$objects $out/$(basename "$source" .cpp).o"; done
# shellcheck disable=SC2086
$CXX $objects -o "$out/model"

# A model that does not end is a failure too: a mutant may spin for ever, but then relacy says so.
limit=600
status=0
timeout --kill-after=10 $limit "$out/model" "$@" CSupport CSupport/include || status=$?
if [ "$status" -eq 124 ]; then echo "model: not done after $limit s" >&2; fi
exit "$status"
