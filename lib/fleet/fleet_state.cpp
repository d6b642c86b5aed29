#include <ampacity/fleet/fleet_state.hpp>

#include <bit>
#include <memory>
#include <utility>

namespace ampacity::fleet {

fleet_state fleet_state::pool(std::uint64_t gpus) {
    AMPACITY_ASSERT(gpus >= 1);
    fleet_state f;
    f.free_ = free_index::pool(gpus);
    f.empty_ = f.free_;
    f.installed_ = gpus;
    f.gpus_in_[static_cast<std::size_t>(node_state::up)] = gpus;
    f.unallocated(node_state::up) = gpus;
    return f;
}

fleet_state fleet_state::flat_nodes(std::uint32_t count, std::uint32_t gpus_per_node) {
    AMPACITY_ASSERT(count >= 1 && gpus_per_node >= 1 && gpus_per_node <= 64);
    return of_nodes(free_index::nodes(count, gpus_per_node));
}

fleet_state fleet_state::racks(topology where, std::uint32_t gpus_per_node) {
    AMPACITY_ASSERT(where.num_racks() >= 1 && gpus_per_node >= 1 && gpus_per_node <= 64);
    return of_nodes(free_index::racks(std::make_shared<const topology>(std::move(where)), gpus_per_node));
}

fleet_state fleet_state::mixed(std::shared_ptr<const gpu_types> types, std::vector<free_index> parts) {
    return of_nodes(free_index::mixed(std::move(types), std::move(parts)));
}

fleet_state fleet_state::of_nodes(free_index all) {
    fleet_state f;
    if (all.has_pools()) {
        f.installed_ = all.free_gpus();
    } else {
        f.state_.assign(all.num_nodes(), node_state::up);
        for (std::uint32_t row = 0; row != all.num_nodes(); ++row) f.installed_ += all.gpus_of(node_id{row});
    }
    f.free_ = std::move(all);
    f.empty_ = f.free_;
    f.gpus_in_[static_cast<std::size_t>(node_state::up)] = f.installed_;
    f.unallocated(node_state::up) = f.installed_;
    return f;
}

void fleet_state::advance(instant now) {
    if (now == advanced_to_) return;
    AMPACITY_ASSERT(now > advanced_to_);
    const gpu_time elapsed = ticks(now - advanced_to_);
    advanced_to_ = now;
    for (std::size_t s = 0; s != num_states; ++s) {
        booked_[s] += elapsed * unallocated_[s];
        if (static_cast<node_state>(s) != node_state::uncommissioned) capacity_ += elapsed * gpus_in_[s];
    }
}

void fleet_state::take(demand wanted, std::span<const gpu_share> shares) {
    free_.take(wanted, shares);
    unallocated(node_state::up) -= wanted.gpus;
}

void fleet_state::give(demand wanted, std::span<const gpu_share> shares) {
    free_.give(wanted, shares);
    if (state_.empty()) {
        unallocated(node_state::up) += wanted.gpus;
        return;
    }
    for (const auto& s : shares) {
        unallocated(state_[index(s.node)]) += static_cast<std::uint64_t>(std::popcount(s.gpus));
    }
}

void fleet_state::set_state(node_id node, node_state to) {
    AMPACITY_ASSERT(!state_.empty());
    const node_state from = state_[index(node)];
    if (from == to) return;
    const std::uint64_t held = free_.held_mask(node);
    AMPACITY_ASSERT(held == 0 || to == node_state::up || to == node_state::draining);
    const std::uint64_t gpus = free_.gpus_of(node);
    const std::uint64_t count = gpus - static_cast<std::uint64_t>(std::popcount(held));
    free_.set_in_service(node, to == node_state::up);
    state_[index(node)] = to;
    gpus_in_[static_cast<std::size_t>(from)] -= gpus;
    gpus_in_[static_cast<std::size_t>(to)] += gpus;
    unallocated(from) -= count;
    unallocated(to) += count;
}

void fleet_state::book(ledger& books) const {
    books.capacity += capacity_;
    books[account::idle] += booked_[static_cast<std::size_t>(node_state::up)];
    books[account::draining] += booked_[static_cast<std::size_t>(node_state::draining)];
    books[account::down] += booked_[static_cast<std::size_t>(node_state::down)];
    books[account::uncommissioned] += booked_[static_cast<std::size_t>(node_state::uncommissioned)];
}

}  // namespace ampacity::fleet
