#include "crew.hpp"
#include "rank_messages.hpp"

#include <ampacity/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace ampacity::experiment {
namespace {

using std::chrono::microseconds;

/// How long to wait between two looks for messages: short while there are some, longer when nothing happens.
class patience {
public:
    [[nodiscard]] microseconds next(bool something_came) {
        quiet_ = something_came ? 0 : std::min(quiet_ + 1, 100U);
        return microseconds{quiet_ < 100 ? 500 : 5'000};
    }

private:
    unsigned quiet_ = 0;
};

/// One rank as rank 0 sees it.
struct rank_state {
    std::uint64_t threads = 0;  ///< 0: not ready
    std::size_t open = 0;       ///< trials that it has
    std::string absence{};
    bool idle = false;  ///< after `stop`
};

class rank_crew final : public crew {
public:
    rank_crew(ranks& all, const trial_runner& runner, unsigned threads, std::string fingerprint)
        : ranks_(all),
          local_(runner, threads),
          fingerprint_(std::move(fingerprint)),
          states_(static_cast<std::size_t>(all.count())) {
        states_[0].threads = threads;
    }

    void add(std::span<const trial> list) override {
        if (stopped_) return;
        queue_.insert(queue_.end(), list.begin(), list.end());
        hand_out();
    }

    std::vector<trial_result> take(microseconds wait) override {
        const auto until = std::chrono::steady_clock::now() + wait;
        std::vector<trial_result> out;
        do {
            listen(out);
            for (trial_result& r : local_.take(out.empty() ? patience_.next(came_) : microseconds{0})) {
                note(r);
                out.push_back(std::move(r));
            }
            states_[0].open = local_.open();
            came_ = !out.empty();
            hand_out();
            if (local_.open() == 0 && out.empty() && open() != 0) std::this_thread::sleep_for(patience_.next(false));
        } while (out.empty() && open() != 0 && !interrupted_ && std::chrono::steady_clock::now() < until);
        return out;
    }

    [[nodiscard]] std::size_t open() const override {
        std::size_t sum = queue_.size();
        for (const rank_state& s : states_) sum += s.open;
        return sum;
    }

    void stop() override {
        if (std::exchange(stopped_, true)) return;
        queue_.clear();
        local_.stop();
        states_[0].open = local_.open();
        for (int r = 1; r != ranks_.count(); ++r) ranks_.send(r, message_of(rank_word::stop));
    }

    [[nodiscard]] bool is_interrupted() const override { return interrupted_; }

    [[nodiscard]] std::vector<std::string> absences() const override {
        std::vector<std::string> out;
        for (std::size_t r = 0; r != states_.size(); ++r) {
            if (!states_[r].absence.empty())
                out.push_back("rank " + std::to_string(r) + " takes no part: " + states_[r].absence);
        }
        return out;
    }

private:
    void listen(std::vector<trial_result>& out) {
        while (auto m = ranks_.receive()) {
            rank_state& from = states_[static_cast<std::size_t>(m->from)];
            switch (word_of(m->bytes)) {
                case rank_word::ready: welcome(from, readiness_in(m->bytes)); break;
                case rank_word::unfit: from.absence = reason_in(m->bytes); break;
                case rank_word::interrupt: interrupted_ = true; break;
                case rank_word::idle: from.open = 0; break;
                case rank_word::result:
                    out.push_back(result_in(m->bytes));
                    --from.open;
                    note(out.back());
                    break;
                default: AMPACITY_ASSERT(false);
            }
        }
    }

    void welcome(rank_state& of, const rank_readiness& says) const {
        if (says.fingerprint == fingerprint_)
            of.threads = says.threads;
        else
            of.absence = "its sweep, inputs or version differ from those of rank 0";
    }

    void note(const trial_result& r) {
        if (r.status == trial_status::stopped) return;
        wall_s_ += r.wall_s;
        ++ended_;
    }

    /// Trials that a thread gets ahead of the one it runs: about 20 ms of them, so that it does not wait for the next
    /// message, and never more than half its share of what is left.
    [[nodiscard]] std::size_t ahead(std::uint64_t all_threads) const {
        if (ended_ == 0) return 0;
        const double mean_s = wall_s_ / static_cast<double>(ended_);
        const double wanted = mean_s > 0 ? std::ceil(0.02 / mean_s) : 64;
        return std::min(static_cast<std::size_t>(std::min(wanted, 64.0)), queue_.size() / (2 * all_threads));
    }

