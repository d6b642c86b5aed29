#!/bin/sh
# readme.sh ROOT: the C++ block of README.md is test/package/policy.cpp, which the package test builds and runs, and what
# that prints stands below it. Prints the difference; exit status 1 if there is any.
set -eu
cd "$1"
block=$(mktemp)
trap 'rm -f "$block"' EXIT
awk '/^```cpp$/ { inside = 1; next } /^```$/ { inside = 0 } inside { print }' README.md >"$block"
diff "$block" test/package/policy.cpp
line=$(sed -n 's/^if(NOT output STREQUAL "\(mean wait.*\)\\n")$/\1/p' test/package/run.cmake)
[ -n "$line" ] && grep -qF "$line" README.md || {
    echo "README.md: does not show what the policy prints: $line"
    exit 1
}
