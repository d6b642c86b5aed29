#!/bin/sh
# modules.sh ROOT: checks every `#include <ampacity/MODULE/...>` below ROOT/include and ROOT/lib against modules.txt.
# Prints each include that breaks the direction of dependencies; exit status 1 if there is any.
set -eu
edges=$(cd "$(dirname "$0")" && pwd)/modules.txt
cd "$1"

files=$(find include/ampacity lib -type f \( -name '*.hpp' -o -name '*.cpp' -o -name '*.in' \) | sort)
awk '
    # First file: the edges. Each module names earlier ones only, so that one pass gives the closure.
    FNR == NR {
        sub(/#.*/, "")
        if (NF == 0) next
        module = substr($1, 1, length($1) - 1)
        known[module] = 1
        allowed[module, module] = 1
        for (i = 2; i <= NF; i++) {
            if (!($i in known)) { print "modules.txt:" FNR ": " module " names " $i ", which is not above it"; bad = 1 }
            for (other in known) if ((($i), other) in allowed) allowed[module, other] = 1
        }
        next
    }
    FNR == 1 {
        n = split(FILENAME, part, "/")
        module = part[1] == "include" ? part[3] : part[2]
        in_module = part[1] == "include" ? n > 3 : n > 2
        if (in_module && !(module in known)) { print FILENAME ": module " module " is not in modules.txt"; bad = 1 }
    }
    in_module && /^[ \t]*#[ \t]*include[ \t]*[<"]ampacity\// {
        target = $0
        sub(/^[^<"]*[<"]ampacity\//, "", target)
        sub(/\/.*/, "", target)
        if (!((module, target) in allowed)) {
            print FILENAME ":" FNR ": " module " may not include " target
            bad = 1
        }
    }
    # A private header of another module is out of reach in whatever way it is spelt.
    in_module && /^[ \t]*#[ \t]*include[ \t]*"([^"]*\/)?\.\.\// {
        print FILENAME ":" FNR ": private headers are included from their own module only"
        bad = 1
    }
    END { exit bad }' "$edges" $files
