#include "why_command.hpp"

#include "loading.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/io/prepare.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/sim/wait_recorder.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace ampacity::cli {
namespace {

std::string seconds(duration d) { return format_ns_as_seconds(ticks(d)); }
std::string seconds(instant t) { return format_ns_as_seconds(ticks(t)); }

std::string count_of_gpus(std::uint32_t n) { return fmt::format("{} GPU{}", n, n == 1 ? "" : "s"); }

/// Follows one job and what runs while it waits.
class inquiry final : public sim::observer {
public:
    /// A run of the job, or how it left.
    struct entry {
        instant at{};
        std::string text;
    };
    struct holder {
        gpu_time time = 0;  ///< while the job waited [GPU-ns]
        std::uint32_t gpus = 0;
    };
    using label = std::tuple<std::uint16_t, bool, std::int64_t>;

    explicit inquiry(std::string name) : name_(std::move(name)) {}

    void watch(const sim::simulation& s) noexcept { simulation_ = &s; }
    [[nodiscard]] bool is(const sim::job_event& e) const { return job_ != none<job_id> && e.job == job_; }
    [[nodiscard]] bool found() const noexcept { return submitted_.has_value(); }
    [[nodiscard]] bool over() const noexcept { return over_; }
    [[nodiscard]] std::string text(std::uint16_t source, bool is_text, std::int64_t name) const {
        return is_text ? std::string{simulation_->source(source).text(name)} : std::to_string(name);
    }

    void on_hold(const sim::job_event& e) override {
        if (over_ || job_ != none<job_id> || text(e.source, e.name_is_text, e.name) != name_) return;
        if (!found()) {
            submitted_ = e.at;
            gpus_ = e.gpus;
            source_ = e.source;
        }
        is_held_ = true;
        story_.push_back({e.at, "not in the queue: " + std::string{e.reason}});
    }
    void on_submit(const sim::job_event& e) override {
        if (found() && !is_held_) return;
        if (text(e.source, e.name_is_text, e.name) != name_) return;
        if (!std::exchange(is_held_, false)) submitted_ = e.at;
        if (e.job != none<job_id> && e.at != *submitted_) story_.push_back({e.at, "enters the queue"});
        gpus_ = e.gpus;
        source_ = e.source;
        job_ = e.job;
        if (job_ == none<job_id>) {
            over_ = true;
            story_.push_back({e.at, "rejected: " + std::string{e.reason}});
            return;
        }
        waiting_since_ = e.at;
    }
    void on_reject(const sim::job_event& e) override {
        if (!is(e)) return;
        end_wait(e.at);
        leave(e.at, "rejected by the policy");
    }
    void on_start(const sim::job_start& e) override {
        if (is(e)) {
            end_wait(e.at);
            story_.push_back({e.at, e.gpus == gpus_ ? "started" : "started on " + count_of_gpus(e.gpus)});
        } else {
            running_[e.job] = {.of = {e.source, e.name_is_text, e.name}, .gpus = e.gpus, .since = e.at};
        }
    }
    void on_stop(const sim::job_event& e, sim::run_end how) override {
        if (!is(e)) {
            const auto run = running_.find(e.job);
            if (run == running_.end()) return;
            if (waiting_since_) book(run->second, e.at);
            running_.erase(run);
        } else if (sim::waits_again(how)) {
            waiting_since_ = e.at;
            story_.push_back({e.at, how == sim::run_end::failed ? "stopped: its nodes failed" : "preempted"});
        } else if (how == sim::run_end::unfinished) {
            leave(e.at, "still running at the end of the run");
        } else {
            leave(e.at, how == sim::run_end::killed ? "killed" : "finished");
        }
    }
    void on_resize(const sim::job_event& before, const sim::job_event& after) override {
        if (is(after)) {
            story_.push_back({after.at, fmt::format("resized from {} to {}", before.gpus, count_of_gpus(after.gpus))});
            return;
        }
        const auto run = running_.find(after.job);
        if (run == running_.end()) return;
        if (waiting_since_) book(run->second, after.at);
        run->second.gpus = after.gpus;
        run->second.since = after.at;
    }
    /// The simulation has ended.
    void finish(instant end) {
        if (is_held_) leave(end, "still not in the queue at the end of the run");
        if (!waiting_since_) return;
        end_wait(end);
        leave(end, "still waiting at the end of the run");
    }