    void hand_out() {
        std::uint64_t all_threads = 0;
        for (const rank_state& s : states_) all_threads += s.threads;
        const std::size_t each = 1 + ahead(all_threads);
        for (std::size_t r = 0; r != states_.size() && !queue_.empty(); ++r) {
            rank_state& s = states_[r];
            const std::size_t wanted = s.threads * each;
            if (s.open >= wanted) continue;
            const auto count = static_cast<std::ptrdiff_t>(std::min(wanted - s.open, queue_.size()));
            const std::vector<trial> part(queue_.begin(), queue_.begin() + count);
            queue_.erase(queue_.begin(), queue_.begin() + count);
            s.open += part.size();
            if (r == 0)
                local_.add(part);
            else
                ranks_.send(static_cast<int>(r), message_of(part));
        }
    }

    ranks& ranks_;
    thread_crew local_;
    std::string fingerprint_;
    std::vector<rank_state> states_;
    std::deque<trial> queue_;
    patience patience_;
    bool came_ = true;
    bool stopped_ = false;
    bool interrupted_ = false;
    double wall_s_ = 0;
    std::size_t ended_ = 0;
};

/// One rank that is not rank 0.
class servant {
public:
    servant(ranks& all, const trial_runner& runner, const service_options& options)
        : ranks_(all), threads_(runner, options.threads), options_(options) {}

    void serve() {
        ranks_.send(0, ready_message(options_.fingerprint, options_.threads));
        for (bool came = true; listen(came);) {
            const auto wait = patience_.next(came);
            came = false;
            for (const trial_result& r : threads_.take(wait)) {
                came = true;
                ranks_.send(0, message_of(r));
            }
            if (threads_.open() != 0) {
                // A stopped crew ends within moments.
            } else if (stopping_) {
                stopping_ = false;
                ranks_.send(0, message_of(rank_word::idle));
            } else if (!came) {
                std::this_thread::sleep_for(wait);
            }
            ask_for_the_end();
        }
    }

private:
    /// False when rank 0 sends this one home.
    bool listen(bool& came) {
        while (const auto m = ranks_.receive()) {
            came = true;
            switch (word_of(m->bytes)) {
                case rank_word::run: threads_.add(trials_in(m->bytes)); break;
                case rank_word::stop:
                    threads_.stop();
                    stopping_ = true;
                    break;
                case rank_word::leave: return false;
                default: AMPACITY_ASSERT(false);
            }
        }
        return true;
    }

    void ask_for_the_end() {
        if (asked_ || !options_.interrupted || !options_.interrupted()) return;
        asked_ = true;
        ranks_.send(0, message_of(rank_word::interrupt));
    }

    ranks& ranks_;
    thread_crew threads_;
    const service_options& options_;
    patience patience_;
    bool stopping_ = false;
    bool asked_ = false;
};

}  // namespace

rank_dismissal::~rank_dismissal() {
    for (int r = 1; r != ranks_.count(); ++r) ranks_.send(r, message_of(rank_word::leave));
    while (ranks_.receive()) {
    }
}

std::string fingerprint_of(const provenance& of) {
    std::multiset<std::string> digests;
    for (const input_digest& i : of.inputs) digests.insert(i.digest);
    std::string out = of.sweep_hash + ' ' + of.version;
    for (const std::string& d : digests) out += ' ' + d;
    return out;
}

std::unique_ptr<crew> make_rank_crew(ranks& all, const trial_runner& runner, unsigned threads,
                                     std::string fingerprint) {
    AMPACITY_ASSERT(all.number() == 0);
    return std::make_unique<rank_crew>(all, runner, threads, std::move(fingerprint));
}

void serve_trials(ranks& all, const trial_runner& runner, const service_options& options) {
    AMPACITY_ASSERT(all.number() != 0);
    servant(all, runner, options).serve();
}

void decline_trials(ranks& all, const std::string& why) {
    AMPACITY_ASSERT(all.number() != 0);
    all.send(0, unfit_message(why));
    for (;;) {
        while (const auto m = all.receive()) {
            if (word_of(m->bytes) == rank_word::leave) return;
            if (word_of(m->bytes) == rank_word::stop) all.send(0, message_of(rank_word::idle));
        }
        std::this_thread::sleep_for(microseconds{5'000});
    }
}

}  // namespace ampacity::experiment
