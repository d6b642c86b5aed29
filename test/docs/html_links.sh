#!/bin/sh
# html_links.sh FOLDER: every relative link of every page of HTML leads to a file and to a place in it. Prints those that do
# not; exit status 1 if there is any. Pages in the folder `api` may be linked to, but are not looked at: Doxygen's.
set -eu
cd "$1"
links=$(mktemp)
trap 'rm -f "$links"' EXIT

find . -name '*.html' ! -path './api/*' | sort | while IFS= read -r page; do
    grep -oE '(href|src)="[^"]*"' "$page" | sed -E 's/^(href|src)="//; s/"$//' |
        grep -vE '^([a-z]+:|//|$)' | sort -u | sed "s|^|${page#./} |" || true
done >"$links"

bad=0
while read -r page link; do
    target=${link%%#*}
    place=
    case $link in *'#'?*) place=${link#*#} ;; esac
    file=$page
    [ -z "$target" ] || file=$(dirname "$page")/$target
    [ ! -d "$file" ] || file=$file/index.html
    if [ ! -e "$file" ]; then
        echo "$page: no such page: $link"
        bad=1
    elif [ -n "$place" ] && ! grep -qE "(id|name)=\"$place\"" "$file"; then
        echo "$page: no such place: $link"
        bad=1
    fi
done <"$links"
echo "$(wc -l <"$links") links of $(find . -name '*.html' ! -path './api/*' | wc -l) pages looked at"
exit "$bad"