    void on_stretch(const sim::wait_stretch& w) { stretches_.push_back(w); }

    [[nodiscard]] const std::vector<entry>& story() const noexcept { return story_; }
    [[nodiscard]] const std::vector<sim::wait_stretch>& stretches() const noexcept { return stretches_; }
    [[nodiscard]] const std::map<label, holder>& held() const noexcept { return held_; }
    [[nodiscard]] instant submitted() const noexcept { return *submitted_; }
    [[nodiscard]] std::uint32_t gpus() const noexcept { return gpus_; }
    [[nodiscard]] std::uint16_t source() const noexcept { return source_; }
    [[nodiscard]] duration waited() const noexcept { return waited_; }

private:
    struct other_run {
        label of{};
        std::uint32_t gpus = 0;
        instant since{};
    };

    void book(const other_run& r, instant to) {
        const instant from = std::max(r.since, *waiting_since_);
        if (from == to) return;
        holder& h = held_[r.of];
        h.time += gpu_time{ticks(to - from)} * r.gpus;
        h.gpus = r.gpus;
    }
    void end_wait(instant at) {
        for (const auto& [job, r] : running_) book(r, at);
        waited_ += at - *waiting_since_;
        waiting_since_.reset();
    }
    void leave(instant at, std::string how) {
        over_ = true;
        job_ = none<job_id>;
        story_.push_back({at, std::move(how)});
    }

