// Cap policies of a plug-in: one without fault, and some that break the rules.
#include <ampacity/sim/cap_plugin.hpp>

#include <cstdint>
#include <map>
#include <stdexcept>

using namespace ampacity;

namespace {

/// One step down at each tick above the limit, one up below `release` of it.
class in_steps final : public power::cap_policy {
public:
    explicit in_steps(plugin::setup& s)
        : step_(s.number<power::permille>("step", 50, 1, 999)), release_(s.number("release", 0.8, 0.0, 1.0)) {}

    power::class_limits decide(const power::capped_feed& f) override {
        int& steps = steps_[f.number];
        if (f.load_w > f.limit_w && (steps + 1) * step_ < power::no_limit)
            ++steps;
        else if (f.load_w < release_ * f.limit_w && steps > 0)
            --steps;
        const auto limit = static_cast<power::permille>(power::no_limit - steps * step_);
        return {limit, limit};
    }

private:
    power::permille step_;
    double release_;
    std::map<std::uint32_t, int> steps_;
};

class too_low final : public power::cap_policy {
    power::class_limits decide(const power::capped_feed&) override { return {0, power::no_limit}; }
};

class throwing final : public power::cap_policy {
    power::class_limits decide(const power::capped_feed& f) override {
        if (f.load_w > f.limit_w) throw std::runtime_error("too much");
        return f.now;
    }
};

/// Built against another layout of what it sees.
[[maybe_unused]] constexpr plugin::cap_calls strange{1, plugin::detail::decide_cap,
                                                     plugin::detail::destroy<power::cap_policy>};
[[maybe_unused]] constexpr plugin::part of_another_build() {
    plugin::part p = plugin::cap_policy<too_low>("too-low", "of another build");
    p.calls = &strange;
    return p;
}

}  // namespace

#if defined(OTHER_LAYOUT)
AMPACITY_PLUGIN(of_another_build())
#elif defined(BUILT_IN_CAP)
AMPACITY_PLUGIN(plugin::cap_policy<too_low>("uniform", "named like a built-in one"))
#else
AMPACITY_PLUGIN(plugin::cap_policy<in_steps>("in-steps", "a step at each tick"),
                plugin::cap_policy<too_low>("too-low", "a limit of nothing"),
                plugin::cap_policy<throwing>("throwing", "throws in an overload"))
#endif
