#include <ampacity/core/error.hpp>
#include <ampacity/experiment/run_sweep.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace ampacity::experiment {
namespace {

using steady = std::chrono::steady_clock;

/// Results on their way from the workers to the writer.
class mailbox {
public:
    void put(trial_result r) {
        {
            const std::lock_guard lock{mutex_};
            results_.push_back(std::move(r));
        }
        filled_.notify_one();
    }
    void leave() {
        {
            const std::lock_guard lock{mutex_};
            --workers_;
        }
        filled_.notify_one();
    }
    /// What has come within a tenth of a second; the flag: whether more may come.
    std::pair<std::vector<trial_result>, bool> take() {
        std::unique_lock lock{mutex_};
        filled_.wait_for(lock, std::chrono::milliseconds{100}, [&] { return !results_.empty() || workers_ == 0; });
        return {std::exchange(results_, {}), workers_ != 0};
    }

    explicit mailbox(unsigned workers) : workers_(workers) {}

private:
    std::mutex mutex_;
    std::condition_variable filled_;
    std::vector<trial_result> results_;
    unsigned workers_;
};

/// Sets a flag at the end of its life, before the threads that look at it are waited for.
class stop_at_end {
public:
    explicit stop_at_end(std::atomic<bool>& flag) : flag_(flag) {}
    stop_at_end(const stop_at_end&) = delete;
    stop_at_end& operator=(const stop_at_end&) = delete;
    ~stop_at_end() { flag_ = true; }

private:
    std::atomic<bool>& flag_;
};

class sweeper {
public:
    sweeper(const sweep& s, const trial_runner& runner, result_store& store, const sweep_options& options)
        : sweep_(s), runner_(runner), store_(store), options_(options) {}

    sweep_outcome run() {
        const std::uint64_t most = sweep_.described.replications;
        if (!sweep_.until) {
            run_up_to(most);
        } else {
            for (std::uint64_t n = stopping_rule::least; !outcome_.interrupted; n = next_look(n)) {
                run_up_to(n);
                if (n == most || (!outcome_.interrupted && met(n))) break;
            }
        }
        if (!failures_.empty()) outcome_.first_error = failures_.begin()->second;
        return outcome_;
    }

private:
    [[nodiscard]] std::uint64_t next_look(std::uint64_t n) const {
        return std::min<std::uint64_t>(sweep_.described.replications,
                                       stopping_rule::next_look(static_cast<std::uint32_t>(n)));
    }

    /// Have all variants a mean that is good enough after n replications?
    [[nodiscard]] bool met(std::uint64_t n) const {
        const auto all = store_.values(sweep_.until->metric);
        return std::all_of(sweep_.variants.begin(), sweep_.variants.end(), [&](const variant& v) {
            const auto of = all.find(v.key);
            if (of == all.end()) return false;
            std::vector<double> values;
            for (const auto& [replication, value] : of->second) {
                if (replication < n) values.push_back(value);
            }
            return sweep_.until->met_by(values);
        });
    }

    void run_up_to(std::uint64_t replications) {
        outcome_.replications = replications;
        const auto done = store_.done();
        std::vector<trial> list = trials_of(sweep_, replications, options_.part);
        state().trials = list.size();
        std::erase_if(list, [&](const trial& t) {
            return done.count({sweep_.variants[t.variant].key, t.replication}) != 0 ||
                   failures_.count(order_of(t)) != 0;
        });
        state().ended = state().trials - list.size();
        left_ = list.size();
        run_all(list);
    }

    void run_all(const std::vector<trial>& list) {
        const unsigned workers = std::max(
            1U, std::min(options_.threads, static_cast<unsigned>(std::min<std::size_t>(list.size(), 1U << 16U))));
        mailbox box(workers);
        std::atomic<std::size_t> next{0};
        std::atomic<bool> stop{false};
        std::vector<std::jthread> threads;
        const stop_at_end guard(stop);
        for (unsigned t = 0; t != workers; ++t) {
            threads.emplace_back([&] {
                for (std::size_t i = next++; i < list.size() && !stop; i = next++) box.put(runner_.run(list[i], stop));
                box.leave();
            });
        }
        for (bool more = true; more;) {
            auto [results, still] = box.take();
            more = still;
            for (const trial_result& r : results) {
                take(r);
                if (!watch()) stop = outcome_.interrupted = true;
            }
            if (results.empty() && !watch()) stop = outcome_.interrupted = true;
        }
        for (auto& t : threads) t.join();
        // Whoever stops too late has stopped nothing.
        outcome_.interrupted = outcome_.interrupted && left_ != 0;
    }

    void take(const trial_result& r) {
        if (r.status == trial_status::stopped) return;
        store_.add(r, sweep_.variants[r.which.variant]);
        ++state().ended;
        ++state().ended_here;
        --left_;
        if (r.status != trial_status::failed) return;
        ++state().failed;
        failures_.emplace(order_of(r.which), r.error);
    }

    bool watch() {
        sweep_state& s = state();
        s.wall_s = std::chrono::duration<double>(steady::now() - begin_).count();
        s.left_s.reset();
        if (s.ended_here != 0)
            s.left_s = s.wall_s / static_cast<double>(s.ended_here) * static_cast<double>(s.trials - s.ended);
        return !options_.watch || options_.watch(s);
    }

    static std::pair<std::uint64_t, std::size_t> order_of(const trial& t) { return {t.replication, t.variant}; }
    sweep_state& state() { return outcome_.state; }

    const sweep& sweep_;
    const trial_runner& runner_;
    result_store& store_;
    const sweep_options& options_;
    steady::time_point begin_ = steady::now();
    sweep_outcome outcome_{};
    std::size_t left_ = 0;
    std::map<std::pair<std::uint64_t, std::size_t>, std::string> failures_;
};

}  // namespace

std::vector<trial> trials_of(const sweep& s, std::uint64_t replications, const shard& part) {
    std::vector<trial> out;
    std::uint64_t number = 0;
    for (std::uint64_t r = 0; r != replications; ++r) {
        for (std::size_t v = 0; v != s.variants.size(); ++v) {
            if (number++ % part.of == part.number - 1) out.push_back({v, r});
        }
    }
    return out;
}

sweep_outcome run_sweep(const sweep& s, const trial_runner& runner, result_store& store, const sweep_options& options) {
    AMPACITY_ASSERT(options.part.of >= 1 && options.part.number >= 1 && options.part.number <= options.part.of);
    if (s.until && options.part.of != 1)
        throw scenario_error({s.described.at_until, "until", "cannot be told from a part of the trials",
                              s.described.until, "remove it, or run the sweep in one piece"});
    return sweeper(s, runner, store, options).run();
}

}  // namespace ampacity::experiment
