#pragma once
/// \file
/// Outages, reservations, deliveries and retirements of a run: when nodes leave and come, in one order, and what
/// reservations cost.
///
/// Changes of one instant: ends before beginnings; deliveries, what becomes known, and replicas that are to drain
/// between; each kind in the order of its list, reservations by start. Not thread-safe.

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

/// Nodes leave or come.
struct capacity_change {
    enum class kind : std::uint8_t {
        outage_ends,
        closing_ends,
        delivery_comes,
        retirement_is_known,
        closing_is_known,
        outage_begins,
        replicas_drain,  ///< of a closing to come
        closing_begins,
        retirement_comes,
    };
    instant at{};
    kind what{};
    std::uint32_t row = 0;  ///< of its list
};

/// What `fleet_state::plan_closings` is to be told.
struct capacity_plan {
    bool any = false;  ///< nodes may leave, or come later
    std::vector<fleet::closing> closings{};
    std::uint32_t drain_racks_at = 0;
};

class capacity_changes {
public:
    /// `drains`: how long before a closing replicas on its nodes are to drain, each once.
    capacity_changes(const fleet::fleet_state& fleet, std::vector<outage> outages,
                     std::vector<reservation> reservations, std::vector<delivery> deliveries,
                     std::vector<retirement> retirements = {}, const std::vector<duration>& drains = {})
        : outages_(std::move(outages)),
          reservations_(std::move(reservations)),
          deliveries_(std::move(deliveries)),
          retirements_(std::move(retirements)) {
        if (!any()) return;
        std::stable_sort(reservations_.begin(), reservations_.end(),
                         [](const reservation& a, const reservation& b) { return a.what.start < b.what.start; });
        for (reservation& r : reservations_) r.what.lent = r.kind != reservation_kind::maintenance;
        if (!reservations_.empty()) gpus_per_node_ = fleet.free().gpus_per_node();
        for (std::uint32_t i = 0; i != outages_.size(); ++i) {
            changes_.push_back({outages_[i].start, capacity_change::kind::outage_begins, i});
            changes_.push_back({outages_[i].end, capacity_change::kind::outage_ends, i});
        }
        for (std::uint32_t i = 0; i != reservations_.size(); ++i) {
            changes_.push_back({reservations_[i].what.start, capacity_change::kind::closing_begins, i});
            changes_.push_back({reservations_[i].what.end, capacity_change::kind::closing_ends, i});
            results_.push_back({.name = reservations_[i].name,
                                .gpus = std::uint64_t{reservations_[i].what.nodes.size()} * gpus_per_node_});
            foresee(i, drains);
        }
        for (std::uint32_t i = 0; i != deliveries_.size(); ++i) {
            if (deliveries_[i].at != never)
                changes_.push_back({deliveries_[i].at, capacity_change::kind::delivery_comes, i});
        }
        for (std::uint32_t i = 0; i != retirements_.size(); ++i) {
            changes_.push_back({retirements_[i].at, capacity_change::kind::retirement_comes, i});
            // Policies of a fleet of several types know of no closings.
            if (fleet.free().is_mixed()) retirements_[i].known = retirements_[i].at;
            if (retirements_[i].known != retirements_[i].at)
                changes_.push_back({retirements_[i].known, capacity_change::kind::retirement_is_known, i});
        }
        std::sort(changes_.begin(), changes_.end(), is_before);
        if (!reservations_.empty()) released_.resize(std::size_t{fleet.free().num_nodes()} * gpus_per_node_);
    }

    [[nodiscard]] bool any() const noexcept {
        return !outages_.empty() || !reservations_.empty() || !deliveries_.empty() || !retirements_.empty();
    }
    [[nodiscard]] const std::vector<outage>& outages() const noexcept { return outages_; }
    /// By start.
    [[nodiscard]] std::vector<reservation>& reservations() noexcept { return reservations_; }
    [[nodiscard]] const std::vector<delivery>& deliveries() const noexcept { return deliveries_; }
    [[nodiscard]] const std::vector<retirement>& retirements() const noexcept { return retirements_; }
    /// One more, in time.
    void add(delivery d) {
        const capacity_change c{d.at, capacity_change::kind::delivery_comes,
                                static_cast<std::uint32_t>(deliveries_.size())};
        deliveries_.push_back(std::move(d));
        const auto to_come = changes_.begin() + static_cast<std::ptrdiff_t>(next_);
        changes_.insert(std::upper_bound(to_come, changes_.end(), c, is_before), c);
    }

