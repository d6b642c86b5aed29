#pragma once
/// \file
/// The fleet of a run: nodes with their states, free GPUs, and the books of everything that is not allocated.
///
/// Only the simulation changes it. GPUs of a node that is `up` and unallocated are free; those of a draining,
/// down or uncommissioned node are not, and their time goes to the account of that name (closed: down). `advance(now)`
/// integrates exactly; it must be called before any change at a new instant. O(log64 nodes) per node touched, and as
/// much again for each closing that is still to come.

#include <ampacity/core/accounts.hpp>
#include <ampacity/core/ids.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/closing.hpp>
#include <ampacity/fleet/free_index.hpp>
#include <ampacity/fleet/node_state.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::fleet {

class fleet_state {
public:
    /// A bare pool: counts only. \pre gpus >= 1
    static fleet_state pool(std::uint64_t gpus);
    /// Flat nodes, all `up`. \pre count >= 1, 1 <= gpus_per_node <= 64
    static fleet_state flat_nodes(std::uint32_t count, std::uint32_t gpus_per_node);
    /// Racks of nodes, all `up`. \pre at least one rack, 1 <= gpus_per_node <= 64
    static fleet_state racks(topology where, std::uint32_t gpus_per_node);

    /// Several GPU types, all `up`; each part is a pool, flat nodes, or racks of GPUs of its type. \pre as
    /// `free_index::mixed`
    static fleet_state mixed(std::shared_ptr<const gpu_types> types, std::vector<free_index> parts);

    /// These nodes of a fleet, numbered from 0, all `up` and without jobs. \pre nodes of one type; rising, not empty
    static fleet_state part(const fleet_state& of, std::span<const node_id> nodes);

    [[nodiscard]] bool is_pool() const noexcept { return free_.is_pool(); }
    /// All GPUs that are installed, in whatever state.
    [[nodiscard]] std::uint64_t installed_gpus() const noexcept { return installed_; }
    /// The same of one type. \pre a mixed fleet
    [[nodiscard]] std::uint64_t installed_gpus_of(gpu_type t) const noexcept {
        const free_index& part = empty_.of(t);
        return part.is_pool() ? part.free_gpus() : std::uint64_t{part.num_nodes()} * part.gpus_per_node();
    }
    /// GPUs of nodes that are up.
    [[nodiscard]] std::uint64_t up_gpus() const noexcept { return gpus_in_[static_cast<std::size_t>(node_state::up)]; }
    /// GPUs that jobs hold, or that were withdrawn.
    [[nodiscard]] std::uint64_t held_gpus() const noexcept {
        std::uint64_t held = installed_;
        for (const std::uint64_t n : unallocated_) held -= n;
        return held;
    }
    /// Free GPUs, indexed.
    [[nodiscard]] const free_index& free() const noexcept { return free_; }
    /// The fleet as it would be with no job on it and every node up: what "will ever fit" is judged against.
    [[nodiscard]] const free_index& empty() const noexcept { return empty_; }
    /// The fleet as it would be with no job on it. Another object once nodes are known to leave.
    [[nodiscard]] const free_index& in_service() const noexcept { return in_service_ ? *in_service_ : empty_; }
    [[nodiscard]] node_state state(node_id node) const noexcept { return state_[index(node)]; }
    /// States of all nodes; empty without nodes.
    [[nodiscard]] std::span<const node_state> states() const noexcept { return state_; }

    /// Integrates the unallocated accounts and the capacity up to `now`.
    void advance(instant now);

    /// Takes GPUs for a job. \pre advanced to now; all of them free
    void take(demand wanted, std::span<const gpu_share> shares);
    /// Gives a job's GPUs back; on a node that is not up they do not become free.
    void give(demand wanted, std::span<const gpu_share> shares);
    /// GPUs that jobs cannot have, until they are given back: they are neither free nor counted as idle, and planning
    /// leaves them out. The first time before anyone looks at `in_service`. \pre advanced to now; all of them free; no
    /// node ever leaves
    void withdraw(demand wanted, std::span<const gpu_share> shares);
    /// \pre advanced to now; they were withdrawn so
    void give_back(demand wanted, std::span<const gpu_share> shares);
    /// Changes a node's state. \pre no job holds GPUs of a node that goes down or out of service
    void set_state(node_id node, node_state to);

    // --- nodes that leave and come back -----------------------------------------------------------------

    /// Before the run: what is planned to close, by start, and the share of a rack's nodes that must have failed for
    /// the rest to drain, in millionths (0: never). They are numbered from 0. \pre nodes; on a mixed fleet neither of
    /// both; no empty closing; it is not moved or copied any more
    void plan_closings(std::vector<closing> planned, std::uint32_t drain_racks_at = 0);
    /// The books begin now: what was before is not counted. \pre advanced to now
    void open_books() noexcept {
        capacity_ = 0;
        booked_.fill(0);
    }

