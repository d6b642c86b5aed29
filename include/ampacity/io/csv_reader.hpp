#pragma once
/// \file
/// A strict reader of comma-separated rows with a header line (RFC 4180), row by row.
///
/// Tolerated: a UTF-8 byte order mark, CRLF, quoted fields (`""` is a quote; commas and line ends are
/// literal inside), blank lines after the last row, a last line without its end. Everything else is a
/// `data_error` at FILE:LINE:COL: rows with more or fewer fields than the header, blank lines between
/// rows, stray or unclosed quotes, duplicate or empty header names, rows above 1 MiB. One pass over the
/// bytes, no allocation per row; memory is one block of the file. One reader belongs to one thread.

#include <ampacity/core/error.hpp>
#include <ampacity/io/input_stream.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::io {

/// Rows of a file.
class csv_reader {
public:
    /// The longest row that is read at all [bytes]: beyond it an unclosed quote is more likely than data.
    static constexpr std::size_t max_row_bytes = std::size_t{1} << 20U;

    /// Reads the header. `block_bytes` is what is read at a time; `comments`: lines before the header that begin with
    /// `#` are passed over.
    /// \throws data_error when there is no header, or it is malformed.
    explicit csv_reader(input_stream in, std::size_t block_bytes = std::size_t{1} << 18U, bool comments = false);

    /// The header's names, in file order.
    [[nodiscard]] std::span<const std::string> columns() const noexcept { return columns_; }
    /// The number of the column of that name.
    [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const noexcept;
    /// Where the header's name of that column stands; past the last one, where a further name would.
    [[nodiscard]] source_position where_named(std::size_t column) const;

    /// Goes on to the next row; false at the end of the file. Views of the row before become invalid.
    /// \throws data_error when the file or the row is malformed; the reader is of no use then.
    bool next();

    /// A field of the current row, quotes removed. \pre column < columns().size().
    [[nodiscard]] std::string_view operator[](std::size_t column) const noexcept { return fields_[column].text; }

    /// Where a field of the current row stands, counted in lines and bytes from 1, and as a byte of the text from 0.
    [[nodiscard]] source_position where(std::size_t column) const;

    /// Throws a `data_error` about a field of the current row: its place, its column name, its text.
    [[noreturn]] void fail(std::size_t column, std::string what, std::string remedy) const;

    [[nodiscard]] input_stream& stream() noexcept { return in_; }
    [[nodiscard]] const input_stream& stream() const noexcept { return in_; }

private:
    struct field {
        std::string_view text;
        const char* start = nullptr;  ///< first byte in the file's text, the opening quote included
        bool escaped = false;         ///< `text` still holds doubled quotes
    };
    enum class outcome : std::uint8_t { row, blank, end, more };

    void read_header(bool comments);
    outcome tokenise();
    void unescape();
    bool fill();
    std::size_t read_more();
    void check_count() const;
    [[nodiscard]] source_position where_byte(const char* at) const;
    [[noreturn]] void fail_at(const char* at, std::string what, std::string value, std::string remedy) const;

    input_stream in_;
    std::vector<char> buffer_;     ///< longer than what is read: a line end behind it stops every scan
    std::size_t row_ = 0;          ///< start of the current row
    std::size_t next_ = 0;         ///< start of the row after it
    std::size_t end_ = 0;          ///< end of the bytes read
    std::size_t content_end_ = 0;  ///< end of the current row's text, without its line end
    std::uint64_t offset_ = 0;     ///< byte of the text that stands at the front of the buffer
    std::uint64_t line_ = 1;       ///< line of `row_`
    std::uint64_t lines_ = 0;      ///< lines that the current row takes
    bool at_file_end_ = false;
    bool in_header_ = true;
    std::size_t num_fields_ = 0;     ///< of the current row, surplus ones included
    const char* surplus_ = nullptr;  ///< the first field too many
    bool any_escaped_ = false;
    std::vector<field> fields_;
    std::vector<char> unescaped_;
    std::vector<std::string> columns_;
    std::vector<source_position> named_at_;
};

/// Text from a file made fit for a message: bytes that are not printable as `\xNN`, at most 60 bytes of it.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace ampacity::io
