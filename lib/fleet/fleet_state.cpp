#include <ampacity/fleet/fleet_state.hpp>

#include <algorithm>
#include <bit>
#include <memory>
#include <numeric>
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

fleet_state fleet_state::part(const fleet_state& of, std::span<const node_id> nodes) {
    const free_index& all = of.empty_;
    AMPACITY_ASSERT(!all.is_pool() && !all.is_mixed() && !nodes.empty());
    if (all.has_racks()) return racks(all.where().part(nodes), all.gpus_per_node());
    return flat_nodes(static_cast<std::uint32_t>(nodes.size()), all.gpus_per_node());
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
        if (gpus_in_[s] == 0) continue;
        booked_[s] += elapsed * unallocated_[s];
        if (static_cast<node_state>(s) != node_state::uncommissioned && s != lent) capacity_ += elapsed * gpus_in_[s];
    }
}

/// `f(state, GPUs)` of shares that follow each other and lie on nodes of one state.
template <class F>
void fleet_state::for_states(std::span<const gpu_share> shares, F f) const {
    if (shares.empty()) return;
    node_state state = state_[index(shares.front().node)];
    std::uint64_t gpus = 0, mask = 0, of_mask = 0;
    for (const gpu_share& s : shares) {
        if (const node_state here = state_[index(s.node)]; here != state) {
            f(std::exchange(state, here), std::exchange(gpus, 0));
        }
        if (s.gpus != mask) {
            mask = s.gpus;
            of_mask = count_gpus(mask);
        }
        gpus += of_mask;
    }
    f(state, gpus);
}

void fleet_state::take(demand wanted, std::span<const gpu_share> shares) {
    if (troubles_.empty()) {
        free_.take(wanted, shares);
        unallocated(node_state::up) -= wanted.gpus;
        return;
    }
    // A plan that is taken back gives GPUs to jobs that had them, of nodes that drain, too.
    free_.occupy(wanted, shares);
    for (free_index& f : later_) f.occupy(wanted, shares);
    for_states(shares, [this](node_state s, std::uint64_t gpus) { unallocated(s) -= gpus; });
}

void fleet_state::give(demand wanted, std::span<const gpu_share> shares) {
    free_.give(wanted, shares);
    for (free_index& f : later_) f.give(wanted, shares);
    if (state_.empty()) {
        unallocated(node_state::up) += wanted.gpus;
        return;
    }
    for_states(shares, [this](node_state s, std::uint64_t gpus) { unallocated(s) += gpus; });
}

void fleet_state::withdraw(demand wanted, std::span<const gpu_share> shares) {
    AMPACITY_ASSERT(troubles_.empty());
    if (!in_service_) in_service_ = empty_;
    in_service_->take(wanted, shares);
    take(wanted, shares);
}

void fleet_state::give_back(demand wanted, std::span<const gpu_share> shares) {
    in_service_->give(wanted, shares);
    give(wanted, shares);
}

void fleet_state::set_state(node_id node, node_state to) {
    AMPACITY_ASSERT(!state_.empty());
    const node_state from = state_[index(node)];
    if (from == to) return;
    AMPACITY_ASSERT(free_.held_mask(node) == 0 || to == node_state::up || to == node_state::draining);
    const std::size_t counted = counted_as(node);
    free_.set_in_service(node, to == node_state::up);
    if (in_service_) in_service_->set_in_service(node, to == node_state::up);
    state_[index(node)] = to;
    recount(node, counted);
}

/// The books counted it as `from` until now.
void fleet_state::recount(node_id node, std::size_t from) {
    const std::size_t to = counted_as(node);
    const std::uint64_t gpus = free_.gpus_of(node);
    const std::uint64_t count = gpus - std::uint64_t{count_gpus(free_.held_mask(node))};
    gpus_in_[from] -= gpus;
    gpus_in_[to] += gpus;
    unallocated_[from] -= count;
    unallocated_[to] += count;
}

void fleet_state::lend(node_id node, bool is_lent) {
    const std::size_t counted = counted_as(node);
    troubles_[index(node)].is_lent = is_lent;
    recount(node, counted);
}

