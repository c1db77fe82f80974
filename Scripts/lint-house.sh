#!/bin/sh
# Checks the house rules that no formatter knows:
#
#   1. Only CSupport/include/sl_atomic.h includes <stdatomic.h>: every atomic operation has its order in its
#      name, and the model checker can put its own atomics underneath.
#   2. Each ordering tag ([RS1], [UQ12]: two to four capital letters and a number) that the opening comment
#      of a CSupport header lists stands at two or more places in the code of CSupport: both ends of the
#      ordering.
#
# Usage: lint-house.sh [ROOT]
set -eu

cd "${1:-$(dirname "$0")/..}"
status=0

complain() {
  printf '%s\n' "$1" >&2
  status=1
}

atomic_header=CSupport/include/sl_atomic.h
offenders=$(
  find . -name '.*' ! -name . -prune -o \
    -type f \( -name '*.[ch]' -o -name '*.cc' -o -name '*.cpp' -o -name '*.hpp' \) \
    -exec grep -lE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]stdatomic\.h[>"]' {} + |
    sed 's|^\./||' | grep -vxF "$atomic_header" || true
)
for file in $offenders; do
  complain "$file: includes <stdatomic.h>; only $atomic_header may"
done

# Splits C files at the end of their opening comment. part=head prints the ordering tags in the opening
# comment as "FILE TAG", part=body those behind it, one for each line that a tag stands on.
tags() {
  part=$1
  shift
  awk -v part="$part" '
    FNR == 1 { inHead = ($0 ~ /^[ \t]*\/\*/) }
    {
      here = inHead ? "head" : "body"
      if (inHead && $0 ~ /\*\//) inHead = 0
      if (here != part) next
      rest = $0
      split("", seen)
      while (match(rest, /\[[A-Z][A-Z][A-Z]?[A-Z]?[0-9]+\]/)) {
        tag = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        if (!(tag in seen)) print FILENAME, tag
        seen[tag] = 1
      }
    }
  ' "$@"
}

if [ -d CSupport ]; then
  listed=$(find CSupport/include -name '*.h' -exec sh -c 'printf "%s\n" "$@"' _ {} + | sort)
  # The names of the house's headers have no blanks.
  # shellcheck disable=SC2086
  head_tags=$(tags head $listed | sort -u)
  # shellcheck disable=SC2046
  body_tags=$(tags body $(find CSupport -name '*.[ch]' | sort))
  while read -r file tag; do
    if [ -z "$tag" ]; then continue; fi
    sites=$(printf '%s\n' "$body_tags" | awk -v tag="$tag" '$2 == tag { n++ } END { print n + 0 }')
    if [ "$sites" -lt 2 ]; then
      complain "$file: ordering tag $tag stands at $sites place(s) in the code of CSupport, not at both ends"
    fi
  done <<LIST
$head_tags
LIST
fi

if [ "$status" -eq 0 ]; then echo 'House rules: kept'; fi
exit "$status"
