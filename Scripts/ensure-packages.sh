#!/bin/sh
# Installs the system packages that the build needs and that are missing, with apt, through sudo where the
# user is not root, and says which. Without apt it names them and stops. When nothing is missing it only
# looks at a few files.
#
# Usage: ensure-packages.sh [SET...]: the sets that more than the build needs, too
#   bench   what ours is measured beside, and its compilers and interpreters
#   model   the model checker
set -eu

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# Whether a header stands where the compiler looks for it.
has_header() {
  for folder in /usr/include /usr/local/include /usr/include/*-linux-gnu; do
    if [ -f "$folder/$1" ]; then return 0; fi
  done
  return 1
}

if ! command -v swift >/dev/null; then
  fail 'A Swift toolchain, version 6.1 or later, is needed: https://www.swift.org/install/linux'
fi

missing=
has_header urcu.h || missing="$missing liburcu-dev"
command -v git >/dev/null || missing="$missing git"
for set; do
  case $set in
    bench)
      command -v g++ >/dev/null || missing="$missing g++"
      command -v cargo >/dev/null || missing="$missing cargo"
      command -v go >/dev/null || missing="$missing golang-go"
      has_header atomic_queue/atomic_queue.h || missing="$missing libatomic-queue-dev"
      has_header concurrentqueue/concurrentqueue.h || missing="$missing libconcurrentqueue-dev"
      has_header xenium/ramalhete_queue.hpp || missing="$missing libxenium-dev"
      has_header boost/lockfree/queue.hpp || missing="$missing libboost-dev"
      has_header oneapi/tbb/concurrent_queue.h || missing="$missing libtbb-dev"
      has_header ck_ring.h || missing="$missing libck-dev"
      # Debian has a package of its own for what virtual environments need.
      python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
      for crate in crossbeam-queue crossbeam-channel; do
        ls -d "/usr/share/cargo/registry/$crate"-* >/dev/null 2>&1 || missing="$missing librust-$crate-dev"
      done
      ;;
    model) has_header relacy/relacy.hpp || missing="$missing relacy-dev" ;;
    *) fail "There is no set of packages '$set'" ;;
  esac
done
if [ -z "$missing" ]; then exit 0; fi

if ! command -v apt-get >/dev/null; then
  fail "These packages are missing:$missing" \
    'They have their Debian names here; install them with the package manager of this system.'
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
  as_root=sudo
  if ! command -v sudo >/dev/null; then
    fail "These packages are missing:$missing" "Install them as root: apt-get install$missing"
  fi
fi

# $as_root is a command or nothing, $missing a list of package names: both are to be split.
# shellcheck disable=SC2086
install_missing() {
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing
}

printf 'Installing with apt:%s\n' "$missing"
# The package lists may be missing or old; they are fetched only then.
if ! install_missing; then
  # shellcheck disable=SC2086
  $as_root apt-get update
  install_missing || fail "apt could not install:$missing"
fi