    std::string name_;
    const sim::simulation* simulation_ = nullptr;
    job_id job_ = none<job_id>;
    bool over_ = false;
    bool is_held_ = false;  // it has been submitted, but is not in the queue yet
    std::optional<instant> submitted_;
    std::optional<instant> waiting_since_;
    duration waited_{};
    std::uint32_t gpus_ = 0;
    std::uint16_t source_ = 0;
    std::map<job_id, other_run> running_;
    std::map<label, holder> held_;
    std::vector<entry> story_;
    std::vector<sim::wait_stretch> stretches_;
};

std::string free_text(const sim::wait_stretch& w) {
    return w.least_free == w.most_free ? fmt::format("{}", w.least_free)
                                       : fmt::format("{} to {}", w.least_free, w.most_free);
}

/// A stretch of the story; of a short story one for several blockers.
struct chapter {
    sim::wait_stretch stretch;
    std::size_t others = 0;  ///< blockers after the first
};

std::string why_text(const chapter& c, const inquiry& q) {
    const sim::wait_stretch& w = c.stretch;
    const auto blockers = [&] {
        const std::string first = q.text(w.blocker.source, w.blocker.name_is_text, w.blocker.name);
        return c.others == 0 ? first : fmt::format("{}, then {} others", first, c.others);
    };
    const auto planned = [&](const char* what) {
        if (w.why.until == never || c.others != 0) return std::string{};
        return fmt::format("; {} {} s", what, seconds(w.why.until));
    };
    switch (w.why.what) {
        case policy::obstacle::gpus:
            return fmt::format("needs {}, {} free{}", count_of_gpus(w.gpus), free_text(w),
                               planned("its place is planned for"));
        case policy::obstacle::placement:
            return fmt::format("no place for {}, {} free{}", count_of_gpus(w.gpus), free_text(w),
                               planned("its place is planned for"));
        case policy::obstacle::order:
            return fmt::format("behind job {}: without a place, and this policy starts none behind such a job",
                               blockers());
        case policy::obstacle::reservation:
            return fmt::format("fits, {} free, but would delay job {}{}", free_text(w), blockers(),
                               planned("planned for"));
        case policy::obstacle::quota:
            return fmt::format("needs {}, {} free; its group would exceed its quota, so it takes none from others",
                               count_of_gpus(w.gpus), free_text(w));
        case policy::obstacle::lease:
            return fmt::format("no place for {}, {} free{}", count_of_gpus(w.gpus), free_text(w),
                               planned("all are offered again at"));
        case policy::obstacle::checkpoint:
            return fmt::format("needs {}, {} free; waits for jobs that leave at their next checkpoints{}",
                               count_of_gpus(w.gpus), free_text(w), planned("the last of them at"));
        case policy::obstacle::closed:
            return fmt::format("nodes that it needs are out of service{}", planned("some come back at"));
        case policy::obstacle::power:
            return fmt::format("fits, {} free, but {}{} could not carry it{}", free_text(w), w.feed,
                               c.others == 0 ? std::string{} : fmt::format(", then {} others,", c.others),
                               planned("it is limited until"));
        case policy::obstacle::signal: return fmt::format("is held back for a lower signal{}", planned("until"));
        case policy::obstacle::round: return fmt::format("came after the last round{}", planned("the next one is at"));
        case policy::obstacle::closing:
            return fmt::format("fits, {} free, but would run into a reservation{}", free_text(w),
                               planned("nodes that it needs close at"));
        default: return fmt::format("fits, {} free; the policy gives no reason", free_text(w));
    }
}

/// The stretches one by one.
std::vector<chapter> chapters(const inquiry& q) {
    std::vector<chapter> out;
    for (const sim::wait_stretch& w : q.stretches()) out.push_back({.stretch = w});
    return out;
}

/// Neighbours of one reason as one, whoever is in the way.
std::vector<chapter> merged(const std::vector<chapter>& story) {
    std::vector<chapter> out;
    for (const chapter& c : story) {
        const sim::wait_stretch& w = c.stretch;
        if (out.empty() || out.back().stretch.to != w.from || out.back().stretch.why.what != w.why.what) {
            out.push_back(c);
            continue;
        }
        sim::wait_stretch& before = out.back().stretch;
        before.to = w.to;
        before.passes += w.passes;
        before.least_free = std::min(before.least_free, w.least_free);
        before.most_free = std::max(before.most_free, w.most_free);
        ++out.back().others;
    }
    return out;
}

/// What happened to the job, one line each, in order of time.
std::vector<std::string> timeline(const std::vector<chapter>& story, const inquiry& q) {
    std::vector<std::string> lines;
    auto next = q.story().begin();
    const auto told = [&](instant until) {
        for (; next != q.story().end() && next->at <= until; ++next)
            lines.push_back(fmt::format("{:>20}{:>20}{:>8}{:>8}  {}", seconds(next->at), "", "", "", next->text));
    };
    for (const chapter& c : story) {
        const sim::wait_stretch& w = c.stretch;
        told(w.from);
        lines.push_back(fmt::format("{:>20}{:>20}{:>8}{:>8}  {}", seconds(w.from), seconds(w.to - w.from), w.passes,
                                    w.why.ahead, why_text(c, q)));
    }
    told(never);
    return lines;
}

void print_timeline(const inquiry& q, bool all) {
    constexpr std::size_t each_side = 15;
    auto lines = timeline(chapters(q), q);
    if (!all && lines.size() > 2 * each_side + 1) lines = timeline(merged(chapters(q)), q);
    fmt::print("\n{:>20}{:>20}{:>8}{:>8}  why\n", "from [s]", "for [s]", "passes", "ahead");
    for (std::size_t i = 0; i != lines.size(); ++i) {
        if (!all && lines.size() > 2 * each_side + 1 && i == each_side) {
            fmt::print("{:>20}  {} more lines; --all shows them\n", "...", lines.size() - 2 * each_side);
            i = lines.size() - each_side;
        }
        fmt::print("{}\n", lines[i]);
    }
}

double share(gpu_time part, gpu_time whole) { return 100 * static_cast<double>(part) / static_cast<double>(whole); }

void print_totals(const inquiry& q) {
    std::array<duration, policy::obstacle_names.size()> of{};
    for (const sim::wait_stretch& w : q.stretches()) of[static_cast<std::size_t>(w.why.what)] += w.to - w.from;
    fmt::print("\n{:<20}{:>20}{:>9}\n", "reason", "for [s]", "share");
    for (std::size_t i = 0; i != of.size(); ++i) {
        if (of[i] == duration::zero()) continue;
        fmt::print("{:<20}{:>20}{:>7.1f} %\n", policy::obstacle_names[i], seconds(of[i]),
                   share(ticks(of[i]), ticks(q.waited())));
    }
    fmt::print("{:<20}{:>20}\n", "all waiting", seconds(q.waited()));
}

void print_holders(const inquiry& q, std::uint64_t gpus) {
    constexpr std::size_t most = 5;
    std::vector<std::pair<inquiry::label, inquiry::holder>> list(q.held().begin(), q.held().end());
    std::stable_sort(list.begin(), list.end(),
                     [](const auto& a, const auto& b) { return a.second.time > b.second.time; });
    const gpu_time whole = gpu_time{ticks(q.waited())} * static_cast<gpu_time>(gpus);
    fmt::print("\n{:<20}{:>10}{:>14}{:>9}\n", "GPUs meanwhile", "GPUs", "GPU-hours", "share");
    const auto row = [&](const std::string& who, const std::string& n, gpu_time time) {
        fmt::print("{:<20}{:>10}{:>14.2f}{:>7.1f} %\n", who, n, to_gpu_hours(time), share(time, whole));
    };
    gpu_time rest = 0;
    gpu_time busy = 0;
    for (std::size_t i = 0; i != list.size(); ++i) {
        const auto& [who, h] = list[i];
        busy += h.time;
        if (i < most)
            row("job " + q.text(std::get<0>(who), std::get<1>(who), std::get<2>(who)), fmt::format("{}", h.gpus),
                h.time);
        else
            rest += h.time;
    }
    if (list.size() > most) row(fmt::format("{} other jobs", list.size() - most), "", rest);
    row("idle", "", whole - busy);
}

}  // namespace

