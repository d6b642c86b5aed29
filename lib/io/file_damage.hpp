#pragma once
/// \file
/// Damage of a compressed file that shows as nonsense in its text first.
///
/// A flipped bit in compressed data gives wrong text, and the decompressor notices only some blocks later, or by the
/// checksum at the end. Whoever finds a fault in the text asks here whether the file itself is to blame. Reads the file
/// once more, its first 64 MiB at most; nothing is found in pipes, which cannot be read twice. Any thread.

#include <ampacity/core/error.hpp>

#include <filesystem>
#include <optional>
#include <utility>

namespace ampacity::io {

/// What the decompressor says of the file; none where it is plain or sound.
[[nodiscard]] std::optional<diagnostic> find_damage(const std::filesystem::path& file);

/// Calls `read`; where it throws a fault of the file's text and the file is damaged, throws that instead, at the place
/// of the fault. \throws data_error
template <class F>
auto blame_damage(const std::filesystem::path& file, F read) {
    try {
        return read();
    } catch (const data_error& fault) {
        auto damage = find_damage(file);
        if (!damage) throw;
        damage->where = fault.details().where;
        damage->where.byte.reset();  // the byte of the file itself says more
        throw data_error(std::move(*damage));
    }
}

}  // namespace ampacity::io
