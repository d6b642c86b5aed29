#pragma once
/// \file
/// The texts behind the indices in job requests: interned names (users, groups) and job names.
///
/// Interned names count from 1 (0 is the empty text); job names, which hardly ever repeat, are kept in
/// chunks with a two-byte length each and have negative indices. Texts never move.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ampacity::io {

class name_table {
public:
    /// The longest text that can be kept [bytes].
    static constexpr std::size_t max_bytes = 0xFFFF;

    /// The index of `name`, new or known. \pre at most `max_bytes` long.
    std::uint32_t intern(std::string_view name) {
        if (name.empty()) return 0;
        // Rows of one user tend to follow each other.
        if (last_ != 0 && interned_[last_] == name) return last_;
        const auto known = index_.find(name);
        if (known != index_.end()) return last_ = known->second;
        const auto fresh = static_cast<std::uint32_t>(interned_.size());
        interned_.push_back(at(keep(name)));
        index_.emplace(interned_.back(), fresh);
        return last_ = fresh;
    }

    /// Keeps `name` under an index of its own. \pre at most `max_bytes` long.
    std::int64_t add(std::string_view name) { return -1 - static_cast<std::int64_t>(keep(name)); }

    [[nodiscard]] std::string_view text(std::int64_t index) const {
        if (index < 0) return at(static_cast<std::uint64_t>(-1 - index));
        return interned_[static_cast<std::size_t>(index)];
    }

private:
    static constexpr std::size_t chunk_bytes = std::size_t{1} << 20U;

    std::uint64_t keep(std::string_view name) {
        const auto length = static_cast<std::uint16_t>(name.size());
        if (chunks_.empty() || chunk_bytes - used_ < sizeof length + name.size()) {
            chunks_.push_back(std::make_unique<char[]>(chunk_bytes));
            used_ = 0;
        }
        const std::uint64_t offset = (chunks_.size() - 1) * chunk_bytes + used_;
        std::memcpy(chunks_.back().get() + used_, &length, sizeof length);
        std::memcpy(chunks_.back().get() + used_ + sizeof length, name.data(), name.size());
        used_ += sizeof length + name.size();
        return offset;
    }

    [[nodiscard]] std::string_view at(std::uint64_t offset) const {
        const char* const entry = chunks_[offset / chunk_bytes].get() + offset % chunk_bytes;
        std::uint16_t length = 0;
        std::memcpy(&length, entry, sizeof length);
        return {entry + sizeof length, length};
    }

    std::vector<std::unique_ptr<char[]>> chunks_;
    std::size_t used_ = 0;
    std::vector<std::string_view> interned_{std::string_view{}};
    std::unordered_map<std::string_view, std::uint32_t> index_;
    std::uint32_t last_ = 0;
};

}  // namespace ampacity::io
