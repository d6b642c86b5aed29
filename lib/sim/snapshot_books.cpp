#include "snapshot_books.hpp"

#include <algorithm>
#include <iterator>

namespace ampacity::sim {

snapshot_books::snapshot_books(std::vector<fleet_group> groups, std::vector<instant> at)
    : groups_(std::move(groups)), at_(std::move(at)) {
    for (std::uint32_t g = 0; g != groups_.size(); ++g) {
        if (groups_[g].nodes != 0) group_at_.emplace_back(groups_[g].first_node, g);
        standing_.push_back({.at = start_of_time, .group = g, .gpus = static_cast<std::int64_t>(groups_[g].gpus)});
    }
    std::sort(group_at_.begin(), group_at_.end());
}

void snapshot_books::note(instant now, std::span<const node_id> nodes, const fleet::fleet_state& of, bool come) {
    if (group_at_.empty()) return;
    for (const node_id n : nodes) {
        const std::pair key{static_cast<std::uint32_t>(index(n)), ~std::uint32_t{0}};
        const std::uint32_t group = std::prev(std::upper_bound(group_at_.begin(), group_at_.end(), key))->second;
        const auto gpus = static_cast<std::int64_t>(of.free().gpus_of(n));
        auto step = standing_.rbegin();
        while (step != standing_.rend() && step->at == now && step->group != group) ++step;
        if (step == standing_.rend() || step->at != now) {
            standing_.push_back({.at = now, .group = group});
            step = standing_.rbegin();
        }
        step->gpus += come ? gpus : -gpus;
    }
}

void snapshot_books::finish(summary& of, const energy_meter* energy, instant end) {
    of.groups = std::move(groups_);
    of.standing = std::move(standing_);
    if (at_.empty()) return;
    of.snapshots = std::move(taken_);
    // A run that is cut short ends where the last event was.
    std::erase_if(of.snapshots, [end](const snapshot& s) { return s.at >= end; });
    snapshot last{.at = end, .books = of.books, .interruptions = interruptions_};
    if (energy != nullptr) last.sites = energy->books_at(end);
    for (const site_result& s : of.sites) last.counts.push_back(s.count);
    for (const service_result& s : of.services)
        last.services.push_back({.requests = s.requests,
                                 .finished = s.finished,
                                 .prompt_tokens = s.prompt_tokens,
                                 .output_tokens = s.output_tokens});
    of.snapshots.push_back(std::move(last));
}

}  // namespace ampacity::sim
