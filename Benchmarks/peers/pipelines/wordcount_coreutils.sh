#!/bin/sh
# Counts the words of all files in a folder as `wordcount` does, with find, tr and sort, and prints the twenty most
# frequent.
#
# Usage: wordcount_coreutils.sh FOLDER
set -eu
# Bytes, not characters: letters are those of ASCII, and sort compares quickest.
export LC_ALL=C

# As cat, but sed begins each file on a new line, however the one before ends.
# shellcheck disable=SC2016
find -H "$1" -type f -exec sh -c 'sed -n p -- "$@"; echo' _ {} + |
  tr -cs A-Za-z '\n' | tr A-Z a-z | sort | uniq -c | grep '[a-z]$' | sort -k1,1nr -k2 | head -n 20