void fleet_state::plan_closings(std::vector<closing> planned, std::uint32_t drain_racks_at) {
    AMPACITY_ASSERT(!state_.empty() && troubles_.empty());
    AMPACITY_ASSERT(!free_.is_mixed() || (planned.empty() && drain_racks_at == 0));
    troubles_.resize(free_.num_nodes());
    in_service_ = empty_;
    drain_at_ = drain_racks_at;
    if (!free_.is_mixed() && free_.has_racks()) failed_in_.assign(free_.where().num_racks(), 0);
    closings_ = std::move(planned);
    over_.assign(closings_.size(), false);
    numbers_.resize(closings_.size());
    std::iota(numbers_.begin(), numbers_.end(), std::size_t{0});
    for (std::uint32_t row = 0; row != free_.num_nodes(); ++row) find_next_closing(node_id{row});
    for (std::uint32_t k = 0; k != closings_.size(); ++k) {
        AMPACITY_ASSERT(closings_[k].start < closings_[k].end && !closings_[k].nodes.empty());
        AMPACITY_ASSERT(k == 0 || closings_[k - 1].start <= closings_[k].start);
        later_.push_back(later_.empty() ? free_ : later_.back());
        for (const node_id n : closings_[k].nodes) later_.back().set_in_service(n, false);
    }
    find_horizons();
}

void fleet_state::find_next_closing(node_id node) {
    std::uint32_t next = no_closing;
    for (auto k = static_cast<std::uint32_t>(begun_); k != closings_.size() && next == no_closing; ++k) {
        if (std::binary_search(closings_[k].nodes.begin(), closings_[k].nodes.end(), node)) next = k;
    }
    troubles_[index(node)].next_closing = next;
}

bool fleet_state::drains(node_id node) const {
    if (drain_at_ == 0 || !free_.has_racks()) return false;
    const std::uint32_t rack = free_.where().rack_of(node);
    return std::uint64_t{failed_in_[rack]} * 1'000'000 >= std::uint64_t{drain_at_} * free_.where().rack_at(rack).nodes;
}

/// Brings a node's state, and what the indexes offer of it, into line with its troubles.
void fleet_state::refresh(node_id node) {
    const troubles& t = troubles_[index(node)];
    node_state to = t.closings != 0 ? node_state::closed : node_state::up;
    // A closed node is one that comes back when its time is over.
    if (drains(node)) to = node_state::draining;
    if (t.failures != 0) to = node_state::down;
    if (t.is_to_come) to = node_state::uncommissioned;
    set_state(node, to);
    for (std::size_t i = 0; i != later_.size(); ++i)
        later_[i].set_in_service(node, to == node_state::up && t.next_closing > begun_ + i);
}

void fleet_state::find_horizons() {
    horizons_.clear();
    if (num_over_ == closings_.size()) return;
    for (std::size_t i = 0; i != later_.size() + 1; ++i) {
        horizons_.push_back({.until = i == later_.size() ? never : closings_[begun_ + i].start,
                             .free = i == 0 ? &free_ : &later_[i - 1]});
    }
}

void fleet_state::begin_closing() {
    const closing& c = closings_[begun_++];
    later_.erase(later_.begin());
    for (const node_id n : c.nodes) {
        ++troubles_[index(n)].closings;
        find_next_closing(n);
        refresh(n);
        if (c.lent) lend(n, true);
    }
    find_horizons();
}

void fleet_state::end_closing(std::size_t number) {
    const auto row = static_cast<std::size_t>(std::find(numbers_.begin(), numbers_.end(), number) - numbers_.begin());
    AMPACITY_ASSERT(number != of_retirement && row < begun_ && !over_[row]);
    end_row(row);
    for (const node_id n : closings_[row].nodes) {
        --troubles_[index(n)].closings;
        if (closings_[row].lent) lend(n, false);
        refresh(n);
    }
    find_horizons();
}

void fleet_state::end_row(std::size_t row) {
    over_[row] = true;
    while (num_over_ != begun_ && over_[num_over_]) ++num_over_;
}