int why(const why_options& options) {
    const io::plugins more{options.of.plugins};
    const auto loaded = load(options.of, more);
    auto prepared = io::prepare(loaded, &more);
    const std::uint64_t gpus = prepared.parts.fleet.installed_gpus();
    inquiry q(options.job);
    // The inquiry hears first, so that it knows the job when the recorder asks for it.
    sim::wait_recorder recorder([&q](const sim::job_event& e) { return q.is(e); },
                                [&q](const sim::wait_stretch& w) { q.on_stretch(w); });
    sim::explain_to(prepared.parts, recorder);
    prepared.parts.observers = {&q, &recorder};
    sim::simulation s(std::move(prepared.parts));
    q.watch(s);
    with_places(loaded, [&] {
        while (!q.over() && s.step() == sim::status::paused) {
        }
    });
    if (!q.found()) {
        throw scenario_error({.where = {.file = loaded.file, .line = 1, .column = 1},
                              .key = "--job",
                              .what = "no job of this run has this name",
                              .value = options.job,
                              .remedy = "see the job_id column of jobs.csv"});
    }
    const instant end = start_of_time + s.results().simulated;
    recorder.finish(end);
    q.finish(end);
    const auto& sc = loaded.value;
    fmt::print("job {}: {}, submitted at {} s{}; {}  policy {}\n", options.job, count_of_gpus(q.gpus()),
               seconds(q.submitted()), sc.workload.size() > 1 ? fmt::format(" by workload.{}", q.source()) : "",
               sc.name, sc.scheduler.policy);
    print_timeline(q, options.all);
    if (q.waited() == duration::zero()) {
        fmt::print("\nit never waited\n");
        return 0;
    }
    print_totals(q);
    print_holders(q, gpus);
    return 0;
}

}  // namespace ampacity::cli
