#pragma once
/// \file
/// A data file as a stream of bytes, plain, gzip or Zstandard, that never ends silently before its end.
///
/// Compression is recognised by the first bytes, whatever the file is called; a name ending in `.gz` or
/// `.zst` without them is an error, so that a damaged download does not read as text. All members of a
/// gzip file and all frames of a Zstandard file are read, skippable frames are passed over; zero padding
/// after the last gzip member is accepted, nothing else is. What a Zstandard frame without a checksum
/// (`--no-check`) hides of its damage stays hidden. Uses zlib and libzstd directly rather than
/// Boost.Iostreams: truncation and checksum faults are return codes here, where a filtering stream hides
/// them in badbit, and the compressed offset of the fault is known. Regular files and pipes are read with
/// block reads of 256 KiB. One stream belongs to one thread at a time.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace ampacity::io {

/// A file being read.
class input_stream {
public:
    /// Opens `path` and looks at its first bytes.
    /// \throws data_error when it is missing, unreadable, a directory, or of a kind that cannot be read.
    explicit input_stream(const std::filesystem::path& path);
    input_stream(input_stream&&) noexcept;
    input_stream& operator=(input_stream&&) noexcept;
    ~input_stream();

    /// Fills `out` from the front with uncompressed bytes and returns how many; 0 only at the end of
    /// a complete file (or for an empty `out`).
    /// \throws data_error when the file cannot be read, or is truncated or corrupt; names the byte of
    ///         the file, counted from 0, at which this was found (of Zstandard: where the damaged block begins).
    std::size_t read(std::span<char> out);

    /// The path as it was given, for messages.
    [[nodiscard]] const std::string& path() const noexcept;
    [[nodiscard]] bool is_compressed() const noexcept;

    /// Bytes of the file itself that have been used so far, and that it has (0 where that is
    /// unknown, as for a pipe): for progress.
    [[nodiscard]] std::uint64_t bytes_consumed() const noexcept;
    [[nodiscard]] std::uint64_t file_bytes() const noexcept;

    /// XXH64 of the whole file as it lies on disk. Reads what is left of it, after which `read`
    /// returns 0. \throws data_error when that fails.
    std::uint64_t finish_digest();

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace ampacity::io
