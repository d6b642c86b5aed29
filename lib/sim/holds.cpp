#include "holds.hpp"

#include <algorithm>

namespace ampacity::sim {

bool holds::take_place(const workload::job_request& r, key self) {
    if (r.links->array == 0 || r.links->array_limit == 0) return true;
    array& a = array_of(r);
    if (a.inside >= r.links->array_limit) return false;
    ++a.inside;
    tasks_.emplace(self, array_key(r));
    return true;
}

std::uint32_t holds::keep(const held_job& h) {
    ++num_held_;
    std::uint32_t at = 0;
    if (free_.empty()) {
        at = static_cast<std::uint32_t>(held_.size());
        held_.push_back(h);
    } else {
        at = free_.back();
        free_.pop_back();
        held_[at] = h;
    }
    changed_.push_back(at);
    return at;
}

holds::leaving holds::let_go(std::uint32_t at) {
    held_job& h = held_[at];
    const leaving out{.request = h.request, .self = h.self};
    h.self = nobody;
    free_.push_back(at);
    --num_held_;
    return out;
}

void holds::add_due(const due_job& d) {
    due_.push_back(d);
    std::push_heap(due_.begin(), due_.end(), later);
}

void holds::left(key self, ending how, std::uint64_t round) {
    if (const auto task = tasks_.find(self); task != tasks_.end()) {
        array& a = arrays_.at(task->second);
        tasks_.erase(task);
        --a.inside;
        if (!a.line.empty()) {
            const std::uint32_t at = a.line.front();
            a.line.pop_front();
            held_[at].has_place = take_place(held_[at].request, held_[at].self);
            fresh_.push_back({round, at});
        }
    }
    const auto followers = followers_.find(self);
    if (followers == followers_.end()) return;
    for (const follower& f : followers->second) {
        held_job& h = held_[f.at];
        if (h.self != f.self || h.open == 0) continue;
        if (breaks(f.kind, how.how)) {
            h.open = 0;  // so that it is refused once
            refused_.emplace_back(f.at, self);
            continue;
        }
        h.ready = std::max(h.ready, add_saturating(how.at, h.request.links->think));
        if (--h.open != 0) continue;
        if (h.ready <= how.at) {
            fresh_.push_back({round, f.at});
        } else {
            add_due({h.ready, h.self, f.at});
            changed_.push_back(f.at);
        }
    }
    followers_.erase(followers);
}

std::optional<holds::leaving> holds::next_refused() {
    if (refused_.empty()) return std::nullopt;
    const auto [at, because] = refused_.front();
    refused_.pop_front();
    leaving out = let_go(at);
    out.because = because;
    return out;
}

std::optional<holds::leaving> holds::next_entering(instant now, std::uint64_t round, key before) {
    for (; !fresh_.empty() && fresh_.front().round < round; fresh_.pop_front()) {
        add_due({now, held_[fresh_.front().held].self, fresh_.front().held});
    }
    while (!due_.empty() && due_.front().at <= now && due_.front().self < before) {
        const std::uint32_t at = due_.front().held;
        std::pop_heap(due_.begin(), due_.end(), later);
        due_.pop_back();
        held_job& h = held_[at];
        if (h.has_place || take_place(h.request, h.self)) return let_go(at);
        array_of(h.request).line.push_back(at);
        changed_.push_back(at);
    }
    return std::nullopt;
}

}  // namespace ampacity::sim
