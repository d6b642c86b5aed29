#include "trial_session.hpp"

#include <algorithm>

namespace ampacity::experiment {
namespace {

/// Results of so long are written in one transaction: what a trial costs beside its run, and what a killed sweep loses.
constexpr std::chrono::milliseconds gathering{20};

}  // namespace

trial_session::trial_session(const sweep& s, const trial_runner& runner, result_store& store,
                             const sweep_options& options)
    : sweep_(s), store_(store), options_(options) {
    const unsigned threads = std::max(1U, options.threads);
    if (options.others != nullptr)
        crew_ = make_rank_crew(*options.others, runner, threads, options.fingerprint);
    else
        crew_ = std::make_unique<thread_crew>(runner, threads, gathering);
}

bool trial_session::run(std::vector<trial> list, std::size_t trials) {
    const auto done = store_.done();
    const std::size_t all = list.size();
    std::erase_if(list, [&](const trial& t) {
        return done.count({sweep_.variants[t.variant].key, t.replication}) != 0 || failures_.count(order_of(t)) != 0;
    });
    state_.trials = trials;
    state_.ended = all - list.size();
    crew_->add(list);
    std::size_t left = list.size();
    bool stopped = false;
    do {
        auto results = crew_->take(std::chrono::milliseconds{100});
        std::erase_if(results, [](const trial_result& r) { return r.status == trial_status::stopped; });
        store_.add(results, sweep_.variants);
        left -= results.size();
        for (const trial_result& r : results) {
            count(r);
            stopped = !goes_on() || stopped;
        }
        if (results.empty()) stopped = !goes_on() || stopped;
        if (stopped) crew_->stop();
    } while (crew_->open() != 0);
    // Whoever stops too late has stopped nothing.
    interrupted_ = left != 0;
    return !interrupted_;
}

void trial_session::count(const trial_result& r) {
    ++state_.ended;
    ++state_.ended_here;
    if (r.status == trial_status::failed) {
        ++state_.failed;
        failures_.emplace(order_of(r.which), r.error);
    }
}

bool trial_session::goes_on() {
    sweep_state& s = state_;
    s.wall_s = std::chrono::duration<double>(steady::now() - begin_).count();
    s.left_s.reset();
    if (s.ended_here != 0 && s.trials >= s.ended)
        s.left_s = s.wall_s / static_cast<double>(s.ended_here) * static_cast<double>(s.trials - s.ended);
    return !crew_->is_interrupted() && (!options_.watch || options_.watch(s));
}

}  // namespace ampacity::experiment
