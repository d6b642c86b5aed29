#!/bin/sh
# reference.sh PROGRAM FOLDER: writes the pages of FOLDER from what the program says of itself. With AMPACITY_UPDATE_GOLDEN
# unset they are compared instead: exit status 1, and the difference, if any page is out of date, missing or not ours.
set -eu
program=$1
folder=$2
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

for what in keys metrics formats policies placers workloads models files exit-codes; do
    {
        echo '<!-- Written by the program: ./dev docs. -->'
        echo
        "$program" list "$what" --markdown
    } >"$fresh/$what.md"
done

{
    echo '<!-- Written by the program: ./dev docs. -->'
    echo
    echo '# Commands'
    for command in '' $("$program" --help | awk '/^Subcommands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }'); do
        printf '\n## ampacity%s\n\n```text\n' "${command:+ $command}"
        # shellcheck disable=SC2086
        "$program" $command --help | sed 's/[ ]*$//'
        echo '```'
    done
} >"$fresh/commands.md"

if [ -n "${AMPACITY_UPDATE_GOLDEN:-}" ]; then
    mkdir -p "$folder"
    rm -f "$folder"/*.md
    cp "$fresh"/*.md "$folder"
    exit
fi
diff -r "$folder" "$fresh" || {
    echo "$folder is out of date; AMPACITY_UPDATE_GOLDEN=1 rewrites it"
    exit 1
}
