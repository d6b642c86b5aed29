#!/bin/sh
# blocks.sh ROOT BUILD WORK [PAGE...]: runs or compiles every code block of the pages of Markdown (default: README.md and
# all of docs/ but docs/reference/, which the program writes). Exit status 1 if one fails; prints how many there were.
#
# A page's blocks are taken in order, in one folder below WORK that looks like a clone of ROOT built in BUILD; the program is
# found as `ampacity`. What is done with a block depends on its language:
#   sh      is run and must succeed
#   yaml    a whole scenario must be accepted by `ampacity validate`; a part of one replaces that part of base.yaml first;
#           a sweep must be accepted by `ampacity sweep --dry-run`, a question by `ampacity optimise --dry-run`
#   cpp     must compile, with warnings as errors
#   python  is run, if python3 has what it imports
#   others  need a marker
# A marker is a comment of its own on the line above the block, `<!-- test: MARKER -->`; several, without `skip`, are separated by `, `:
#   file NAME          the block is written to this file, for those after it
#   output             the block is what the last block printed; a line `...` stands for any lines
#   errors             the same, of what it printed to stderr
#   status N           the block ends with this exit status
#   needs DATA as NAME the block is left out where AMPACITY_DATA has no such file, else NAME is it
#   needs format NAME  the block is left out where the program does not list this format
#   same as FILE       the block is this file of ROOT, which another test compiles or runs
#   skip WHY           the block is not tested, and counted as such
set -eu
root=$(cd "$1" && pwd)
build=$(cd "$2" && pwd)
mkdir -p "$3"
work=$(cd "$3" && pwd)
shift 3
here=$(cd "$(dirname "$0")" && pwd)
data=${AMPACITY_DATA:-$root/../shared/data}
compiler=${CXX:-c++}
# The one that Debian's packages are for.
python=/usr/bin/python3
[ -x "$python" ] || python=python3
PATH=$build/bin:$PATH
export PATH

cd "$root"
[ $# -gt 0 ] || set -- README.md $(find docs -name '*.md' ! -path 'docs/reference/*' | sort)

# prepare FOLDER: a fresh one, like a clone of ROOT that has been built.
prepare() {
    rm -rf "$1"
    mkdir -p "$1/build"
    for entry in *; do
        case $entry in
            build | out | install) ;;
            scenarios) cp -R "$entry" "$1/" ;;
            *) ln -s "$root/$entry" "$1/$entry" ;;
        esac
    done
    ln -s "$build" "$1/build/release"
}

# fits EXPECTED ACTUAL: line by line; `...` in EXPECTED stands for any lines.
fits() {
    awk '
        NR == FNR { want[++n] = $0; next }
        { have[++m] = $0 }
        function match_from(i, j) {
            for (; i <= n; ++i) {
                if (want[i] == "...") {
                    for (; j <= m + 1; ++j) if (match_from(i + 1, j)) return 1
                    return 0
                }
                if (j > m || have[j] != want[i]) return 0
                ++j
            }
            return j > m
        }
        END { exit !match_from(1, 1) }' "$1" "$2"
}

# complete PART: the scenario base.yaml with the top-level keys of PART in place of its own.
complete() {
    awk '
        NR == FNR { if (match($0, /^[a-z_]+:/)) given[substr($0, 1, RLENGTH)] = 1; text = text $0 "\n"; next }
        /^[a-z_]+:/ { match($0, /^[a-z_]+:/); left_out = substr($0, 1, RLENGTH) in given }
        !left_out
        END { printf "%s", text }' "$1" "$here/base.yaml"
}

total=0
ran=0
skipped=0
bad=0

fault() {
    echo "$page:$line: $*"
    bad=1
}

