#!/bin/sh
# rules.sh ROOT: the project's rules that a script can check. Prints each violation; exit status 1 if there is any.
set -eu
cd "$1"
violations=$(mktemp)
trap 'rm -f "$violations"' EXIT

# report WHAT: puts WHAT behind each line of the standard input.
report() { sed "s|\$|: $1|" >>"$violations"; }

# forbid WHAT REGEX FILE...: no file may have a line that matches.
forbid() {
    what=$1
    regex=$2
    shift 2
    [ $# -eq 0 ] || grep -nHE -e "$regex" -- "$@" | report "$what" || true
}

headers=$(find include lib test bench docs -name '*.hpp' | sort)
public=$(find include -name '*.hpp' | sort)
library=$(find include lib \( -name '*.hpp' -o -name '*.cpp' \) | grep -v '^lib/cli/' | sort)
sources=$(find include lib test bench docs \( -name '*.hpp' -o -name '*.cpp' -o -name '*.hpp.in' \) | sort)
texts=$(find . \( -path ./.git -o -path ./build -o -path ./out -o -path ./install \) -prune -o -type f -print |
    grep -vE '^\./(LICENSE|test/style/(rules|self_test)\.sh|\.cache/)|/golden/|\.(so|gz|zst|png)$' | sort)

# The tree.
for name in $(ls -A); do
    case $name in
        CMakeLists.txt | lib | include | models | scenarios | bench | test | docs) ;;
        README.md | LICENSE | CHANGELOG.md | CITATION.cff | CMakePresets.json | dev) ;;
        .ci | .clang-format | .clang-tidy | .gitignore | .git) ;;
        build | out | install | .cache | compile_commands.json) ;; # not in the repository
        *) echo "$name" | report "the top level is fixed" ;;
    esac
done

# Headers.
for file in $headers; do
    lines=$(wc -l <"$file")
    [ "$lines" -lt 400 ] || echo "$file ($lines lines)" | report "a header has less than 400 lines"
    [ "$(sed -n 1p "$file")" = "#pragma once" ] || echo "$file" | report "a header begins with #pragma once"
done
for file in $public; do
    sed -n 2p "$file" | grep -q '^/// \\file' || echo "$file" | report "a public header opens with a paragraph, /// \\\\file"
done

# What the library may not do.
forbid "library code never prints" '(std::|[^_[:alnum:]])(cout|cerr|clog)[^_[:alnum:]]|[^_[:alnum:]](f?printf|puts|fmt::print)[ ]*\(' $library
forbid "library code never exits" '(std::|[^_[:alnum:].])(exit|_Exit|quick_exit|abort|terminate)[ ]*\(' $library
forbid "randomness is named: use streams" '[^_[:alnum:]](rand|srand)[ ]*\(|random_device|std::mt19937|default_random_engine' $library
forbid "macros are AMPACITY_*" '^[ ]*#[ ]*define[ ]+([^A]|A[^M])' $library
forbid "no std::function in the queue" 'std::function' $(find include/ampacity/kernel lib/kernel -type f 2>/dev/null)

# Who may see which library.
forbid "yaml-cpp is seen by one file of lib/io only" '#[ ]*include[ ]*<yaml-cpp' \
    $(printf '%s\n' $sources | grep -v '^lib/io/')
[ "$(grep -lE '#[ ]*include[ ]*<yaml-cpp' -r lib/io 2>/dev/null | wc -l)" -le 1 ] ||
    grep -lE '#[ ]*include[ ]*<yaml-cpp' -r lib/io | report "yaml-cpp is included by one file only"
forbid "file formats are seen by io, experiment, report and cli only" \
    '#[ ]*include[ ]*<(nlohmann|sqlite3|boost/iostreams|zlib|zstd)' \
    $(printf '%s\n' $sources | grep -vE '^(lib|include/ampacity)/(io|experiment|report|cli)/|^(test|bench)/')
forbid "public headers show no file format" '#[ ]*include[ ]*<(yaml-cpp|nlohmann|sqlite3|boost/iostreams|zlib|zstd)' $public

# Tests.
forbid "CTest splits the name of a test at a semicolon" 'TEST_CASE[(]"[^"]*;' $sources

# Text.
forbid "no TODO or FIXME" '(TODO|FIXME)' $(printf '%s\n' $texts | grep -v '^\./test/style/')
forbid "no tabs" "$(printf '\t')" $sources
forbid "no blanks at the end of a line" '[ ]+$' $sources
forbid "no paths of a machine" '(^|[^._[:alnum:]/])/(work|root|home)/' $texts

if [ -s "$violations" ]; then
    sort -u "$violations"
    exit 1
fi