void fleet_state::announce(closing c) {
    AMPACITY_ASSERT(c.end == never);
    announce(std::move(c), of_retirement);
}

void fleet_state::announce(closing c, std::size_t number) {
    AMPACITY_ASSERT(!troubles_.empty() && !free_.is_mixed() && c.start < c.end && !c.nodes.empty());
    auto row = static_cast<std::uint32_t>(begun_);
    while (row != closings_.size() && std::pair(closings_[row].start, numbers_[row]) < std::pair(c.start, number))
        ++row;
    for (troubles& t : troubles_) {
        if (t.next_closing != no_closing && t.next_closing >= row) ++t.next_closing;
    }
    for (const node_id n : c.nodes) {
        std::uint32_t& next = troubles_[index(n)].next_closing;
        next = std::min(next, row);
    }
    const std::size_t k = row - begun_;
    later_.insert(later_.begin() + static_cast<std::ptrdiff_t>(k), k == 0 ? free_ : later_[k - 1]);
    for (std::size_t i = k; i != later_.size(); ++i) {
        for (const node_id n : c.nodes) later_[i].set_in_service(n, false);
    }
    over_.insert(over_.begin() + row, false);
    numbers_.insert(numbers_.begin() + row, number);
    closings_.insert(closings_.begin() + row, std::move(c));
    find_horizons();
}

void fleet_state::retire(std::span<const node_id> nodes, bool announced) {
    if (announced) {
        later_.erase(later_.begin());
        ++begun_;
        end_row(begun_ - 1);
    }
    for (const node_id n : nodes) {
        troubles_[index(n)].is_to_come = true;
        if (announced) find_next_closing(n);
        refresh(n);
    }
    find_horizons();
}

void fleet_state::fail(std::span<const node_id> nodes) {
    AMPACITY_ASSERT(!troubles_.empty());
    for (const node_id n : nodes) {
        if (++troubles_[index(n)].failures == 1) count_failed(n, true);
    }
    for (const node_id n : nodes) refresh(n);
}

void fleet_state::repair(std::span<const node_id> nodes) {
    for (const node_id n : nodes) {
        AMPACITY_ASSERT(troubles_[index(n)].failures != 0);
        if (--troubles_[index(n)].failures == 0) count_failed(n, false);
    }
    for (const node_id n : nodes) refresh(n);
}

void fleet_state::uncommission(std::span<const node_id> nodes) {
    AMPACITY_ASSERT(!troubles_.empty());
    for (const node_id n : nodes) {
        troubles_[index(n)].is_to_come = true;
        refresh(n);
    }
}

void fleet_state::commission(std::span<const node_id> nodes) {
    for (const node_id n : nodes) {
        AMPACITY_ASSERT(troubles_[index(n)].is_to_come);
        troubles_[index(n)].is_to_come = false;
        refresh(n);
    }
}

/// One more or fewer node of its rack has failed; the others may have to drain, or no longer.
void fleet_state::count_failed(node_id node, bool failed) {
    if (failed_in_.empty()) return;
    const std::uint32_t rack = free_.where().rack_of(node);
    failed ? ++failed_in_[rack] : --failed_in_[rack];
    if (drain_at_ == 0) return;
    const topology::rack& r = free_.where().rack_at(rack);
    for (std::uint32_t i = 0; i != r.nodes; ++i) {
        if (troubles_[r.first_node + i].failures == 0) refresh(node_id{r.first_node + i});
    }
}

void fleet_state::book(ledger& books) const {
    books.capacity += capacity_;
    books[account::idle] += booked_[static_cast<std::size_t>(node_state::up)];
    books[account::draining] += booked_[static_cast<std::size_t>(node_state::draining)];
    books[account::down] += booked_[static_cast<std::size_t>(node_state::down)];
    books[account::down] += booked_[static_cast<std::size_t>(node_state::closed)];
    books[account::uncommissioned] += booked_[static_cast<std::size_t>(node_state::uncommissioned)];
}

}  // namespace ampacity::fleet
