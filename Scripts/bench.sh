#!/bin/sh
# Runs each benchmark, writes what it measured into FOLDER, as JSON, and draws plots of it there, as SVG. SCRATCH is
# where SwiftPM builds the example program.
#
# Usage: bench.sh FOLDER [OPTION...]: options that all benchmarks take, as --quick
set -eu
if [ $# -lt 1 ]; then
  echo 'usage: bench.sh FOLDER [OPTION...]' >&2
  exit 2
fi
cd "$(dirname "$0")/.."
folder=$1
scratch=${SCRATCH:-.build}
shift

swift build --scratch-path "$scratch" -c release --product wordcount >&2
swift build --package-path Benchmarks -c release --product sluice-bench >&2
bench=$(swift build --package-path Benchmarks -c release --show-bin-path)/sluice-bench

mkdir -p "$folder"
"$bench" queues --json "$folder/queues.json" "$@"
"$bench" pipelines --json "$folder/pipelines.json" --wordcount "$scratch/release/wordcount" "$@"
"$bench" latency --json "$folder/latency.json" "$@"
"$bench" processes --json "$folder/processes.json" "$@"

python=Benchmarks/.build/python/bin/python
if ! "$python" -c 'import matplotlib' 2>/dev/null; then
  echo 'No plots: matplotlib is not there; Scripts/python-peers.sh installs it' >&2
  exit 0
fi
"$python" -B Benchmarks/plots/plot.py "$folder"
