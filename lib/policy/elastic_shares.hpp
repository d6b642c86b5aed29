#pragma once
/// \file
/// How many GPUs each of a number of elastic jobs gets: step by step, the largest gain per GPU first.
///
/// A step takes a job from one number of GPUs that it may have to the next. Its gain is the rise, per GPU, of what is
/// to be large: the job's speed, or minus the time that it takes for a piece of work. Along a job gains never rise, in
/// the arithmetic used here too, so all steps have one order: gain, arrival, smaller numbers first. The jobs get the
/// longest beginning of it that there is room for. This is found from what they have: O(jobs) to begin, O(log jobs) for
/// each step that changes. Nothing allocates once as many steps have been looked at before. Not thread-safe.

#include <ampacity/core/error.hpp>
#include <ampacity/core/ids.hpp>
#include <ampacity/policy/job_view.hpp>
#include <ampacity/policy/registry.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampacity::policy {

class elastic_shares {
public:
    /// A job, how many GPUs it has, and how many it is to get.
    struct share {
        job_id job{};
        std::uint64_t order = 0;  ///< by arrival
        std::uint32_t least = 0;
        std::uint32_t most = 0;
        std::uint32_t step = 1;  ///< only multiples of it
        std::uint32_t held = 0;  ///< 0: it waits
        std::uint32_t gpus = 0;  ///< that it is to get
        double serial = 0;
        double preferred = 0;
    };

    explicit elastic_shares(const elastic_options& options) : options_(options) {}

    /// Forgets all jobs. `node_gpus`: of one node, 0 on a pool.
    void begin(std::uint32_t node_gpus) {
        node_gpus_ = node_gpus;
        shares_.clear();
    }

    /// A job that holds so many GPUs, or waits: then it is to get its smallest number at least.
    void add(job_id job, std::uint64_t order, const elastic_job& e, std::uint32_t held) {
        shares_.push_back({.job = job,
                           .order = order,
                           .least = e.gpus_min,
                           .most = e.gpus_max,
                           .step = e.step,
                           .held = held,
                           .gpus = held == 0 ? e.gpus_min : held,
                           .serial = e.serial_fraction,
                           .preferred = static_cast<double>(e.gpus)});
    }

    /// Deals out `room` GPUs beyond the smallest numbers of all jobs.
    void deal(std::uint64_t room) {
        next_.clear();
        last_.clear();
        std::uint64_t used = 0;
        for (std::size_t i = 0; i != shares_.size(); ++i) {
            used += shares_[i].gpus - shares_[i].least;
            add_steps(i);
        }
        std::make_heap(next_.begin(), next_.end(), is_behind);
        std::make_heap(last_.begin(), last_.end(), is_before);
        heaps_ = true;
        while (true) {
            if (used > room) {
                drop_stale(last_, is_before, [this](const step& s) { return shares_[s.share].gpus == s.to; });
                AMPACITY_ASSERT(!last_.empty());
                const step worst = last_.front();
                used -= worst.to - worst.from;
                set(worst.share, worst.from);
                continue;
            }
            drop_stale(next_, is_behind, [this](const step& s) { return shares_[s.share].gpus == s.from; });
            if (next_.empty()) break;
            const step best = next_.front();
            if (used + (best.to - best.from) > room) {
                drop_stale(last_, is_before, [this](const step& s) { return shares_[s.share].gpus == s.to; });
                if (last_.empty() || !is_before(best, last_.front())) break;
            }
            used += best.to - best.from;
            set(best.share, best.to);
        }
        heaps_ = false;
    }

    [[nodiscard]] const std::vector<share>& all() const noexcept { return shares_; }

private:
    struct step {
        double gain = 0;  ///< per GPU
        std::uint64_t order = 0;
        std::uint32_t share = 0;
        std::uint32_t from = 0;
        std::uint32_t to = 0;
    };

