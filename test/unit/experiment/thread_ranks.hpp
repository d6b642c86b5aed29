#pragma once
/// \file
/// Ranks that are threads of one process: messages through queues. As many objects as ranks, one for each thread.

#include <ampacity/experiment/ranks.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace ampacity::test {

class thread_ranks final : public experiment::ranks {
public:
    static std::vector<std::unique_ptr<thread_ranks>> make(int count) {
        const auto boxes = std::make_shared<std::vector<mailbox>>(static_cast<std::size_t>(count));
        std::vector<std::unique_ptr<thread_ranks>> out;
        for (int r = 0; r != count; ++r) out.push_back(std::unique_ptr<thread_ranks>(new thread_ranks(boxes, r)));
        return out;
    }

    [[nodiscard]] int number() const noexcept override { return number_; }
    [[nodiscard]] int count() const noexcept override { return static_cast<int>(boxes_->size()); }

    void send(int to, std::vector<char> message) override {
        mailbox& box = (*boxes_)[static_cast<std::size_t>(to)];
        const std::lock_guard lock{box.mutex};
        box.waiting.push_back({number_, std::move(message)});
    }

    [[nodiscard]] std::optional<experiment::rank_message> receive() override {
        mailbox& box = (*boxes_)[static_cast<std::size_t>(number_)];
        const std::lock_guard lock{box.mutex};
        if (box.waiting.empty()) return std::nullopt;
        auto out = std::move(box.waiting.front());
        box.waiting.pop_front();
        return out;
    }

    /// Messages that wait to be received.
    [[nodiscard]] std::size_t waiting() const {
        mailbox& box = (*boxes_)[static_cast<std::size_t>(number_)];
        const std::lock_guard lock{box.mutex};
        return box.waiting.size();
    }

private:
    struct mailbox {
        std::mutex mutex;
        std::deque<experiment::rank_message> waiting;
    };

    thread_ranks(std::shared_ptr<std::vector<mailbox>> boxes, int number) : boxes_(std::move(boxes)), number_(number) {}

    std::shared_ptr<std::vector<mailbox>> boxes_;
    int number_;
};

}  // namespace ampacity::test
