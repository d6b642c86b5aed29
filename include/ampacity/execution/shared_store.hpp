#pragma once
/// \file
/// A store that jobs write checkpoints to, and share: max-min fair, each no faster than its own nodes can write.
///
/// `next()` says when the next write is complete. A write that begins, ends or is given up changes the rates of the
/// others from that instant on. O(writes log writes) for each such change. Not thread-safe.

#include <ampacity/core/time.hpp>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace ampacity::execution {

class shared_store {
public:
    /// A write that goes on.
    struct write {
        std::uint32_t owner = 0;
        double left = 0;  ///< at `since` [B]
        double rate = 0;  ///< [B/s]
        double most = 0;  ///< of its owner [B/s]
        instant since{};
        instant ends{};
    };

    /// What it takes in all; infinite: every write is as fast as its owner. \pre > 0 [B/s]
    explicit shared_store(double b_s);

    /// \pre bytes > 0, most > 0, one of `most` and the store's rate is finite; the owner writes nothing else
    void begin(instant now, std::uint32_t owner, double bytes, double most_b_s);
    /// Whatever the owner writes is given up, if there is anything.
    void cancel(instant now, std::uint32_t owner);
    /// Owners of what is complete by `now`, in the order in which they began. The span is valid until the next call.
    [[nodiscard]] std::span<const std::uint32_t> complete(instant now);

    [[nodiscard]] instant next() const noexcept;
    /// In the order in which they began.
    [[nodiscard]] std::span<const write> writes() const noexcept { return writes_; }
    /// Has a write begun, ended or been given up since this was asked last?
    [[nodiscard]] bool changed() noexcept { return std::exchange(changed_, false); }
    /// When its write ends as things are; `never` without one.
    [[nodiscard]] instant end_of(std::uint32_t owner) const noexcept;
    /// Bytes that have been taken, complete or not, up to the last change. [B]
    [[nodiscard]] double taken_b() const noexcept { return taken_b_; }

private:
    void advance(instant now);
    void share(instant now);

    double b_s_;
    double taken_b_ = 0;
    bool changed_ = false;
    std::vector<write> writes_;
    std::vector<std::uint32_t> complete_;
    std::vector<std::uint32_t> order_;  // rows of writes_, slowest owner first
};

}  // namespace ampacity::execution
