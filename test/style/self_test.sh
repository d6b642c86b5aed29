#!/bin/sh
# The checks of this folder can fail: each is given a small tree with one fault, and must name it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
status=0

fresh() {
    rm -rf "$tree"
    mkdir -p "$tree/include/ampacity/core" "$tree/include/ampacity/kernel" "$tree/lib/core" "$tree/lib/io" "$tree/test" \
        "$tree/bench" "$tree/docs"
    printf '#pragma once\n/// \\file\n/// A header.\n' >"$tree/include/ampacity/core/a.hpp"
    printf '#pragma once\n/// \\file\n/// A header.\n#include <ampacity/core/a.hpp>\n' >"$tree/include/ampacity/kernel/b.hpp"
    printf '#include <ampacity/core/a.hpp>\n' >"$tree/lib/core/a.cpp"
    printf '#include <ampacity/kernel/b.hpp>\n#include <yaml-cpp/yaml.h>\n' >"$tree/lib/io/c.cpp"
    printf '[a](docs)\n```cpp\nint main() {}\n```\nmean wait: mine 1 s\n' >"$tree/README.md"
    mkdir -p "$tree/docs/examples"
    printf '#include <ampacity/core/a.hpp>\n#include <ampacity/kernel/b.hpp>\n' >"$tree/docs/examples/e.cpp"
    mkdir -p "$tree/test/package"
    printf 'int main() {}\n' >"$tree/test/package/policy.cpp"
    printf 'if(NOT output STREQUAL "mean wait: mine 1 s\\n")\n' >"$tree/test/package/run.cmake"
}

# expect SCRIPT TEXT: the script fails on the tree and its output has the text; no TEXT: it passes.
expect() {
    if output=$(sh "$here/$1" "$tree" 2>&1); then passed=yes; else passed=no; fi
    if [ -z "${2:-}" ]; then
        [ $passed = yes ] || { echo "$1 does not accept a tree without fault: $output"; status=1; }
    elif [ $passed = yes ] || ! printf '%s\n' "$output" | grep -qF "$2"; then
        echo "$1 does not say \"$2\" but: $output"
        status=1
    fi
}

fresh
for script in modules.sh rules.sh links.sh readme.sh examples.sh; do expect $script; done

fresh; echo '// more' >>"$tree/test/package/policy.cpp"
expect readme.sh '> // more'
fresh; sed -i 's/mine 1 s/mine 2 s/' "$tree/README.md"
expect readme.sh 'does not show what the policy prints'

fresh; echo '#include <ampacity/kernel/b.hpp>' >>"$tree/include/ampacity/core/a.hpp"
expect modules.sh 'include/ampacity/core/a.hpp:4: core may not include kernel'
fresh; echo '  #  include "ampacity/io/x.hpp"' >>"$tree/lib/core/a.cpp"
expect modules.sh 'lib/core/a.cpp:2: core may not include io'
fresh; echo '#include "../io/x.hpp"' >>"$tree/lib/core/a.cpp"
expect modules.sh 'private headers'
fresh; mkdir "$tree/lib/other"; echo >"$tree/lib/other/d.cpp"
expect modules.sh 'module other is not in modules.txt'

fresh; touch "$tree/notes.txt"
expect rules.sh 'notes.txt: the top level is fixed'
fresh; yes '// line' | head -n 400 >>"$tree/include/ampacity/core/a.hpp"
expect rules.sh 'less than 400 lines'
fresh; echo '// no guard' >"$tree/include/ampacity/core/e.hpp"
expect rules.sh 'begins with #pragma once'
expect rules.sh 'opens with a paragraph'
fresh; echo 'TEST_CASE("one; two") {}' >"$tree/test/t.cpp"
expect rules.sh 'splits the name'
fresh; echo 'void f() { std::cout << 1; }' >>"$tree/lib/core/a.cpp"
expect rules.sh 'never prints'
fresh; echo 'void f() { std::exit(1); }' >>"$tree/lib/core/a.cpp"
expect rules.sh 'never exits'
fresh; echo 'int f() { return std::rand(); }' >>"$tree/lib/core/a.cpp"
expect rules.sh 'randomness is named'
fresh; echo '#define MAXIMUM 3' >>"$tree/lib/core/a.cpp"
expect rules.sh 'macros are AMPACITY_*'
fresh; echo 'std::function<void()> f;' >>"$tree/include/ampacity/kernel/b.hpp"
expect rules.sh 'no std::function'
fresh; echo '#include <yaml-cpp/yaml.h>' >>"$tree/lib/core/a.cpp"
expect rules.sh 'one file of lib/io only'
fresh; cp "$tree/lib/io/c.cpp" "$tree/lib/io/d.cpp"
expect rules.sh 'included by one file only'
fresh; echo '#include <nlohmann/json.hpp>' >>"$tree/lib/core/a.cpp"
expect rules.sh 'seen by io, experiment'
fresh; echo '// TODO' >>"$tree/lib/core/a.cpp"
expect rules.sh 'lib/core/a.cpp:2:// TODO: no TODO'
fresh; printf '\tint a;\n' >>"$tree/lib/core/a.cpp"
expect rules.sh 'no tabs'
fresh; printf 'int a; \n' >>"$tree/lib/core/a.cpp"
expect rules.sh 'no blanks'
fresh; echo 'cd /home/me' >>"$tree/README.md"
expect rules.sh 'no paths of a machine'

fresh; echo 'see [b](docs/none.md#part) and `[c](no)` and [d](https://example.org)' >>"$tree/README.md"
expect links.sh './README.md: no such file: docs/none.md'

fresh; sed -i '/kernel/d' "$tree/docs/examples/e.cpp"
expect examples.sh 'include/ampacity/kernel/b.hpp: no example uses it'
exit $status
