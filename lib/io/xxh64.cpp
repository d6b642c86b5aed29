#include <ampacity/io/xxh64.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

namespace ampacity::io {
namespace {

static_assert(std::endian::native == std::endian::little, "XXH64 is defined on little-endian words");

constexpr std::uint64_t prime3 = 0x165667B19E3779F9U;
constexpr std::uint64_t prime4 = 0x85EBCA77C2B2AE63U;
constexpr std::uint64_t prime5 = 0x27D4EB2F165667C5U;

template <class Word>
Word load(const char* bytes) noexcept {
    Word word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
}

}  // namespace

void xxh64::take_stripe(const char* bytes) noexcept {
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        lanes_[i] = std::rotl(lanes_[i] + load<std::uint64_t>(bytes + 8 * i) * prime2, 31) * prime1;
    }
}

void xxh64::update(std::string_view bytes) noexcept {
    total_ += bytes.size();
    if (num_pending_ != 0) {
        const std::size_t n = std::min(stripe_bytes - num_pending_, bytes.size());
        std::copy_n(bytes.data(), n, pending_.data() + num_pending_);
        num_pending_ += n;
        bytes.remove_prefix(n);
        if (num_pending_ < stripe_bytes) return;
        take_stripe(pending_.data());
        num_pending_ = 0;
    }
    for (; bytes.size() >= stripe_bytes; bytes.remove_prefix(stripe_bytes)) take_stripe(bytes.data());
    std::copy_n(bytes.data(), bytes.size(), pending_.data());
    num_pending_ = bytes.size();
}

std::uint64_t xxh64::digest() const noexcept {
    std::uint64_t hash = prime5;
    if (total_ >= stripe_bytes) {
        hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) + std::rotl(lanes_[3], 18);
        for (const std::uint64_t lane : lanes_) {
            hash = (hash ^ (std::rotl(lane * prime2, 31) * prime1)) * prime1 + prime4;
        }
    }
    hash += total_;
    std::size_t at = 0;
    for (; at + 8 <= num_pending_; at += 8) {
        const auto word = std::rotl(load<std::uint64_t>(pending_.data() + at) * prime2, 31) * prime1;
        hash = std::rotl(hash ^ word, 27) * prime1 + prime4;
    }
    for (; at + 4 <= num_pending_; at += 4) {
        hash = std::rotl(hash ^ (load<std::uint32_t>(pending_.data() + at) * prime1), 23) * prime2 + prime3;
    }
    for (; at < num_pending_; ++at) {
        hash = std::rotl(hash ^ (static_cast<unsigned char>(pending_[at]) * prime5), 11) * prime1;
    }
    hash = (hash ^ (hash >> 33U)) * prime2;
    hash = (hash ^ (hash >> 29U)) * prime3;
    return hash ^ (hash >> 32U);
}

std::string digest_text(std::uint64_t digest) {
    constexpr std::string_view hex = "0123456789abcdef";
    std::string text = "xxh64:";
    for (int shift = 60; shift >= 0; shift -= 4) text += hex[(digest >> static_cast<unsigned>(shift)) & 15U];
    return text;
}

}  // namespace ampacity::io
