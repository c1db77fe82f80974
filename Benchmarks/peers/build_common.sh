# Sourced by the build.sh of each kind of peer: what they have in common. A program is built only if it has changed.
# One whose library is not installed is left out, and OUT/PROGRAM.missing says which package it needs.
# shellcheck shell=sh
#
# Before: `peers` is this folder, as seen from where build.sh was started. `open_out "$@"` comes first; CXX and CC
# choose the compilers.

CXX=${CXX:-g++}
CC=${CC:-gcc}

# open_out OUT: makes it, and goes to the folder of build.sh.
open_out() {
  if [ $# -ne 1 ]; then
    echo 'usage: build.sh OUT' >&2
    exit 2
  fi
  peers=$(cd "$peers" && pwd)
  mkdir -p "$1"
  out=$(cd "$1" && pwd)
  cd "$(dirname "$0")" || exit
  sources=$(pwd)
}

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

# is_current PROGRAM SOURCE...: says what is built if it is not.
is_current() {
  program=$1
  shift
  rm -f "$out/$program.missing"
  if [ -f "$out/$program" ] &&
    [ -z "$(find "$@" "$sources/build.sh" "$peers/build_common.sh" -newer "$out/$program" -print -quit)" ]; then
    return 0
  fi
  echo "building $program" >&2
  return 1
}

# compile PROGRAM ARGUMENT...: all with the same options, for the processor that the compiler takes for granted.
compile() {
  program=$1
  shift
  # Without warnings: what there are stand in the peers' headers. $CXX may have options.
  # shellcheck disable=SC2086
  $CXX -std=c++17 -O3 -DNDEBUG -w -pthread "$@" -o "$out/$program"
}

# cpp PROGRAM HEADER PACKAGE [LIBRARY...]
cpp() {
  program=$1 header=$2 package=$3
  shift 3
  if ! has_header "$header"; then
    missing "$program" "$package"
    return
  fi
  if is_current "$program" "$program.cpp" ./*.hpp "$peers/bench_program.hpp"; then return; fi
  compile "$program" "$program.cpp" "$@"
}

# crate PROGRAM FOLDER CRATE: offline, with what Debian has of crates.io.
crate() {
  crates=/usr/share/cargo/registry
  if ! ls -d "$crates/$3"-* >/dev/null 2>&1; then
    missing "$1" "librust-$3-dev"
    return
  fi
  if ! command -v cargo >/dev/null; then
    missing "$1" cargo
    return
  fi
  if is_current "$1" "$2" "$peers/bench_program.rs"; then return; fi
  # In a copy, since cargo writes beside the sources.
  rm -rf "$out/$1-build"
  cp -r "$2" "$out/$1-build"
  cp "$peers/bench_program.rs" "$out/$1-build/src/"
  (
    cd "$out/$1-build" || exit
    cargo build --quiet --release --offline --target-dir target \
      --config 'source.crates-io.replace-with="debian"' --config "source.debian.directory=\"$crates\""
  )
  cp "$out/$1-build/target/release/$1" "$out/$1"
}

# python PROGRAM MODULE PACKAGE: a launcher, for the interpreter with the benchmarks' packages if
# Scripts/python-peers.sh has made it, or else for the system's.
python() {
  interpreter=$peers/../.build/python/bin/python
  [ -x "$interpreter" ] || interpreter=$(command -v python3 || true)
  if [ -z "$interpreter" ]; then
    missing "$1" python3
    return
  fi
  if ! "$interpreter" -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$2') is None)"; then
    missing "$1" "$3"
    return
  fi
  rm -f "$out/$1.missing"
  # Without bytecode, which would be written beside the sources.
  printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s" -B "%s/%s.py" "$@"\n' "$peers" "$interpreter" "$sources" "$1" \
    >"$out/$1"
  chmod +x "$out/$1"
}