    /// When replicas that may drain for so long are to begin for this closing: not before it is known.
    [[nodiscard]] instant drain_of(std::uint32_t number, duration limit) const noexcept {
        const reservation& r = reservations_[number];
        const duration ahead = r.what.start - start_of_time;
        return std::max(r.known, limit < ahead ? r.what.start - limit : start_of_time);
    }

    /// When the next change comes, if there is one.
    [[nodiscard]] std::optional<instant> when() const noexcept {
        if (next_ == changes_.size()) return std::nullopt;
        return changes_[next_].at;
    }
    /// \pre there is one
    const capacity_change& next() noexcept { return changes_[next_++]; }

    [[nodiscard]] std::span<const node_id> nodes(const capacity_change& c) const noexcept {
        switch (c.what) {
            case capacity_change::kind::outage_begins:
            case capacity_change::kind::outage_ends: return outages_[c.row].nodes;
            case capacity_change::kind::delivery_comes: return deliveries_[c.row].nodes;
            case capacity_change::kind::retirement_is_known:
            case capacity_change::kind::retirement_comes: return retirements_[c.row].nodes;
            default: return reservations_[c.row].what.nodes;
        }
    }

    // --- what reservations cost --------------------------------------------------------------------------

    /// Does anyone ask? Else nobody needs to tell of waits and releases.
    [[nodiscard]] bool counts_idle() const noexcept { return !released_.empty(); }
    /// These nodes have a queue of their own, by number; before the run. Others are of number 0.
    void add_queue(std::uint16_t number, std::span<const node_id> nodes) {
        if (!counts_idle()) return;
        queue_.resize(released_.size() / gpus_per_node_, 0);
        for (const node_id n : nodes) queue_[index(n)] = number;
        waited_.resize(std::max<std::size_t>(waited_.size(), number + std::size_t{1}));
    }
    /// Jobs of this queue have waited for so long.
    void wait(std::uint16_t queue, duration time) noexcept { waited_[queue] += time; }
    /// A job gives GPUs back.
    void release(std::span<const fleet::gpu_share> shares) noexcept {
        if (released_.empty()) return;
        for (const auto& s : shares) {
            for (std::uint64_t left = s.gpus; left != 0; left &= left - 1)
                released_[row(s.node, static_cast<std::size_t>(std::countr_zero(left)))] = waited(s.node);
        }
    }
    /// These nodes take jobs again.
    void come_back(std::span<const node_id> nodes) noexcept {
        if (released_.empty()) return;
        for (const node_id n : nodes) {
            for (std::size_t g = 0; g != gpus_per_node_; ++g) released_[row(n, g)] = waited(n);
        }
    }
    /// \pre no job holds GPUs of its nodes; it has stopped so many jobs
    void begin_reservation(std::size_t number, std::uint64_t stopped) {
        reservation_result& r = results_[number];
        r.stopped = stopped;
        for (const node_id n : reservations_[number].what.nodes) {
            for (std::size_t g = 0; g != gpus_per_node_; ++g) r.idle_before += ticks(waited(n) - released_[row(n, g)]);
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
    [[nodiscard]] static bool is_before(const capacity_change& a, const capacity_change& b) noexcept {
        return std::tuple(a.at, a.what, a.row) < std::tuple(b.at, b.what, b.row);
    }
    [[nodiscard]] std::size_t row(node_id n, std::size_t gpu) const noexcept { return index(n) * gpus_per_node_ + gpu; }
    [[nodiscard]] duration waited(node_id n) const noexcept { return waited_[queue_.empty() ? 0 : queue_[index(n)]]; }
    /// When a reservation becomes known, and when replicas are to drain for it.
    void foresee(std::uint32_t number, const std::vector<duration>& drains) {
        const instant known = reservations_[number].known, start = reservations_[number].what.start;
        if (known > start_of_time) changes_.push_back({known, capacity_change::kind::closing_is_known, number});
        for (const duration d : drains) {
            if (const instant at = drain_of(number, d); at < start)
                changes_.push_back({at, capacity_change::kind::replicas_drain, number});
        }
    }

    std::vector<outage> outages_;
    std::vector<reservation> reservations_;
    std::vector<delivery> deliveries_;
    std::vector<retirement> retirements_;
    std::vector<capacity_change> changes_;
    std::size_t next_ = 0;
    std::uint32_t gpus_per_node_ = 0;
    std::vector<duration> waited_{duration{}};  // (queues) for which any job has waited
    std::vector<std::uint16_t> queue_;          // (nodes); empty: all are of one
    std::vector<duration> released_;            // (nodes, GPUs of a node) what its queue had waited at the last release
    std::vector<reservation_result> results_;
};

}  // namespace ampacity::sim
