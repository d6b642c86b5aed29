#include <ampacity/sim/wait_recorder.hpp>

#include <algorithm>
#include <utility>

namespace ampacity::sim {

wait_recorder::wait_recorder(choice follow, sink to) : follow_(std::move(follow)), to_(std::move(to)) {}

void wait_recorder::on_submit(const job_event& e) {
    if (e.job == none<job_id>) return;
    if (labels_.size() <= index(e.job)) labels_.resize(index(e.job) + 1);
    labels_[index(e.job)] = {.source = e.source, .name = e.name, .name_is_text = e.name_is_text};
    if (follow_(e)) followed_[e.job] = {.stretch = {.job = labels_[index(e.job)], .gpus = e.gpus}};
}

void wait_recorder::on_stop(const job_event& e, run_end how) {
    if (!waits_again(how)) followed_.erase(e.job);
}

void wait_recorder::on_pass(const policy::policy::view& v, const policy::policy::plan& p,
                            const policy::policy& decided_by) {
    for (auto& [job, f] : followed_) {
        // Each partition shows its own jobs.
        if (index(job) >= v.jobs.size() || v[job].state != policy::job_state::queued) continue;
        policy::reason why = decided_by.explain(v, p, job);
        policy::look_for_closed(v, job, why);
        wait_stretch& s = f.stretch;
        if (why.what == policy::obstacle::unchanged && f.open) continue;
        const job_label blocker = why.blocker == none<job_id> ? job_label{} : labels_[index(why.blocker)];
        const bool other_feed = why.what == policy::obstacle::power && s.why.feed != why.feed;
        if (!f.open || s.why.what != why.what || s.why.blocker != why.blocker || s.blocker != blocker || other_feed) {
            end_stretch(f, v.now);
            f.open = true;
            s.from = v.now;
            s.why = why;
            s.blocker = blocker;
            s.feed = why.what == policy::obstacle::power ? v.headroom.facts->name(why.feed) : std::string{};
            s.passes = 0;
            s.least_free = s.most_free = why.free_gpus;
            s.gpus = why.gpus != 0 ? why.gpus : v[job].demand.gpus;
        }
        ++s.passes;
        s.least_free = std::min(s.least_free, why.free_gpus);
        s.most_free = std::max(s.most_free, why.free_gpus);
    }
}

void wait_recorder::finish(instant end) {
    for (auto& [job, f] : followed_) end_stretch(f, end);
    followed_.clear();
}

void wait_recorder::close(job_id job, instant at) {
    if (const auto f = followed_.find(job); f != followed_.end()) end_stretch(f->second, at);
}

void wait_recorder::end_stretch(followed& f, instant at) {
    if (!std::exchange(f.open, false)) return;
    f.stretch.to = at;
    if (f.stretch.to != f.stretch.from) to_(f.stretch);
}

}  // namespace ampacity::sim
