# Tells Doxygen two habits of the headers. A header is named after its main type, and its first paragraph says how that
# behaves: the paragraph is the type's comment too, unless the type has one. And a comment above functions that stand line
# by line is for all of them.
FNR == 1 {
    name = FILENAME
    sub(/.*\//, "", name)
    sub(/\.hpp$/, "", name)
}
/^\/\/\/ \\file/ { in_file_comment = 1; print; next }
in_file_comment && /^\/\/\// { paragraph = paragraph $0 "\n"; print; next }
{ in_file_comment = 0 }
/^[ ]*\/\/\/ / {
    comment = commented ? comment $0 "\n" : $0 "\n"
    commented = 1
    print
    next
}
/^template </ && !/;$/ && template == "" { template = $0; next }
{
    match($0, /^[ ]*/)
    indent = RLENGTH
    if (match($0, /^(class|struct) [a-z_0-9]+/) && !/;$/) {
        split($0, word, /[^a-z_0-9]+/)
        type = word[2] == "alignas" ? word[4] : word[2]
        if (type == name && !commented) printf "%s", paragraph
    }
    whole = /\(/ && /[;}]([ ]*\/\/.*)?$/ && !/^[ ]*(}|for|if|return|AMPACITY)/ && template == ""
    if (!commented && whole && goes_on && indent == indent_before && !/\/\/\/</) printf "%s", comment
    goes_on = whole && (commented || goes_on && indent == indent_before)
    indent_before = indent
    if (template != "") print template
    template = ""
    print
    commented = 0
}
