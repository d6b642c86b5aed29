#pragma once
/// \file
/// Outages and reservations of a run: when nodes leave and come back, in one order, and what reservations cost.
///
/// Changes of one instant: ends before beginnings, each kind in the order of its list; reservations by start. Not
/// thread-safe.

#include <ampacity/fleet/fleet_state.hpp>
#include <ampacity/sim/result.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace ampacity::sim {

/// Nodes leave or come back.
struct capacity_change {
    enum class kind : std::uint8_t { outage_ends, closing_ends, outage_begins, closing_begins };
    instant at{};
    kind what{};
    std::uint32_t row = 0;  ///< of its list
};

/// What `fleet_state::plan_closings` is to be told.
struct capacity_plan {
    bool any = false;  ///< nodes may leave
    std::vector<fleet::closing> closings{};
    std::uint32_t drain_racks_at = 0;
};

class capacity_changes {
public:
    capacity_changes(const fleet::fleet_state& fleet, std::vector<outage> outages,
                     std::vector<reservation> reservations)
        : outages_(std::move(outages)), reservations_(std::move(reservations)) {
        if (!any()) return;
        std::stable_sort(reservations_.begin(), reservations_.end(),
                         [](const reservation& a, const reservation& b) { return a.what.start < b.what.start; });
        for (reservation& r : reservations_) r.what.lent = r.kind != reservation_kind::maintenance;
        gpus_per_node_ = fleet.free().gpus_per_node();
        for (std::uint32_t i = 0; i != outages_.size(); ++i) {
            changes_.push_back({outages_[i].start, capacity_change::kind::outage_begins, i});
            changes_.push_back({outages_[i].end, capacity_change::kind::outage_ends, i});
        }
        for (std::uint32_t i = 0; i != reservations_.size(); ++i) {
            changes_.push_back({reservations_[i].what.start, capacity_change::kind::closing_begins, i});
            changes_.push_back({reservations_[i].what.end, capacity_change::kind::closing_ends, i});
            results_.push_back({.name = reservations_[i].name,
                                .gpus = std::uint64_t{reservations_[i].what.nodes.size()} * gpus_per_node_});
        }
        std::sort(changes_.begin(), changes_.end(), [](const capacity_change& a, const capacity_change& b) {
            return std::tuple(a.at, a.what, a.row) < std::tuple(b.at, b.what, b.row);
        });
        if (!reservations_.empty()) released_.resize(std::size_t{fleet.free().num_nodes()} * gpus_per_node_);
    }

    [[nodiscard]] bool any() const noexcept { return !outages_.empty() || !reservations_.empty(); }
    [[nodiscard]] const std::vector<outage>& outages() const noexcept { return outages_; }
    /// By start.
    [[nodiscard]] std::vector<reservation>& reservations() noexcept { return reservations_; }
    [[nodiscard]] capacity_plan planned(std::uint32_t drain_racks_at) const {
        capacity_plan out{.any = any(), .drain_racks_at = drain_racks_at};
        for (const reservation& r : reservations_) out.closings.push_back(r.what);
        return out;
    }

    /// When the next change comes, if there is one.
    [[nodiscard]] std::optional<instant> when() const noexcept {
        if (next_ == changes_.size()) return std::nullopt;
        return changes_[next_].at;
    }
    /// \pre there is one
    const capacity_change& next() noexcept { return changes_[next_++]; }

    [[nodiscard]] std::span<const node_id> nodes(const capacity_change& c) const noexcept {
        const bool of_outage =
            c.what == capacity_change::kind::outage_begins || c.what == capacity_change::kind::outage_ends;
        return of_outage ? outages_[c.row].nodes : reservations_[c.row].what.nodes;
    }

    // --- what reservations cost --------------------------------------------------------------------------

    /// Jobs have waited for so long.
    void wait(duration time) noexcept { waited_ += time; }
    /// A job gives GPUs back.
    void release(std::span<const fleet::gpu_share> shares) noexcept {
        if (released_.empty()) return;
        for (const auto& s : shares) {
            for (std::uint64_t left = s.gpus; left != 0; left &= left - 1)
                released_[row(s.node, static_cast<std::size_t>(std::countr_zero(left)))] = waited_;
        }
    }
    /// These nodes take jobs again.
    void come_back(std::span<const node_id> nodes) noexcept {
        if (released_.empty()) return;
        for (const node_id n : nodes) {
            for (std::size_t g = 0; g != gpus_per_node_; ++g) released_[row(n, g)] = waited_;
        }
    }
    /// \pre no job holds GPUs of its nodes; it has stopped so many jobs
    void begin_reservation(std::size_t number, std::uint64_t stopped) {
        reservation_result& r = results_[number];
        r.stopped = stopped;
        for (const node_id n : reservations_[number].what.nodes) {
            for (std::size_t g = 0; g != gpus_per_node_; ++g) r.idle_before += ticks(waited_ - released_[row(n, g)]);
        }
    }
    /// As of the end of the run.
    [[nodiscard]] reservation_result& result(std::size_t number) noexcept { return results_[number]; }
    [[nodiscard]] std::vector<reservation_result> results(instant end) const {
        std::vector<reservation_result> out = results_;
        for (std::size_t i = 0; i != out.size(); ++i) {
            const fleet::closing& c = reservations_[i].what;
            if (c.start < end) out[i].closed = std::min(c.end, end) - c.start;
        }
        return out;
    }

private:
    [[nodiscard]] std::size_t row(node_id n, std::size_t gpu) const noexcept { return index(n) * gpus_per_node_ + gpu; }

    std::vector<outage> outages_;
    std::vector<reservation> reservations_;
    std::vector<capacity_change> changes_;
    std::size_t next_ = 0;
    std::uint32_t gpus_per_node_ = 0;
    duration waited_{};               // for which any job has waited
    std::vector<duration> released_;  // (nodes, GPUs of a node) `waited_` at the last release
    std::vector<reservation_result> results_;
};

}  // namespace ampacity::sim
