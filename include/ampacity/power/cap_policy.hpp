#pragma once
/// \file
/// Who lowers loads: what a controller sees of a feed, and the limits that it gives the GPUs behind it.
///
/// A limit is a share of the power limit that a GPU is made for, in thousandths, for each of two classes: GPUs of jobs
/// of low and of high priority. A policy sees loads as they are at a tick of the control period; its limits hold after
/// the latency of the control. The built-in policies are functions of what they see, without state. Derive from
/// `cap_policy` for one of your own; sim/cap_plugin.hpp makes it one of a plug-in.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::power {

/// Thousandths of the power limit of a GPU.
using permille = std::uint16_t;
inline constexpr permille no_limit = 1000;

/// Priority classes.
enum class priority_class : std::uint8_t { low, high };
inline constexpr std::size_t num_classes = 2;
/// One limit per class.
using class_limits = std::array<permille, num_classes>;

/// GPUs of jobs that draw the same.
struct gpu_load {
    priority_class of = priority_class::low;
    double gpus = 0;      ///< behind the feed, each counted with the share of it that this feed carries
    double draw_w = 0;    ///< of one without a limit [W]
    double limit_w = 0;   ///< of one, by its maker [W]
    double lowest_w = 0;  ///< that can be set [W]

    double now_w = 0;  ///< what one draws, under the limits that hold now, of this feed or others [W]

    /// What one draws under a limit [W].
    [[nodiscard]] double under_w(permille limit) const noexcept {
        if (limit == no_limit) return draw_w;
        return std::min(draw_w, std::max(lowest_w, std::floor(limit_w * limit / no_limit)));
    }
};

/// What a controller sees of one feed.
struct capped_feed {
    std::uint32_t number = 0;  ///< among the feeds of its level
    double load_w = 0;         ///< now [W]
    double limit_w = 0;        ///< rating, or what an event leaves of it [W]
    class_limits now{no_limit, no_limit};
    std::span<const gpu_load> gpus{};

    /// What all GPUs draw now [W].
    [[nodiscard]] double drawn_w() const noexcept {
        double sum = 0;
        for (const gpu_load& g : gpus) sum += g.gpus * g.now_w;
        return sum;
    }
    /// What they would draw if these were the only limits [W].
    [[nodiscard]] double gpus_w(class_limits limits) const noexcept {
        double sum = 0;
        for (const gpu_load& g : gpus) sum += g.gpus * g.under_w(limits[static_cast<std::size_t>(g.of)]);
        return sum;
    }
};

class cap_policy {
public:
    cap_policy() = default;
    cap_policy(const cap_policy&) = delete;
    cap_policy& operator=(const cap_policy&) = delete;
    virtual ~cap_policy() = default;

    /// The limits that this feed's GPUs get, each of 1 to `no_limit`; those of now to leave it as it is.
    [[nodiscard]] virtual class_limits decide(const capped_feed& feed) = 0;
    /// Whether `decide` would leave a feed without looking at its GPUs: nobody lists them then. `gpus` is empty here.
    [[nodiscard]] virtual bool leaves(const capped_feed& feed) const { return static_cast<void>(feed), false; }
};

/// When limits come and go, of the feed's limit.
struct cap_bands {
    double trigger = 1.0;   ///< above this load they are lowered, [1]
    double target = 0.95;   ///< to this one
    double release = 0.90;  ///< below this load they are raised, to the target at most
};

/// One step of `two-threshold`.
struct cap_step {
    double at = 1;  ///< load of the feed's limit from which it holds [1]
    permille low = no_limit;
    permille high = no_limit;
};

/// Options of the built-in policies.
struct cap_options {
    cap_bands bands{};
    /// POLCA (https://arxiv.org/abs/2308.12908): thresholds as published; its clocks of 1275, 1110 and 1305 of 1410 MHz
    /// as shares of the power limit, an assumption.
    std::array<cap_step, 2> steps{cap_step{0.80, 904, no_limit}, cap_step{0.89, 787, 926}};
    double hysteresis = 0.05;  ///< a step is left this far below its threshold [1]
};

/// `uniform`, `priority`, `two-threshold`; null for `none`. \pre one of `cap_policies()`
[[nodiscard]] std::unique_ptr<cap_policy> make_cap_policy(std::string_view name, const cap_options& options);
/// Name and meaning.
struct cap_policy_description {
    std::string_view name;
    std::string_view doc;
};
[[nodiscard]] std::span<const cap_policy_description> cap_policies() noexcept;

}  // namespace ampacity::power
