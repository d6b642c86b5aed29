#!/bin/sh
# links.sh ROOT: every relative link of every Markdown file leads to a file. Prints those that do not; exit status 1 if
# there is any.
set -eu
cd "$1"

find . \( -path ./.git -o -path ./build -o -path ./out \) -prune -o -name '*.md' -print | sort | {
    bad=0
    while IFS= read -r file; do
        # Links stand outside of code: fenced blocks and `spans` are cut out first.
        links=$(awk '/^[ ]*```/ { fenced = !fenced; next } !fenced { gsub(/`[^`]*`/, ""); print }' "$file" |
            grep -oE '\]\([^) ]+' | sed 's/^](//; s/#.*//' | grep -vE '^([a-z]+:|$)' | sort -u) || continue
        for link in $links; do
            if [ ! -e "$(dirname "$file")/$link" ]; then
                echo "$file: no such file: $link"
                bad=1
            fi
        done
    done
    exit "$bad"
}
