#include <ampacity/core/error.hpp>
#include <ampacity/execution/shared_fabric.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace ampacity::execution {

shared_fabric::shared_fabric(std::vector<double> capacity, bool interleave)
    : capacity_(std::move(capacity)), interleave_(interleave) {
    for (const double c : capacity_) AMPACITY_ASSERT(c > 0);
}

void shared_fabric::add(std::uint32_t job, double time_s, double traffic_s, std::span<const use> uses) {
    AMPACITY_ASSERT(find(job) == nullptr && time_s > 0 && traffic_s >= 0);
    std::vector<use> kept;
    if (!spare_.empty()) {
        kept = std::move(spare_.back());
        spare_.pop_back();
    }
    kept.assign(uses.begin(), uses.end());
    users_.push_back({.job = job,
                      .time_s = time_s,
                      .traffic_s = traffic_s,
                      .step_s = time_s,
                      .told_s = time_s,
                      .uses = std::move(kept)});
    share();
}

void shared_fabric::remove(std::uint32_t job) {
    const auto at = std::find_if(users_.begin(), users_.end(), [job](const user& u) { return u.job == job; });
    if (at == users_.end()) return;
    spare_.push_back(std::move(at->uses));
    users_.erase(at);
    share();
}

double shared_fabric::step_s(std::uint32_t job) const {
    const user* const u = find(job);
    AMPACITY_ASSERT(u != nullptr);
    return u->step_s;
}

std::span<const std::uint32_t> shared_fabric::changed() {
    changed_.clear();
    if (std::exchange(is_told_, true)) return changed_;
    for (user& u : users_) {
        if (std::exchange(u.told_s, u.step_s) != u.step_s) changed_.push_back(u.job);
    }
    return changed_;
}

const shared_fabric::user* shared_fabric::find(std::uint32_t job) const {
    const auto at = std::find_if(users_.begin(), users_.end(), [job](const user& u) { return u.job == job; });
    return at == users_.end() ? nullptr : &*at;
}

void shared_fabric::share() {
    is_told_ = false;
    interleave_ ? share_in_turn() : share_by_rate();
}

/// The link on which a fair share is least decides about its users; then the others share what is left.
void shared_fabric::share_by_rate() {
    left_ = capacity_;
    wanted_.assign(capacity_.size(), 0);
    for (const user& u : users_) {
        for (const use& s : u.uses) wanted_[s.link] += s.gpus;
    }
    constexpr double open = 2;
    share_.assign(users_.size(), open);
    for (std::size_t undecided = users_.size(); undecided != 0;) {
        double least = 1;
        std::size_t link = capacity_.size();
        for (std::size_t l = 0; l != capacity_.size(); ++l) {
            if (wanted_[l] <= 0 || left_[l] / wanted_[l] >= least) continue;
            least = left_[l] / wanted_[l];
            link = l;
        }
        const auto is_next = [&](const user& u) {
            return link == capacity_.size() ||
                   std::any_of(u.uses.begin(), u.uses.end(), [link](const use& s) { return s.link == link; });
        };
        for (std::size_t i = 0; i != users_.size(); ++i) {
            if (share_[i] != open || !is_next(users_[i])) continue;
            share_[i] = least;
            --undecided;
            for (const use& s : users_[i].uses) {
                left_[s.link] = std::max(0.0, left_[s.link] - least * s.gpus);
                wanted_[s.link] -= s.gpus;
            }
        }
        if (link != capacity_.size()) wanted_[link] = 0;
    }
    for (std::size_t i = 0; i != users_.size(); ++i)
        users_[i].step_s = users_[i].time_s + users_[i].traffic_s * (1 / share_[i] - 1);
}

/// Each takes as long as alone, or longer by what its links are busy beyond all of the time.
void shared_fabric::share_in_turn() {
    share_.resize(users_.size());
    wanted_.assign(capacity_.size(), 0);
    for (std::size_t i = 0; i != users_.size(); ++i) {
        const user& u = users_[i];
        double slowest = 1;
        for (const use& s : u.uses) slowest = std::max(slowest, s.gpus / capacity_[s.link]);
        share_[i] = u.time_s + u.traffic_s * (slowest - 1);
        for (const use& s : u.uses) wanted_[s.link] += u.traffic_s * s.gpus / capacity_[s.link] / share_[i];
    }
    for (std::size_t i = 0; i != users_.size(); ++i) {
        double busy = 1;
        for (const use& s : users_[i].uses) busy = std::max(busy, wanted_[s.link]);
        users_[i].step_s = share_[i] * busy;
    }
}

}  // namespace ampacity::execution
