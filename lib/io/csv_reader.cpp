#include <ampacity/io/csv_reader.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ampacity::io {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// Bytes behind the last one read that may be looked at: a line end, then anything.
constexpr std::size_t slack_bytes = 16;

/// The first comma, line end or quote from `p` on. \pre there is one, and 15 bytes after it are readable.
/// Most fields are shorter than 16 bytes, so that the vector loop ends in its first, well predicted turn.
const char* find_special(const char* p) noexcept {
#if defined(__SSE2__)
    const __m128i comma = _mm_set1_epi8(',');
    const __m128i line_end = _mm_set1_epi8('\n');
    const __m128i quote = _mm_set1_epi8('"');
    while (true) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        const __m128i hits = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, comma), _mm_cmpeq_epi8(bytes, line_end)),
                                          _mm_cmpeq_epi8(bytes, quote));
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(hits));
        if (mask != 0) return p + std::countr_zero(mask);
        p += slack_bytes;
    }
#else
    while (*p != ',' && *p != '\n' && *p != '"') ++p;
    return p;
#endif
}

}  // namespace

std::string printable(std::string_view text) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    constexpr std::size_t most = 60;
    std::string out;
    for (const char c : text.substr(0, most)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7F && byte < 0x80) {
            out += c;
        } else {
            out += {'\\', 'x', hex[byte >> 4U], hex[byte & 15U]};
        }
    }
    if (text.size() > most) out += "...";
    return out;
}

csv_reader::csv_reader(input_stream in, std::size_t block_bytes, bool comments) : in_(std::move(in)) {
    // A small file takes a small block: its bytes, and one more in which its end is seen.
    if (!in_.is_compressed() && in_.file_bytes() != 0)
        block_bytes = std::min<std::size_t>(block_bytes, in_.file_bytes() + 1);
    buffer_.resize(std::max<std::size_t>(block_bytes, 1) + slack_bytes);
    read_header(comments);
}

void csv_reader::read_header(bool comments) {
    while (end_ - next_ < byte_order_mark.size() && fill()) {
    }
    const std::string_view head{buffer_.data(), end_};
    if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) {
        throw data_error({{in_.path(), 1, 1}, {}, "is UTF-16 text", {}, "save it as UTF-8"});
    }
    if (head.starts_with(byte_order_mark)) next_ = byte_order_mark.size();
    do {
        if (!next())
            throw data_error({{in_.path(), 1, 1}, {}, "the file is empty", {}, "give a file with a header line"});
    } while (comments && fields_[0].text.starts_with('#'));
    for (std::size_t i = 0; i < num_fields_; ++i) {
        const std::string_view name = fields_[i].text;
        if (name.empty())
            fail_at(fields_[i].start, "empty column name in the header", {}, "name the column or remove it");
        if (find(name)) {
            fail_at(fields_[i].start, "duplicate column in the header", printable(name),
                    "remove or rename one of them");
        }
        columns_.emplace_back(name);
        named_at_.push_back(where(i));
    }
    named_at_.push_back(where_byte(buffer_.data() + content_end_));
    in_header_ = false;
}

std::optional<std::size_t> csv_reader::find(std::string_view name) const noexcept {
    const auto at = std::find(columns_.begin(), columns_.end(), name);
    if (at == columns_.end()) return std::nullopt;
    return static_cast<std::size_t>(at - columns_.begin());
}

source_position csv_reader::where_named(std::size_t column) const {
    return named_at_[std::min(column, columns_.size())];
}

bool csv_reader::next() {
    std::optional<source_position> blank;  // the first blank line, if any
    while (true) {
        row_ = next_;
        line_ += lines_;
        lines_ = 0;
        outcome got = tokenise();
        while (got == outcome::more) {
            fill();
            got = tokenise();
        }
        if (got == outcome::end) return false;
        if (got == outcome::row) break;
        if (!blank) blank = where_byte(buffer_.data() + row_);
    }
    if (blank) {
        throw data_error({std::move(*blank),
                          {},
                          in_header_ ? "blank line before the header" : "blank line between rows",
                          {},
                          "remove it"});
    }
    if (num_fields_ != columns_.size() && !in_header_) check_count();
    if (any_escaped_) unescape();
    return true;
}

