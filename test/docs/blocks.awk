# Takes the code blocks out of a page of Markdown: block N goes to OUT/N.body, and one line "N LINE LANGUAGE MARKER" for each
# is printed. The marker is what an HTML comment `test: ...` on the line above the block says, or `-`.
/^[ ]*```/ {
    if (inside) {
        inside = 0
        close(body)
        marker = ""
        next
    }
    inside = 1
    language = $0
    sub(/^[ ]*```[ ]*/, "", language)
    body = sprintf("%s/%03d.body", OUT, ++count)
    printf "" >body
    printf "%03d %d %s %s\n", count, FNR, language == "" ? "none" : language, marker == "" ? "-" : marker
    next
}
inside { print >body; next }
/^<!-- test: .* -->$/ { marker = substr($0, 12, length($0) - 15); next }
# Code that is only indented has no language: it could not be tested. Inside of a list, text is indented too.
/^(    |\t)/ && blank && !list { printf "indented %d none -\n", FNR }
/^[ ]*$/ { blank = 1; next }
{ blank = 0; if ($0 ~ /^[ ]*([-*]|[0-9]+\.) /) list = 1; else if ($0 !~ /^ /) list = 0 }
marker != "" { printf "lost %d none %s\n", FNR, marker; marker = "" }
END { if (inside) printf "open %d none -\n", FNR }
