#!/bin/sh
# examples.sh ROOT: every public header is included by the examples of docs/examples, which the package test builds and runs.
# Prints those that are not; exit status 1 if there is any.
set -eu
cd "$1"
bad=0
for header in $(find include -name '*.hpp' | sort); do
    grep -qF "#include <${header#include/}>" docs/examples/*.cpp || {
        echo "$header: no example uses it"
        bad=1
    }
done
exit "$bad"
