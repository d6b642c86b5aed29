#include "crew.hpp"

#include <utility>

namespace ampacity::experiment {

thread_crew::~thread_crew() {
    stop_ = true;
    {
        const std::lock_guard lock{mutex_};
        leaving_ = true;
    }
    given_.notify_all();
    for (std::thread& t : threads_) t.join();
}

void thread_crew::add(std::span<const trial> list) {
    if (stop_ || list.empty()) return;
    open_ += list.size();
    {
        const std::lock_guard lock{mutex_};
        queue_.insert(queue_.end(), list.begin(), list.end());
    }
    while (threads_.size() < most_ && threads_.size() < open_) threads_.emplace_back([this] { work(); });
    given_.notify_all();
}

std::vector<trial_result> thread_crew::take(std::chrono::microseconds wait) {
    std::unique_lock lock{mutex_};
    if (open_ != 0) ended_.wait_for(lock, wait, [&] { return !results_.empty(); });
    if (!results_.empty() && gathering_.count() != 0)
        ended_.wait_for(lock, gathering_, [&] { return results_.size() >= open_; });
    auto out = std::exchange(results_, {});
    open_ -= out.size();
    return out;
}

void thread_crew::stop() {
    stop_ = true;
    const std::lock_guard lock{mutex_};
    open_ -= queue_.size();
    queue_.clear();
}

void thread_crew::work() {
    std::unique_lock lock{mutex_};
    for (;;) {
        given_.wait(lock, [&] { return leaving_ || !queue_.empty(); });
        if (leaving_) return;
        const trial next = queue_.front();
        queue_.pop_front();
        lock.unlock();
        auto result = runner_.run(next, stop_);
        lock.lock();
        results_.push_back(std::move(result));
        ended_.notify_one();
    }
}

}  // namespace ampacity::experiment
