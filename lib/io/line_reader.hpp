#pragma once
/// \file
/// The lines of a text file, one after the other, with their places. For formats that are not CSV.
///
/// Lines end in LF or CRLF, the last one may lack its end; a UTF-8 byte order mark is passed over. Lines above 1 MiB
/// are a `data_error`. One pass over the bytes, no allocation per line; memory is one block of the file. One reader
/// belongs to one thread.

#include <ampacity/core/error.hpp>
#include <ampacity/io/input_stream.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ampacity::io {

class line_reader {
public:
    static constexpr std::size_t max_line_bytes = std::size_t{1} << 20U;

    /// `block_bytes` is what is read at a time.
    explicit line_reader(input_stream in, std::size_t block_bytes = std::size_t{1} << 18U);

    /// Goes on to the next line; false at the end of the file. Views of the line before become invalid.
    /// \throws data_error
    bool next();
    /// The current line without its end.
    [[nodiscard]] std::string_view line() const noexcept { return line_; }

    /// Where a byte of the current line stands. \pre within the line or at its end
    [[nodiscard]] source_position where(const char* at) const;

    [[nodiscard]] input_stream& stream() noexcept { return in_; }
    [[nodiscard]] const input_stream& stream() const noexcept { return in_; }

private:
    bool fill();
    void check_length(std::size_t bytes) const;

    input_stream in_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0;     ///< start of the current line
    std::size_t next_ = 0;      ///< start of the line after it
    std::size_t end_ = 0;       ///< end of the bytes read
    std::uint64_t offset_ = 0;  ///< byte of the text that stands at the front of the buffer
    std::uint64_t number_ = 0;  ///< of the current line, from 1
    bool at_file_end_ = false;
    std::string_view line_;
};

}  // namespace ampacity::io
