#pragma once
/// \file
/// Who runs trials: threads of this process, and those of other ranks. One thread gives and takes.

#include <ampacity/experiment/ranks.hpp>
#include <ampacity/experiment/trial.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace ampacity::experiment {

/// Takes trials in any number and gives back their results in any order.
class crew {
public:
    crew() = default;
    crew(const crew&) = delete;
    crew& operator=(const crew&) = delete;
    virtual ~crew() = default;

    virtual void add(std::span<const trial> list) = 0;
    /// What has ended since the last call, at the latest after `wait`; returns early when there is something, or when
    /// nothing is left.
    [[nodiscard]] virtual std::vector<trial_result> take(std::chrono::microseconds wait) = 0;
    /// Trials that were added and are neither taken nor dropped.
    [[nodiscard]] virtual std::size_t open() const = 0;
    /// For good: drops what has not begun, gives up what runs.
    virtual void stop() = 0;
    /// Has another rank asked to end it all?
    [[nodiscard]] virtual bool is_interrupted() const { return false; }
    /// Why ranks do not take part, one line each.
    [[nodiscard]] virtual std::vector<std::string> absences() const { return {}; }
};

/// Threads of this process.
class thread_crew final : public crew {
public:
    /// With the first result `take` waits for more, for `gathering` at most. \pre threads >= 1; the runner outlives it
    thread_crew(const trial_runner& runner, unsigned threads, std::chrono::microseconds gathering = {})
        : runner_(runner), most_(threads), gathering_(gathering) {}
    ~thread_crew() override;

    void add(std::span<const trial> list) override;
    [[nodiscard]] std::vector<trial_result> take(std::chrono::microseconds wait) override;
    [[nodiscard]] std::size_t open() const override { return open_; }
    void stop() override;

private:
    void work();

    const trial_runner& runner_;
    unsigned most_;
    std::chrono::microseconds gathering_;
    std::size_t open_ = 0;
    std::atomic<bool> stop_{false};
    std::mutex mutex_;  // of what follows
    std::condition_variable given_, ended_;
    std::deque<trial> queue_;
    std::vector<trial_result> results_;
    bool leaving_ = false;
    std::vector<std::thread> threads_;
};

/// The threads of this process with those of the other ranks. \pre of rank 0; ranks and runner outlive it
[[nodiscard]] std::unique_ptr<crew> make_rank_crew(ranks& all, const trial_runner& runner, unsigned threads,
                                                   std::string fingerprint);

}  // namespace ampacity::experiment
