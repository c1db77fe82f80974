#!/bin/sh
# Builds the programs that measure worker processes into the folder OUT; ../build_common.sh says how.
#
# Usage: build.sh OUT
set -eu
peers=$(dirname "$0")/..
# shellcheck source=Benchmarks/peers/build_common.sh
. "$peers/build_common.sh"
open_out "$@"

cpp kernel_ipc spawn.h libc6-dev
cpp boost_interprocess boost/interprocess/ipc/message_queue.hpp libboost-dev
python python_multiprocessing multiprocessing python3
python faster_fifo_queue faster_fifo 'faster-fifo of PyPI, which make bench installs'
python pyper_pipeline pyper 'python-pyper of PyPI, which make bench installs'
