#include "held_jobs.hpp"

#include <ampacity/core/decimal.hpp>

namespace ampacity::sim {

bool held_jobs::submit(const workload::job_request& r, round_at at) {
    const auto key = holds::key_of(r.source, r.row);
    switch (holds_->submit(r, key, at.now, [this](holds::key k) { return ending_of(k); })) {
        case holds::answer::enters: return true;
        case holds::answer::waits:
            jobs_.record(r, r.source);
            asked_of(key) = never;
            tell(at.now);
            break;
        case holds::answer::refused:
            jobs_.record(r, r.source);
            refuse(r, holds_->because(), at.now);
            left(key, outcome::rejected, at);
            break;
    }
    return false;
}

std::optional<workload::job_request> held_jobs::next_entering(round_at at, holds::key before) {
    auto job = holds_->next_entering(at.now, at.round, before);
    if (!job) return std::nullopt;
    asked_of(job->self) = job->request.submit;
    job->request.submit = at.now;
    return job->request;
}

void held_jobs::left(holds::key key, outcome how, round_at at) {
    if (how == outcome::rejected) refused_.emplace(key, at.now);
    if (!holds_) return;
    holds_->left(key, {how, at.now}, at.round);
    while (const auto job = holds_->next_refused()) {
        refuse(job->request, job->because, at.now);
        refused_.emplace(job->self, at.now);
        holds_->left(job->self, {outcome::rejected, at.now}, at.round);
    }
    tell(at.now);
}

void held_jobs::tell(instant now) {
    if (!tell_.is_silent()) {
        for (const std::uint32_t at : holds_->changed()) {
            if (holds_->holds_at(at)) tell_.hold(holds_->request(at), now, text_of(holds_->why_held(at, now)));
        }
    }
    holds_->forget_changes();
}

job_times held_jobs::times(std::size_t source, std::uint64_t row) const {
    const job_record& r = jobs_.all_records(source).jobs[row];
    const bool held = source < asked_.size() && row < asked_[source].size() && asked_[source][row] != unset;
    if (!held) return {.submit = r.submit, .eligible = r.state == outcome::rejected ? unset : r.submit};
    const instant asked = asked_[source][row];
    return asked == never ? job_times{.submit = r.submit, .eligible = unset}
                          : job_times{.submit = asked, .eligible = r.submit};
}

/// A job that never enters the queue, as another did not finish.
void held_jobs::refuse(const workload::job_request& r, holds::key because, instant now) {
    jobs_.record_at(holds::key_of(r.source, r.row)).state = outcome::rejected;
    if (tell_.is_silent()) return;
    tell_.refuse(r, now,
                 "waits for job " + name_of(because) + " to finish, which was " +
                     (jobs_.record_at(because).state == outcome::killed ? "killed" : "rejected"));
}

/// How and when a job has ended, if it has.
std::optional<ending> held_jobs::ending_of(holds::key key) const {
    const auto rows = jobs_.all_records(key >> holds::row_bits).jobs;
    const std::uint64_t row = key & holds::row_mask;
    if (row >= rows.size() || rows[row].submit == unset || rows[row].state == outcome::unfinished) return std::nullopt;
    if (rows[row].state != outcome::rejected) return ending{rows[row].state, rows[row].finish};
    const auto at = refused_.find(key);
    return ending{outcome::rejected, at != refused_.end() ? at->second : rows[row].submit};
}

instant& held_jobs::asked_of(holds::key key) {
    const std::size_t source = key >> holds::row_bits;
    if (asked_.size() <= source) asked_.resize(jobs_.num_sources());
    asked_[source].grow_to((key & holds::row_mask) + 1, unset);
    return asked_[source][key & holds::row_mask];
}

std::string held_jobs::text_of(const holds::why& w) const {
    using kind = holds::why::kind;
    if (w.what == kind::think) return "think time until " + format_ns_as_seconds(ticks(w.until)) + " s";
    if (w.what == kind::array) {
        return "as many tasks of its array are in the system as are allowed (" + std::to_string(w.links->array_limit) +
               ")";
    }
    std::uint64_t others = 0;
    std::string out;
    for (const workload::dependency& d : w.links->after) {
        if (ending_of(holds::key_of(w.source, d.row))) continue;
        if (!out.empty()) {
            ++others;
            continue;
        }
        out = "waits for job " + name_of_row(w.source, d.row) +
              (d.kind == workload::dependency_kind::after_ok ? " to finish" : " to end");
    }
    if (others != 0) out += ", and for " + std::to_string(others) + " more";
    return out;
}

std::string held_jobs::name_of(holds::key key) const {
    const job_record& r = jobs_.record_at(key);
    return r.name_is_text ? std::string{feed_.source(key >> holds::row_bits).text(r.name)} : std::to_string(r.name);
}

/// Also of a job that has not been submitted yet.
std::string held_jobs::name_of_row(std::uint16_t source, std::uint64_t row) const {
    const auto rows = jobs_.all_records(source).jobs;
    if (row >= rows.size() || rows[row].submit == unset) return "of row " + std::to_string(row);
    return name_of(holds::key_of(source, row));
}

}  // namespace ampacity::sim
