#!/bin/sh
# Builds the programs that measure pipelines into the folder OUT; ../build_common.sh says how.
#
# Usage: build.sh OUT
set -eu
peers=$(dirname "$0")/..
# shellcheck source=Benchmarks/peers/build_common.sh
. "$peers/build_common.sh"
open_out "$@"
# It has set this.
: "${out:?}"

# go_program PROGRAM FOLDER: offline, and without a look at the repository that it stands in.
go_program() {
  if ! command -v go >/dev/null; then
    missing "$1" golang-go
    return
  fi
  if is_current "$1" "$2"; then return; fi
  (
    cd "$2" || exit
    GOCACHE="$out/go-cache" GO111MODULE=on GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local \
      go build -buildvcs=false -o "$out/$1" .
  )
}

cpp tbb_pipeline oneapi/tbb/parallel_pipeline.h libtbb-dev -ltbb
go_program go_channels go
crate crossbeam_channel crossbeam crossbeam-channel
python pyper_pipeline pyper 'python-pyper of PyPI, which make bench installs'
