#include <ampacity/core/error.hpp>
#include <ampacity/power/cap_policy.hpp>

#include <algorithm>
#include <cmath>

namespace ampacity::power {
namespace {

/// What a watt less at the GPUs saves at a feed is at least a watt, as converters and shelves lose some of it, and at
/// most this much: every chain of the catalogue is better than 80 %.
constexpr double most_gain = 1.25;

/// The largest limit between `least` and `most` that `fits`, which gets easier with lower ones; `least` if none does.
template <class F>
permille largest(permille least, permille most, F fits) {
    while (least < most) {
        const auto middle = static_cast<permille>((least + most + 1) / 2);
        if (fits(middle))
            least = middle;
        else
            most = static_cast<permille>(middle - 1);
    }
    return least;
}

/// Lowers and raises loads between three bands; `spend` says who has to give first.
class banded : public cap_policy {
public:
    explicit banded(const cap_bands& b) : bands_(b) {}

    class_limits decide(const capped_feed& f) final {
        if (leaves(f)) return f.now;
        const double target = bands_.target * f.limit_w;
        const double drawn = f.drawn_w();
        if (f.load_w > bands_.trigger * f.limit_w) {
            const class_limits next = spend(f, drawn - (f.load_w - target));
            return {std::min(next[0], f.now[0]), std::min(next[1], f.now[1])};
        }
        const class_limits next = spend(f, drawn + (target - f.load_w) / most_gain);
        return {std::max(next[0], f.now[0]), std::max(next[1], f.now[1])};
    }

    bool leaves(const capped_feed& f) const final {
        const bool limited = f.now[0] != no_limit || f.now[1] != no_limit;
        return f.load_w <= bands_.trigger * f.limit_w && (!limited || f.load_w >= bands_.release * f.limit_w);
    }

protected:
    /// Limits under which the GPUs together draw at most so much, as far as that can be.
    [[nodiscard]] virtual class_limits spend(const capped_feed& f, double gpus_w) const = 0;

private:
    cap_bands bands_;
};

class uniform final : public banded {
public:
    using banded::banded;

private:
    [[nodiscard]] class_limits spend(const capped_feed& f, double gpus_w) const override {
        const permille k = largest(1, no_limit, [&](permille p) { return f.gpus_w({p, p}) <= gpus_w; });
        return {k, k};
    }
};

class by_priority final : public banded {
public:
    using banded::banded;

private:
    [[nodiscard]] class_limits spend(const capped_feed& f, double gpus_w) const override {
        const permille low = largest(1, no_limit, [&](permille p) { return f.gpus_w({p, no_limit}) <= gpus_w; });
        if (f.gpus_w({low, no_limit}) <= gpus_w) return {low, no_limit};
        return {low, largest(1, no_limit, [&](permille p) { return f.gpus_w({low, p}) <= gpus_w; })};
    }
};

class two_threshold final : public cap_policy {
public:
    explicit two_threshold(const cap_options& o) : steps_(o.steps), hysteresis_(o.hysteresis) {}

    class_limits decide(const capped_feed& f) override { return next(f); }
    bool leaves(const capped_feed& f) const override { return next(f) == f.now; }

private:
    [[nodiscard]] class_limits next(const capped_feed& f) const {
        const double load = f.load_w / f.limit_w;
        // The step that holds now.
        std::size_t step = 0;
        for (std::size_t i = steps_.size(); i != 0 && step == 0; --i) {
            if (f.now == limits(i)) step = i;
        }
        for (std::size_t i = steps_.size(); i > step; --i) {
            if (load >= steps_[i - 1].at) return limits(i);
        }
        while (step != 0 && load < steps_[step - 1].at - hysteresis_) --step;
        return limits(step);
    }

    [[nodiscard]] class_limits limits(std::size_t step) const {
        return step == 0 ? class_limits{no_limit, no_limit} : class_limits{steps_[step - 1].low, steps_[step - 1].high};
    }
    std::array<cap_step, 2> steps_;
    double hysteresis_;
};

constexpr std::array known{
    cap_policy_description{"none", "loads are not lowered"},
    cap_policy_description{"uniform", "all GPUs behind a feed get the same limit"},
    cap_policy_description{"priority", "GPUs of jobs of low priority give first, as far as they can"},
    cap_policy_description{"two-threshold", "fixed limits from two thresholds on, low priority first (POLCA)"}};

}  // namespace

std::unique_ptr<cap_policy> make_cap_policy(std::string_view name, const cap_options& options) {
    if (name == "none") return nullptr;
    if (name == "uniform") return std::make_unique<uniform>(options.bands);
    if (name == "priority") return std::make_unique<by_priority>(options.bands);
    AMPACITY_ASSERT(name == "two-threshold");
    return std::make_unique<two_threshold>(options);
}

std::span<const cap_policy_description> cap_policies() noexcept { return known; }

}  // namespace ampacity::power
