#pragma once
/// \file
/// GPU-time of jobs by where they held it: a ledger for each partition, where sites schedule.
///
/// A job that goes to another partition leaves there what it has used so far. What it loses later counts where it is
/// lost as far as it was useful there, and then at the stays before, the last one first: no account of a site falls
/// below 0, and all of them add up to the books of the run. O(1) per job, O(stays) of one that has moved. Not
/// thread-safe.

#include "job_books.hpp"

#include <ampacity/core/accounts.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace ampacity::sim {

class part_books {
public:
    /// From now on. \pre no job has used anything
    void keep(std::size_t parts) { books_.resize(parts); }
    [[nodiscard]] bool any() const noexcept { return !books_.empty(); }

    /// Time that a policy threw away, which is part of no `job_books`.
    void lose(std::uint16_t part, gpu_time lost) noexcept {
        if (any()) books_[part][account::lost] += lost;
    }
    /// A job goes to another partition, after it has used `all` in its life.
    void leave(std::size_t job, std::uint16_t part, const job_books& all) {
        if (!any() || all.held == 0) return;
        std::vector<stay>& before = stays_[job];
        before.push_back({.part = part, .used = less(all, before)});
    }
    /// A job of this partition has used `all` in its life, which is over.
    void close(std::size_t job, std::uint16_t part, const job_books& all) {
        if (!any()) return;
        book(books_, job, part, all);
        stays_.erase(job);
    }
    /// Books what `close` would. \pre a ledger for each partition
    void book(std::span<ledger> to, std::size_t job, std::uint16_t part, const job_books& all) const {
        const auto moved = stays_.find(job);
        if (moved == stays_.end()) return all.book(to[part]);
        std::vector<stay> stays = moved->second;
        stays.push_back({.part = part, .used = less(all, stays)});
        if (all.lost == all.held) {
            for (stay& s : stays) s.used = {.held = s.used.held, .lost = s.used.held};
        }
        share_loss(stays);
        for (const stay& s : stays) s.used.book(to[s.part]);
    }

    /// Of jobs that have been closed, by partition.
    [[nodiscard]] const std::vector<ledger>& books() const noexcept { return books_; }

private:
    struct stay {
        std::uint16_t part = 0;
        job_books used{};  // there alone
    };

    [[nodiscard]] static job_books less(job_books all, const std::vector<stay>& before) noexcept {
        constexpr std::array fields{&job_books::held, &job_books::lost, &job_books::checkpoint, &job_books::restart,
                                    &job_books::stalled};
        for (const stay& s : before) {
            for (const auto f : fields) all.*f -= s.used.*f;
        }
        return all;
    }
    /// What more was lost than was useful at a stay was lost at those before.
    static void share_loss(std::vector<stay>& stays) noexcept {
        gpu_time beyond = 0;
        for (auto s = stays.rbegin(); s != stays.rend(); ++s) {
            s->used.lost += beyond;
            beyond = std::max<gpu_time>(0, -s->used.useful());
            s->used.lost -= beyond;
        }
    }

    std::vector<ledger> books_;                                 // (partitions); empty: nobody asks
    std::unordered_map<std::size_t, std::vector<stay>> stays_;  // by job, of those that have moved
};

}  // namespace ampacity::sim