    static bool is_before(const step& a, const step& b) noexcept {
        if (a.gain != b.gain) return a.gain > b.gain;
        return a.order != b.order ? a.order < b.order : a.from < b.from;
    }
    static bool is_behind(const step& a, const step& b) noexcept { return is_before(b, a); }

    /// The next number that the job may have. \pre gpus < most
    [[nodiscard]] std::uint32_t above(const share& s, std::uint32_t gpus) const noexcept {
        std::uint64_t n = std::uint64_t{gpus} + 1;
        if (options_.steps == gpu_steps::powers_of_two) n = std::uint64_t{std::bit_floor(gpus)} * 2;
        if (options_.steps == gpu_steps::whole_nodes && node_gpus_ != 0)
            n = (std::uint64_t{gpus} / node_gpus_ + 1) * node_gpus_;
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(raised(s, n), s.most));
    }
    /// The one before. \pre gpus > least
    [[nodiscard]] std::uint32_t below(const share& s, std::uint32_t gpus) const noexcept {
        // The numbers that are raised to less than `gpus`.
        const std::uint32_t most = (gpus - 1) / s.step * s.step;
        std::uint32_t n = most;
        if (options_.steps == gpu_steps::powers_of_two) n = std::bit_floor(most);
        if (options_.steps == gpu_steps::whole_nodes && node_gpus_ != 0) n = most / node_gpus_ * node_gpus_;
        return static_cast<std::uint32_t>(std::max<std::uint64_t>(raised(s, n), s.least));
    }
    /// The next multiple of its step.
    static std::uint64_t raised(const share& s, std::uint64_t gpus) noexcept {
        return (gpus + s.step - 1) / s.step * s.step;
    }

    /// In closed form, without a difference of rounded numbers. With n GPUs the speed is b n / (f n + q), where f is
    /// the serial fraction, q = 1 - f and b = f + q / preferred.
    [[nodiscard]] double gain(const share& s, std::uint32_t from, std::uint32_t to) const noexcept {
        const double parallel = 1.0 - s.serial;
        const double alone = s.serial + parallel / s.preferred;
        const auto c = static_cast<double>(from);
        const auto n = static_cast<double>(to);
        if (options_.arithmetic) return alone * parallel / ((s.serial * c + parallel) * (s.serial * n + parallel));
        return parallel / alone / (c * n);
    }

    /// The step that the job could make next, and the one that it made last.
    void add_steps(std::size_t i) {
        const share& s = shares_[i];
        const auto row = static_cast<std::uint32_t>(i);
        if (s.gpus < s.most) {
            const std::uint32_t to = above(s, s.gpus);
            const double g = gain(s, s.gpus, to);
            if (g > 0) push(next_, is_behind, {.gain = g, .order = s.order, .share = row, .from = s.gpus, .to = to});
        }
        if (s.gpus > s.least) {
            const std::uint32_t from = below(s, s.gpus);
            push(last_, is_before,
                 {.gain = gain(s, from, s.gpus), .order = s.order, .share = row, .from = from, .to = s.gpus});
        }
    }
    template <class Order>
    void push(std::vector<step>& heap, Order order, const step& s) {
        heap.push_back(s);
        if (heaps_) std::push_heap(heap.begin(), heap.end(), order);
    }
    /// Steps of numbers that jobs no longer have stay in the heaps until they come to the front.
    template <class Order, class Valid>
    static void drop_stale(std::vector<step>& heap, Order order, Valid is_valid) {
        while (!heap.empty() && !is_valid(heap.front())) {
            std::pop_heap(heap.begin(), heap.end(), order);
            heap.pop_back();
        }
    }
    void set(std::size_t i, std::uint32_t gpus) {
        shares_[i].gpus = gpus;
        add_steps(i);
    }

    elastic_options options_;
    std::uint32_t node_gpus_ = 0;
    std::vector<share> shares_;
    std::vector<step> next_;  // heap, the best in front
    std::vector<step> last_;  // heap, the worst in front
    bool heaps_ = false;      // else they are still being filled
};

}  // namespace ampacity::policy
