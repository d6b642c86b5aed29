#!/bin/sh
# self_test.sh BUILD WORK: the checks of this folder can fail. Each fault stands in a small page of its own, and must be named.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
tree=$2/tree
rm -rf "$2"
mkdir -p "$tree/include" "$tree/scenarios" "$tree/docs"
status=0

# check_page PAGE-TEXT: sets output and passed.
check_page() {
    printf '%b' "$1" >"$tree/page.md"
    if output=$(sh "$here/blocks.sh" "$tree" "$build" "$tree/../work" page.md 2>&1); then passed=yes; else passed=no; fi
}
accepts() {
    check_page "$1"
    [ "$passed" = yes ] && printf '%s\n' "$output" | grep -qF -e "$2" || {
        echo "not accepted, or without \"$2\": $1: $output"
        status=1
    }
}
refuses() {
    check_page "$1"
    [ "$passed" = no ] && printf '%s\n' "$output" | grep -qF -e "$2" || {
        echo "not refused with \"$2\": $1: $output"
        status=1
    }
}

accepts 'text\n' '0 code blocks'
accepts '```sh\nampacity --version\n```\n' '1 code blocks: 1 tested, 0 not tested'
refuses 'text\n\n```sh\ntrue\nfalse\n```\n' 'page.md:3: ended with status 1'
accepts '<!-- test: status 2 -->\n```sh\nampacity fly\n```\n' '1 tested'
refuses '<!-- test: status 2 -->\n```sh\ntrue\n```\n' 'ended with status 0'
accepts '```sh\necho one; echo two\n```\n<!-- test: output -->\n```text\none\ntwo\n```\n' '2 tested'
refuses '```sh\necho one\n```\n<!-- test: output -->\n```text\ntwo\n```\n' 'page.md:5: the last block printed'
accepts '```sh\nseq 9\n```\n<!-- test: output -->\n```text\n1\n...\n9\n```\n' '2 tested'
refuses '```sh\nseq 9\n```\n<!-- test: output -->\n```text\n2\n...\n9\n```\n' 'the last block printed'
refuses '```sh\nseq 9\n```\n<!-- test: output -->\n```text\n1\n...\n3\n```\n' 'the last block printed'
accepts '```sh\necho one >&2\n```\n<!-- test: errors -->\n```text\none\n```\n' '2 tested'
refuses '```sh\necho one\n```\n<!-- test: errors -->\n```text\none\n```\n' 'the last block printed'
accepts '```yaml\nfleet: { pool_gpus: 3 }\n```\n' '1 tested'
refuses '```yaml\nfleet: { pool: 3 }\n```\n' 'validate ended with status 2'
refuses '```yaml\nampacity: 1\nname: part\n```\n' 'validate ended with status 2'
accepts '```cpp\nint main() {}\n```\n' '1 tested'
refuses '```cpp\nint main() { return none; }\n```\n' 'does not compile'
refuses '```cpp\nint main() { int unused; }\n```\n' 'does not compile'
accepts '<!-- test: file a/b.txt -->\n```text\nbee\n```\n```sh\ngrep bee a/b.txt\n```\n' '2 tested'
refuses '```text\nno marker\n```\n' 'a block of `text` without a marker'
refuses '```\nno language\n```\n' 'a block of `none` without a marker'
accepts '<!-- test: skip the reason, in words -->\n```text\na\n```\n' 'page.md:2: not tested: the reason, in words'
refuses '<!-- test: skp reason -->\n```sh\ntrue\n```\n' 'unknown marker: skp reason'
refuses '<!-- test: skip reason -->\ntext\n' 'a marker without a block'
refuses 'text\n\n    indented code\n' 'page.md:3: code that is indented'
refuses '```sh\ntrue\n' 'a block without an end'
accepts '<!-- test: needs no/such.csv as x.csv -->\n```sh\ncat x.csv\n```\n<!-- test: output -->\n```text\na\n```\n' '0 tested, 2 not'
accepts '<!-- test: needs format no-such -->\n```sh\nfalse\n```\n' 'this build has no format no-such'
printf 'bee\n' >"$tree/include/b.txt"
accepts '<!-- test: same as include/b.txt -->\n```text\nbee\n```\n' '1 tested'
refuses '<!-- test: same as include/b.txt -->\n```text\nbeen\n```\n' 'is not include/b.txt'

mkdir "$tree/reference"
AMPACITY_UPDATE_GOLDEN=1 sh "$here/reference.sh" "$build/bin/ampacity" "$tree/reference"
sh "$here/reference.sh" "$build/bin/ampacity" "$tree/reference" || { echo "the reference is not what was written"; status=1; }
echo >>"$tree/reference/keys.md"
! sh "$here/reference.sh" "$build/bin/ampacity" "$tree/reference" >/dev/null || { echo "a changed page passes"; status=1; }
rm "$tree/reference/keys.md"
! sh "$here/reference.sh" "$build/bin/ampacity" "$tree/reference" >/dev/null || { echo "a missing page passes"; status=1; }

mkdir -p "$tree/html/sub"
printf '<h1 id="top">x</h1><a href="sub/b.html#end">b</a><a href="https://example.org/x">c</a>' >"$tree/html/a.html"
printf '<a href="../a.html#top">a</a><h1 id="end">x</h1>' >"$tree/html/sub/b.html"
sh "$here/html_links.sh" "$tree/html" >/dev/null || { echo "html_links.sh does not accept good links"; status=1; }
printf '<a href="c.html">c</a><a href="../a.html#no">a</a>' >>"$tree/html/sub/b.html"
for fault in 'sub/b.html: no such page: c.html' 'sub/b.html: no such place: ../a.html#no'; do
    sh "$here/html_links.sh" "$tree/html" 2>&1 | grep -qF "$fault" || { echo "html_links.sh does not say: $fault"; status=1; }
done
exit "$status"
