#pragma once
/// \file
/// The GPUs of nodes while a walk gives them to jobs anew, running ones among them (semantics: srtf on nodes).
///
/// A running job whose GPUs are unclaimed keeps them. Any other job is placed on GPUs that are unclaimed and not held
/// by a running job still to be walked; failing that, on any unclaimed GPUs. What is unclaimed only shrinks during a
/// walk. Of pools by type only counts matter: what is not held by jobs still to be walked is what is unclaimed less
/// what they hold. Nothing allocates once a walk has been as large before. Not thread-safe.

#include <ampacity/policy/policy.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ampacity::policy {

class claims {
public:
    /// A job and the GPUs that it is to get.
    struct placed {
        job_id job{};
        std::size_t begin = 0;  ///< into the shares of all
        std::size_t end = 0;
    };

    /// A walk begins: what is free is unclaimed, and so is what `contest` adds.
    void begin(const view& v) {
        preferred_ = v.capacity.free;
        unclaimed_ = v.capacity.free;
        // A job has at least one GPU, and so has a share.
        placed_.reserve(v.capacity.empty.free_gpus());
        shares_.reserve(v.capacity.empty.free_gpus());
        placed_.clear();
        shares_.clear();
        counts_ = unclaimed_.has_pools();
        if (counts_) contested_.assign(unclaimed_.types()->size(), 0);
    }
    /// A running job will be walked; before the walk begins.
    void contest(const view& v, job_id job) {
        unclaimed_.give(v[job].demand, v.held(job));
        if (counts_) contested_[v[job].type] += v[job].demand.gpus;
    }

    /// GPUs that nobody has claimed yet.
    [[nodiscard]] std::uint64_t left() const noexcept { return unclaimed_.free_gpus(); }

    /// Does a contested running job still have its GPUs? Then they are its own.
    bool keep(const view& v, job_id job) {
        const fleet::demand wanted = v[job].demand;
        const auto held = v.held(job);
        if (counts_) contested_[v[job].type] -= wanted.gpus;
        if (unclaimed_.is_unheld(wanted, held)) {
            unclaimed_.occupy(wanted, held);
            return true;
        }
        abandon(wanted, held);
        return false;
    }
    /// A contested running job that has not been asked to keep its GPUs goes elsewhere.
    void leave(const view& v, job_id job) {
        if (counts_) contested_[v[job].type] -= v[job].demand.gpus;
        abandon(v[job].demand, v.held(job));
    }

    /// Finds a place; false if there is none.
    bool claim(const view& v, job_id job) {
        if (counts_) count_preferred();
        const std::size_t begin = shares_.size();
        const fleet::demand wanted = v[job].demand;
        const bool found = place(v.place, preferred_, wanted, shares_) && may_have(wanted, begin);
        if (!found && !place(v.place, unclaimed_, wanted, shares_)) return false;
        take(job, wanted, begin);
        return true;
    }
    /// The same on GPUs of one type of a mixed fleet.
    bool claim_on(const view& v, job_id job, fleet::gpu_type type) {
        if (counts_) count_preferred();
        const std::size_t begin = shares_.size();
        const fleet::demand wanted = v[job].demand;
        const bool found = place_on(v.place, preferred_, type, wanted, shares_) && may_have(wanted, begin);
        if (!found && !place_on(v.place, unclaimed_, type, wanted, shares_)) return false;
        take(job, wanted, begin);
        return true;
    }

    /// Those that found a place, in that order.
    [[nodiscard]] std::span<const placed> starts() const noexcept { return placed_; }
    [[nodiscard]] std::span<const fleet::gpu_share> where(const placed& p) const noexcept {
        return std::span{shares_}.subspan(p.begin, p.end - p.begin);
    }

private:
    /// From here on what is left of these GPUs belongs to nobody.
    void abandon(fleet::demand wanted, std::span<const fleet::gpu_share> held) {
        if (counts_) return;
        if (wanted.exclusive) {
            for (const auto& s : held) {
                // Another job may have claimed the rack for itself.
                if (!unclaimed_.is_locked(s.node)) preferred_.lock({&s, 1}, false);
            }
        }
        for (const auto& s : held) {
            const std::uint64_t rest = s.gpus & ~unclaimed_.held_mask(s.node);
            if (rest != 0) preferred_.give({.node = s.node, .gpus = rest});
        }
    }
    /// Could the job have the GPUs from row `begin` on? If not, they are forgotten. A node that only jobs still to be
    /// walked use may be one too many for its rack.
    [[nodiscard]] bool may_have(fleet::demand wanted, std::size_t begin) {
        if (!unclaimed_.has_racks() && !unclaimed_.is_mixed()) return true;
        if (unclaimed_.is_free(wanted, std::span{shares_}.subspan(begin))) return true;
        shares_.resize(begin);
        return false;
    }
    /// The GPUs from row `begin` on are the job's.
    void take(job_id job, fleet::demand wanted, std::size_t begin) {
        const auto where = std::span{shares_}.subspan(begin);
        unclaimed_.take(wanted, where);
        for (const auto& s : where) {
            if (counts_) break;
            const std::uint64_t mine = s.gpus & ~preferred_.held_mask(s.node);
            if (mine != 0) preferred_.take({.node = s.node, .gpus = mine});
        }
        if (wanted.exclusive) preferred_.lock(where, true);
        placed_.push_back({.job = job, .begin = begin, .end = shares_.size()});
    }
    void count_preferred() {
        for (std::size_t t = 0; t != contested_.size(); ++t) {
            const auto type = static_cast<fleet::gpu_type>(t);
            const std::uint64_t all = unclaimed_.of(type).free_gpus();
            preferred_.set_free(type, all - std::min(all, contested_[t]));
        }
    }

    bool counts_ = false;                   // pools by type
    std::vector<std::uint64_t> contested_;  // (types) GPUs of running jobs still to be walked; pools only
    fleet::free_index preferred_;
    fleet::free_index unclaimed_;
    std::vector<fleet::gpu_share> shares_;
    std::vector<placed> placed_;
};

}  // namespace ampacity::policy
