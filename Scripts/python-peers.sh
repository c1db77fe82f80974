#!/bin/sh
# Makes the virtual environment in which the benchmarks' peers in Python run and plots are drawn, and installs into it
# the packages, in the versions, that Benchmarks/requirements.txt names, from PyPI. Does nothing when it is there
# already.
#
# Usage: python-peers.sh
set -eu

cd "$(dirname "$0")/.."
environment=Benchmarks/.build/python
requirements=Benchmarks/requirements.txt

if cmp -s "$requirements" "$environment/installed.txt"; then exit 0; fi
echo "Installing Python packages into $environment"
python3 -m venv "$environment"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
cp "$requirements" "$environment/installed.txt"