/// Splits the row at `row_`. A line end stands behind the last byte read, so the scan needs no bound
/// check; meeting that one means that the row is not complete (`more`), unless the file ends there.
csv_reader::outcome csv_reader::tokenise() {
    buffer_[end_] = '\n';
    const char* const data = buffer_.data();
    const char* const end = data + end_;
    const char* p = data + row_;
    const auto incomplete = [&] { return p == end && !at_file_end_; };
    if (p == end) return at_file_end_ ? outcome::end : outcome::more;

    std::uint64_t inner_lines = 0;
    num_fields_ = 0;
    any_escaped_ = false;
    surplus_ = nullptr;
    while (true) {
        field f;
        f.start = p;
        if (*p == '"') {
            const char* const text = ++p;
            while (true) {
                while (*p != '"' && *p != '\n') ++p;
                if (*p == '\n') {
                    if (p == end) {
                        if (!at_file_end_) return outcome::more;
                        fail_at(f.start, "unclosed quote", {}, "close the quoted field");
                    }
                    ++inner_lines;
                    ++p;
                    continue;
                }
                if (p[1] != '"') break;
                f.escaped = true;
                p += 2;
            }
            f.text = {text, static_cast<std::size_t>(p - text)};
            any_escaped_ = any_escaped_ || f.escaped;
            ++p;
            if (*p == '\r' && p[1] == '\n' && p != end) ++p;
            if (incomplete()) return outcome::more;
            if (*p != ',' && *p != '\n')
                fail_at(p, "text after a closing quote", {}, "quote the whole field, and double the quotes in it");
        } else {
            p = find_special(p);
            if (*p == '"')
                fail_at(p, "quote inside an unquoted field", {}, "quote the whole field, and double the quotes in it");
            if (incomplete()) return outcome::more;
            const char* text_end = p;
            if (*p == '\n' && text_end != f.start && text_end[-1] == '\r') --text_end;
            f.text = {f.start, static_cast<std::size_t>(text_end - f.start)};
        }
        if (num_fields_ < fields_.size()) {
            fields_[num_fields_] = f;
        } else if (in_header_) {
            fields_.push_back(f);
        } else if (surplus_ == nullptr) {
            surplus_ = f.start;
        }
        ++num_fields_;
        if (*p == '\n') break;
        ++p;
    }
    const char* row_end = p;
    if (row_end != data + row_ && row_end[-1] == '\r') --row_end;
    content_end_ = static_cast<std::size_t>(row_end - data);
    next_ = std::min(static_cast<std::size_t>(p - data) + 1, end_);
    lines_ = inner_lines + 1;
    return content_end_ == row_ ? outcome::blank : outcome::row;
}

void csv_reader::unescape() {
    unescaped_.resize(std::max(unescaped_.size(), content_end_ - row_));
    char* out = unescaped_.data();
    for (std::size_t i = 0; i < num_fields_; ++i) {
        if (!fields_[i].escaped) continue;
        const char* const start = out;
        const std::string_view text = fields_[i].text;
        for (std::size_t at = 0; at < text.size(); ++at) {
            *out++ = text[at];
            if (text[at] == '"') ++at;
        }
        fields_[i].text = {start, static_cast<std::size_t>(out - start)};
    }
}

/// Keeps the unfinished row, moved to the front, and reads more behind it.
bool csv_reader::fill() {
    if (at_file_end_) return false;
    const std::size_t kept = end_ - row_;
    if (kept > max_row_bytes)
        fail_at(buffer_.data() + row_, "row of more than 1 MiB", {}, "look for an unclosed quote");
    if (row_ != 0) {
        std::memmove(buffer_.data(), buffer_.data() + row_, kept);
        offset_ += row_;
        next_ -= row_;
        end_ = kept;
        row_ = 0;
    }
    if (end_ + slack_bytes == buffer_.size()) buffer_.resize(2 * buffer_.size());
    const std::size_t n = read_more();
    at_file_end_ = n == 0;
    end_ += n;
    return n != 0;
}

/// A fault of the file is reported where the text that could be read ends.
std::size_t csv_reader::read_more() {
    try {
        return in_.read({buffer_.data() + end_, buffer_.size() - slack_bytes - end_});
    } catch (const data_error& e) {
        diagnostic d = e.details();
        d.where = where_byte(buffer_.data() + end_);
        d.where.byte.reset();  // the byte of the file itself says more
        throw data_error(std::move(d));
    }
}

void csv_reader::check_count() const {
    const bool more = num_fields_ > columns_.size();
    fail_at(more ? surplus_ : buffer_.data() + content_end_, more ? "too many fields" : "too few fields",
            std::to_string(num_fields_) + " where the header names " + std::to_string(columns_.size()),
            more ? "remove what is too much, or quote fields that hold commas"
                 : "complete the row; an unknown value is an empty field");
}

source_position csv_reader::where_byte(const char* at) const {
    source_position place{in_.path(), line_, 0, offset_ + static_cast<std::uint64_t>(at - buffer_.data())};
    const char* line_start = buffer_.data() + row_;
    for (const char* p = line_start; p < at; ++p) {
        if (*p == '\n') {
            ++place.line;
            line_start = p + 1;
        }
    }
    place.column = static_cast<std::uint64_t>(at - line_start) + 1;
    return place;
}

source_position csv_reader::where(std::size_t column) const { return where_byte(fields_[column].start); }

void csv_reader::fail(std::size_t column, std::string what, std::string remedy) const {
    throw data_error(
        {where(column), columns_[column], std::move(what), printable(fields_[column].text), std::move(remedy)});
}

void csv_reader::fail_at(const char* at, std::string what, std::string value, std::string remedy) const {
    throw data_error({where_byte(at), {}, std::move(what), std::move(value), std::move(remedy)});
}

}  // namespace ampacity::io
