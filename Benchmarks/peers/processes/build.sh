#!/bin/sh
# Builds the programs that measure worker processes into the folder OUT; only what has changed. What is in Python
# gets a launcher there, for the interpreter with the packages of requirements.txt if Scripts/python-peers.sh has made
# it, or else for the system's. A program whose library is not installed is left out, and OUT/PROGRAM.missing says which
# package it needs. CXX chooses the compiler.
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
sources=$(pwd)
CXX=${CXX:-g++}
python=$sources/../../.build/python/bin/python
[ -x "$python" ] || python=$(command -v python3 || true)

# missing PROGRAM PACKAGE
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

# cpp PROGRAM HEADER PACKAGE
cpp() {
  if ! has_header "$2"; then
    missing "$1" "$3"
    return
  fi
  rm -f "$out/$1.missing"
  if [ -f "$out/$1" ] && [ -z "$(find "$1.cpp" bench_process.hpp build.sh -newer "$out/$1" -print -quit)" ]; then
    return
  fi
  echo "building $1" >&2
  # Without warnings: what there are stand in the peers' headers.
  $CXX -std=c++17 -O3 -DNDEBUG -w -pthread "$1.cpp" -o "$out/$1"
}

# python PROGRAM MODULE PACKAGE
python() {
  if [ -z "$python" ]; then
    missing "$1" python3
    return
  fi
  if ! "$python" -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$2') is None)"; then
    missing "$1" "$3"
    return
  fi
  rm -f "$out/$1.missing"
  # Without bytecode, which would be written beside the sources.
  printf '#!/bin/sh\nexec "%s" -B "%s/%s.py" "$@"\n' "$python" "$sources" "$1" >"$out/$1"
  chmod +x "$out/$1"
}

cpp kernel_ipc spawn.h libc6-dev
cpp boost_interprocess boost/interprocess/ipc/message_queue.hpp libboost-dev
python python_multiprocessing multiprocessing python3
python faster_fifo_queue faster_fifo 'faster-fifo of PyPI, which make bench installs'
python pyper_pipeline pyper 'python-pyper of PyPI, which make bench installs'
