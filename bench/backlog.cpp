// What does an event cost when 1e5 jobs wait?
//
// A burst of jobs (jobs.hpp) at time 0 on 1064 GPUs, then arrivals at a load of 1. Timed: events behind the burst, at
// most half as many as jobs wait. No two of them share an instant, so each has a scheduling pass of its own.
// `fifo sjf srtf las srsf qssf gittins` are to cost what they cost with 1e3 waiting; `fifo-skip easy conservative` have
// a limit per pass; the rest has none: by their rules `ftf` and `max-min` look at all that wait. The answer that a fast
// wrong engine fails: EASY starts and ends all jobs of a burst when the walk of the queue does, and at the end of a
// measurement as many jobs are there as should be.

#include "jobs.hpp"
#include "replay_loops.hpp"
#include "table.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace ampacity;
using namespace bench;

/// Jobs at time 0, of which about `waiting` find no place, and half as many behind them.
job_list make_burst(std::uint64_t waiting, estimate_factor estimate) {
    constexpr std::uint64_t at_work = 200;  // as many fill the fleet, on average
    const std::uint64_t burst = waiting + at_work;
    job_list jobs = make_jobs({.jobs = burst + waiting / 2, .load = 1.0, .estimate = estimate});
    const duration end_of_burst = jobs[burst].submit - start_of_time;
    for (std::uint64_t i = 0; i != jobs.size(); ++i) {
        jobs[i].submit = i < burst ? start_of_time : jobs[i].submit - end_of_burst + duration{1};
    }
    return jobs;
}

/// What is measured, and how.
struct load {
    std::string policy;
    std::uint64_t waiting = 0;
    estimate_factor estimate{};
    std::uint64_t most_events = 5'000;
    int repeats = 1;
    bool each = false;  ///< times every event; then for 10 s per repeat at most
};

struct cost {
    double us = 0;          ///< per event: median over the repeats of the mean over the events
    double slowest_us = 0;  ///< event, by the fastest of its repeats; 0 without `each`
    std::uint64_t events = 0;
    std::uint64_t jobs = 0;  ///< that wait or run behind them
};

cost measure(table& t, const load& l) {
    constexpr double patience_s = 10;
    const job_list jobs = make_burst(l.waiting, l.estimate);
    const std::uint64_t events = std::min(l.most_events, l.waiting / 2);
    cost c;
    std::vector<double> means;
    std::vector<double> fastest;  // of the repeats of each event [us]
    for (int i = 0; i != l.repeats; ++i) {
        sim::simulation s = make_engine(a_pool(), built_in(l.policy), jobs);
        s.run_rounds(l.each ? 2 : events / 4);
        const std::uint64_t before = s.events_processed();
        const stopwatch watch;
        if (l.each) {
            for (std::size_t row = 0; s.events_processed() - before < events && watch.s() < patience_s; ++row) {
                const stopwatch one;
                s.step();
                const double us = one.ns() * 1e-3;
                if (row == fastest.size()) fastest.push_back(us);
                fastest[row] = std::min(fastest[row], us);
            }
        } else {
            s.run_rounds(events);
        }
        const double us = watch.ns() * 1e-3;
        c.events = s.events_processed() - before;
        means.push_back(us / static_cast<double>(c.events));
        c.jobs = s.results().unfinished;  // the books balance, too
        t.expect(c.jobs >= l.waiting / 2, l.policy + ": the queue is as long as it should be");
    }
    c.us = median(means);
    if (l.each) c.slowest_us = *std::max_element(fastest.begin(), fastest.end());
    return c;
}

std::string counters(const cost& few, const cost& many) {
    return std::to_string(few.events) + " and " + std::to_string(many.events) + " events, behind which " +
           std::to_string(few.jobs) + " and " + std::to_string(many.jobs) + " jobs wait or run";
}

const char* kind(estimate_factor estimate) { return estimate ? ", x 1..3" : ", exact"; }