    /// All closings that may not be over, by start.
    [[nodiscard]] std::span<const closing> closings() const noexcept { return std::span{closings_}.subspan(num_over_); }
    /// What is free, by how long it stays so: rising `until`, the last of which is `never`. Empty once nothing is
    /// planned to close.
    [[nodiscard]] std::span<const horizon> horizons() const noexcept { return horizons_; }

    /// A closing begins: its nodes are closed. In order of their starts. \pre no job holds GPUs of them
    void begin_closing();
    /// The one of this number ends. \pre it has begun
    void end_closing(std::size_t number);
    /// Nodes fail, or are repaired; a node that has failed twice is repaired twice. \pre no job holds GPUs of them
    void fail(std::span<const node_id> nodes);
    void repair(std::span<const node_id> nodes);
    /// Before the run: nodes that are not in service yet. \pre `plan_closings` was called; no job holds GPUs of them
    void uncommission(std::span<const node_id> nodes);
    /// They come into service. \pre they are not yet
    void commission(std::span<const node_id> nodes);
    /// One more closing; of several that start at one instant the lower number begins first. \pre `plan_closings` was
    /// called; nodes of one type; it does not start before now; no other one has this number
    void announce(closing c, std::size_t number);
    /// The same without end: nodes that will be retired at its start. \pre no other such one starts then
    void announce(closing c);
    /// Nodes leave for good: the ones of the next closing where that was announced. \pre no job holds GPUs of them
    void retire(std::span<const node_id> nodes, bool announced);

    /// Adds capacity and the unallocated accounts to the books.
    void book(ledger& books) const;

private:
    static constexpr std::size_t lent = 5;  // behind the states: for the books, what is lent is in none of them
    static constexpr std::size_t num_states = lent + 1;
    static constexpr std::uint32_t no_closing = ~std::uint32_t{0};
    static constexpr std::size_t of_retirement = ~std::size_t{0};

    /// Why a node may be out of service.
    struct troubles {
        std::uint16_t failures = 0;  ///< not repaired yet
        std::uint16_t closings = 0;  ///< that have begun and not ended
        std::uint32_t next_closing = no_closing;
        bool is_lent = false, is_to_come = false;  // or has gone for good
    };

    static fleet_state of_nodes(free_index all);
    template <class F>
    void for_states(std::span<const gpu_share> shares, F f) const;
    [[nodiscard]] std::uint64_t& unallocated(node_state s) noexcept {
        return unallocated_[static_cast<std::size_t>(s)];
    }

    /// How the books count the node.
    [[nodiscard]] std::size_t counted_as(node_id node) const noexcept {
        return !troubles_.empty() && troubles_[index(node)].is_lent ? lent
                                                                    : static_cast<std::size_t>(state_[index(node)]);
    }
    void recount(node_id node, std::size_t from);
    void lend(node_id node, bool is_lent);
    void find_next_closing(node_id node);
    void end_row(std::size_t row);
    [[nodiscard]] bool drains(node_id node) const;
    void refresh(node_id node);
    void count_failed(node_id node, bool failed);
    void find_horizons();

    free_index free_;
    free_index empty_;
    std::optional<free_index> in_service_;  // with no job on it; none: as empty_
    std::vector<closing> closings_;         // by start
    std::vector<bool> over_;                // (closings)
    std::vector<std::size_t> numbers_;      // (closings) of retirements the last there is
    std::size_t num_over_ = 0;              // at the beginning of closings_
    std::size_t begun_ = 0;                 // at the beginning of closings_, over or not
    std::vector<free_index> later_;         // what is free without the nodes of the next 1, 2, ... closings
    std::vector<horizon> horizons_;
    std::vector<troubles> troubles_;        // (nodes); empty where no node ever leaves
    std::vector<std::uint32_t> failed_in_;  // (racks) nodes
    std::uint32_t drain_at_ = 0;            // [millionths]
    std::uint64_t installed_ = 0;
    std::vector<node_state> state_;                        // (nodes)
    std::array<std::uint64_t, num_states> gpus_in_{};      // GPUs by state of their node
    std::array<std::uint64_t, num_states> unallocated_{};  // of those, held by no job
    instant advanced_to_{};
    gpu_time capacity_ = 0;                      // [GPU-ns]
    std::array<gpu_time, num_states> booked_{};  // [GPU-ns] unallocated, by state
};

}  // namespace ampacity::fleet