# check_block: the block in $body, on line $line of $page, in $language with $marker.
check_block() {
    file=
    status=0
    kind=$language
    rest=$marker,
    case $marker in
        'skip '*) kind=skip; why=${marker#skip }; rest= ;;
    esac
    while [ -n "$rest" ]; do
        one=${rest%%,*}
        rest=${rest#*,}
        rest=${rest# }
        case $one in
            -) ;;
            'file '*) file=${one#file } ;;
            'status '*) status=${one#status } ;;
            output | errors) kind=$one ;;
            'same as '*) kind=same; file=${one#same as } ;;
            'needs format '*)
                ampacity list formats | grep -q "^${one#needs format } " || { kind=skip; why="this build has no ${one#needs }"; }
                ;;
            'needs '*' as '*)
                source=${one#needs }
                name=${source##* as }
                source=$data/${source%% as *}
                if [ ! -e "$source" ]; then
                    kind=skip
                    why="no $source"
                else
                    mkdir -p "$(dirname "$name")"
                    ln -sf "$source" "$name"
                fi
                ;;
            *) fault "unknown marker: $one"; return ;;
        esac
    done
    [ -z "$file" ] || [ "$kind" = skip ] || [ "$kind" = same ] || { mkdir -p "$(dirname "$file")" && cp "$body" "$file"; }

    case $kind in
        output | errors) [ -z "$untested" ] || { kind=skip; why="the block before it is not tested"; } ;;
        skip | sh | python | yaml) untested= ;;
    esac
    case $kind in
        skip)
            untested=yes
            skipped=$((skipped + 1))
            echo "$page:$line: not tested: $why"
            return
            ;;
        same) diff "$body" "$root/$file" || fault "is not $file" ;;
        errors) fits "$body" "$last.err" || { fault "the last block printed"; cat "$last.err"; } ;;
        output) fits "$body" "$last" || { fault "the last block printed"; tail -n 20 "$last"; } ;;
        sh)
            got=0
            sh -eu "$body" >"$last" 2>"$last.err" </dev/null || got=$?
            [ "$got" -eq "$status" ] || { fault "ended with status $got"; tail -n 20 "$last" "$last.err"; }
            ;;
        yaml)
            whole=${file:-block.yaml}
            check=validate
            if grep -q '^ampacity-sweep:' "$body"; then
                check='sweep --dry-run'
                cp "$body" "$whole"
            elif grep -q '^ampacity-optimise:' "$body"; then
                check='optimise --dry-run'
                cp "$body" "$whole"
            else
                grep -q '^ampacity:' "$body" && cp "$body" "$whole" || complete "$body" >"$whole"
            fi
            got=0
            # shellcheck disable=SC2086
            ampacity $check "$whole" >"$last" 2>"$last.err" || got=$?
            rm -f block.yaml
            [ "$got" -eq "$status" ] || { fault "$check ended with status $got"; cat "$last.err"; }
            ;;
        cpp)
            "$compiler" -std=c++20 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c++ -I . -I "$root/include" \
                -I "$build/generated/include" "$body" >"$last" 2>&1 || { fault "does not compile"; cat "$last"; }
            ;;
        python)
            got=0
            "$python" "$body" >"$last" 2>"$last.err" || got=$?
            if [ "$got" -ne 0 ] && { ! command -v "$python" >/dev/null || grep -q ModuleNotFoundError "$last.err"; }; then
                skipped=$((skipped + 1))
                untested=yes
                echo "$page:$line: not tested: no python3, or a module of it is missing"
                return
            fi
            [ "$got" -eq "$status" ] || { fault "ended with status $got"; cat "$last.err"; }
            ;;
        *) [ -n "$file" ] || { fault "a block of \`$language\` without a marker"; return; } ;;
    esac
    ran=$((ran + 1))
}

for page in "$@"; do
    place=$work/$(echo "${page%.md}" | tr / -)
    folder=$place/ampacity
    prepare "$folder"
    blocks=$place/blocks
    rm -rf "$blocks"
    mkdir -p "$blocks"
    awk -v OUT="$blocks" -f "$here/blocks.awk" "$page" >"$blocks/list"
    last=$blocks/printed
    untested=
    : >"$last"
    cd "$folder"
    while read -r number line language marker <&3; do
        body=$blocks/$number.body
        case $number in
            indented) fault "code that is indented instead of fenced"; continue ;;
            lost) fault "a marker without a block: $marker"; continue ;;
            open) fault "a block without an end"; continue ;;
        esac
        total=$((total + 1))
        check_block
    done 3<"$blocks/list"
    cd "$root"
done
echo "$total code blocks: $ran tested, $skipped not tested"
exit "$bad"