void same_cost(table& t, const std::string& policy) {
    const cost few = measure(t, {.policy = policy, .waiting = 1'000, .estimate = loose, .repeats = 21});
    const cost many = measure(t, {.policy = policy, .waiting = 100'000, .estimate = loose, .repeats = 5});
    t.row(policy + ", per event, 1e5 waiting against 1e3", cell{few.us, "us"}, {many.us, "us"}, multiple(2));
    t.note(counters(few, many));
}

void limited(table& t, const std::string& policy, estimate_factor estimate, double limit_us) {
    const cost few = measure(t, {.policy = policy, .waiting = 1'000, .estimate = estimate, .repeats = 21});
    const cost many = measure(t, {.policy = policy, .waiting = 100'000, .estimate = estimate, .repeats = 5});
    t.row(policy + kind(estimate) + ", per pass, 1e5 waiting beside 1e3", cell{few.us, "us"}, {many.us, "us"},
          at_most(limit_us));
    t.note(counters(few, many));
}

/// A policy without a limit.
void unlimited(table& t, const std::string& policy) {
    const cost few = measure(t, {.policy = policy, .waiting = 1'000, .estimate = loose, .repeats = 5});
    const cost many = measure(
        t, {.policy = policy, .waiting = 100'000, .estimate = loose, .most_events = 1'000, .repeats = 1, .each = true});
    t.row(policy + kind(loose) + ", per pass, 1e5 waiting beside 1e3", cell{few.us, "us"}, {many.us, "us"}, multiple());
    t.row(policy + kind(loose) + ", slowest pass, 1e5 waiting", {}, {many.slowest_us, "us"}, multiple());
    t.note(counters(few, many));
}

/// Conservative, whose passes differ a lot: the limit is one for the slowest, too.
void conservative(table& t, estimate_factor estimate) {
    const std::string name = std::string("conservative") + kind(estimate);
    const auto ms = [](double us) { return cell{us * 1e-3, "ms"}; };
    load l{.policy = "conservative", .waiting = 1'000, .estimate = estimate, .repeats = 3, .each = true};
    const cost few = measure(t, l);
    t.row(name + ", mean pass, 1e3 waiting", {}, ms(few.us), at_most(5));
    t.row(name + ", slowest pass, 1e3 waiting", {}, ms(few.slowest_us), at_most(5));
    l.waiting = 100'000;
    l.most_events = 200;
    l.repeats = 1;
    const cost many = measure(t, l);
    t.row(name + ", mean pass, 1e5 waiting beside 1e3", ms(few.us), ms(many.us), at_most(200));
    t.row(name + ", slowest pass, 1e5 waiting beside 1e3", ms(few.slowest_us), ms(many.slowest_us), at_most(200));
    t.note(counters(few, many));
}

/// All of a burst, to its end.
void check_easy(table& t) {
    const job_list jobs = make_burst(5'000, loose);
    sim::simulation ours = make_engine(a_pool(), built_in("easy"), jobs);
    sim::simulation walk = make_engine(a_pool(), std::make_unique<easy_walk>(), jobs);
    for (sim::simulation* const s : {&ours, &walk}) {
        s->run();
        s->results();
    }
    bool same = true;
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        const auto& a = ours.records(0)[i];
        const auto& b = walk.records(0)[i];
        same = same && a.first_start == b.first_start && a.finish == b.finish;
    }
    t.expect(same, "schedule of EASY behind a burst");
}

}  // namespace

int main() {
    table t;
    check_easy(t);
    for (const char* const policy : {"fifo", "sjf", "srtf", "las", "srsf", "qssf", "gittins"}) same_cost(t, policy);
    limited(t, "fifo-skip", loose, 10);
    limited(t, "easy", exact, 20);
    limited(t, "easy", loose, 20);
    for (const char* const policy : {"priority", "drf", "fair-share", "elastic", "max-min", "ftf"})
        unlimited(t, policy);
    conservative(t, exact);
    conservative(t, loose);
    return t.exit_status();
}
