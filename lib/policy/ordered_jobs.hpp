#pragma once
/// \file
/// Jobs in the order of a key: a balanced tree whose nodes are kept for reuse.
///
/// Insert, erase and search O(log n), first and last O(1); nothing allocates once the set has been as large
/// before. Equal keys stand in the order of arrival. Not thread-safe.

#include <ampacity/core/error.hpp>
#include <ampacity/core/ids.hpp>
#include <ampacity/core/wide.hpp>

#include <boost/intrusive/set.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace ampacity::policy {

/// A job and its place in an order.
struct ranked_job {
    std::uint64_t key = 0;    ///< what the order is about
    std::uint64_t order = 0;  ///< `job_view::order`: ties are broken by arrival
    job_id job{};

    friend constexpr bool operator==(const ranked_job&, const ranked_job&) = default;
};

/// The order: key, then arrival. A single 128-bit comparison, so that it compiles to compare and borrow.
[[nodiscard]] constexpr bool before(const ranked_job& a, const ranked_job& b) noexcept {
    const auto wide = [](const ranked_job& e) { return uint128{e.key} << 64U | e.order; };
    return wide(a) < wide(b);
}

class ordered_jobs {
    using hook = boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>,
                                                 boost::intrusive::optimize_size<true>>;
    struct node : hook {
        ranked_job value;
    };
    struct node_order {
        bool operator()(const node& a, const node& b) const noexcept { return before(a.value, b.value); }
        bool operator()(const ranked_job& a, const node& b) const noexcept { return before(a, b.value); }
        bool operator()(const node& a, const ranked_job& b) const noexcept { return before(a.value, b); }
    };
    using tree = boost::intrusive::set<node, boost::intrusive::compare<node_order>>;

public:
    /// Steps through the set in order.
    class iterator {
    public:
        explicit iterator(const tree::const_iterator& at) : at_(at) {}
        [[nodiscard]] const ranked_job& operator*() const noexcept { return at_->value; }
        [[nodiscard]] const ranked_job* operator->() const noexcept { return &at_->value; }
        iterator& operator++() noexcept {
            ++at_;
            return *this;
        }
        friend bool operator==(const iterator&, const iterator&) = default;

    private:
        friend class ordered_jobs;
        tree::const_iterator at_;
    };

    ordered_jobs() = default;
    ordered_jobs(const ordered_jobs&) = delete;
    ordered_jobs& operator=(const ordered_jobs&) = delete;

    [[nodiscard]] bool empty() const noexcept { return tree_.empty(); }
    [[nodiscard]] iterator begin() const noexcept { return iterator{tree_.begin()}; }
    [[nodiscard]] iterator end() const noexcept { return iterator{tree_.end()}; }
    /// The first that comes behind `e`.
    [[nodiscard]] iterator behind(const ranked_job& e) const { return iterator{tree_.upper_bound(e, node_order{})}; }
    /// \pre not empty
    [[nodiscard]] const ranked_job& first() const noexcept { return tree_.begin()->value; }
    /// \pre not empty
    [[nodiscard]] const ranked_job& last() const noexcept { return tree_.rbegin()->value; }

    /// \pre `e` is not in the set
    void insert(const ranked_job& e) {
        if (spare_.empty()) make_nodes();
        node* const n = spare_.back();
        spare_.pop_back();
        n->value = e;
        tree_.insert(*n);
    }

    /// \pre `e` is in the set
    void erase(const ranked_job& e) {
        const auto at = tree_.find(e, node_order{});
        AMPACITY_ASSERT(at != tree_.end() && at->value.job == e.job);
        spare_.push_back(&*at);
        tree_.erase(at);
    }

    void clear() {
        tree_.clear_and_dispose([this](node* n) { spare_.push_back(n); });
    }

private:
    /// As many again as there are: few allocations, and none at the same size.
    void make_nodes() {
        const std::size_t more = std::max<std::size_t>(64, made_);
        chunks_.push_back(std::make_unique<node[]>(more));
        made_ += more;
        spare_.reserve(made_);
        for (std::size_t i = more; i-- > 0;) spare_.push_back(chunks_.back().get() + i);
    }

    std::vector<std::unique_ptr<node[]>> chunks_;
    std::size_t made_ = 0;
    std::vector<node*> spare_;
    tree tree_;
};

}  // namespace ampacity::policy
