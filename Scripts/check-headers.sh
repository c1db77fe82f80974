#!/bin/sh
# Compiles each header of the C core on its own, and a program that uses them, as C11 and as C++17,
# with every warning an error; then runs the programs. CC and CXX choose the compilers.
set -eu
cd "$(dirname "$0")/.."
CC=${CC:-clang}
CXX=${CXX:-clang++}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
flags="-O1 -Wall -Wextra -Werror -ICSupport/include -pthread"

for header in CSupport/include/*.h; do
  echo "#include \"$(basename "$header")\"" >"$out/alone.c"
  cp "$out/alone.c" "$out/alone.cc"
  $CC -std=c11 $flags -fsyntax-only "$out/alone.c"
  $CXX -std=c++17 $flags -fsyntax-only "$out/alone.cc"
done

objects=
for source in CSupport/*.c; do
  object="$out/$(basename "$source").o"
  $CC -std=gnu11 $flags -D_GNU_SOURCE -DURCU_INLINE_SMALL_FUNCTIONS -c "$source" -o "$object"
  objects="$objects $object"
done

# The program is a .h file, since SwiftPM allows no C source in a target of Swift tests.
cp Tests/CSluiceTests/Headers/use_all.h "$out/use_all.c"
cp "$out/use_all.c" "$out/use_all.cc"
$CC -std=c11 $flags "$out/use_all.c" $objects -lurcu-memb -lurcu-common -o "$out/use_c"
$CXX -std=c++17 $flags "$out/use_all.cc" $objects -lurcu-memb -lurcu-common -o "$out/use_cxx"
"$out/use_c"
"$out/use_cxx"
echo "check-headers: $(ls CSupport/include/*.h | wc -l) headers, as C11 and as C++17: ok"
