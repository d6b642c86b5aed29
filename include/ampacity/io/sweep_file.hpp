#pragma once
/// \file
/// Sweep files: strict YAML that names a base scenario and what varies in it, with the place of every value kept.
///
///     ampacity-sweep: 1
///     name: policies-by-load
///     base: scenario.yaml                                       # relative to this file
///     axes:                                                     # all combinations of:
///       scheduler.policy: [fifo, easy]                          # a list of values
///       workload.0.synthetic.rate: { from: "10 /h", to: "40 /h", steps: 3, scale: log }
///       zip:                                                    # keys that move together; or a list of such maps
///         fleet.nodes.count: [32, 64]
///         workload.0.synthetic.jobs: [1000, 2000]
///       costs:                                                  # named sets of keys
///         variants: { free: {}, dear: { scheduler.preemption.restart: "5 min" } }
///       sample:                                                 # points spread over intervals
///         method: sobol                                         # or latin-hypercube
///         points: 16
///         over:
///           workload.0.synthetic.cv: { from: 1, to: 4 }         # uniform; with `scale: log` in the logarithm
///           scheduler.decision.base: { mean: "2 s", deviation: "0.2 s" }    # normal
///     exclude: [ { scheduler.policy: fifo, fleet.nodes.count: 64 } ]        # combinations to leave out
///     only: [ { workload.0.synthetic.cv: "< 3" } ]                          # and the only ones to keep
///     replications: 20
///     seed: 7
///     until: ci(jct_s.mean) < 1 %                               # stop before `replications` where that is reached
///     warm_up: mser-5                                           # or a duration: also means of jobs without it
///     metrics: [jct_s.mean, utilisation]                        # default: all
///
/// The combinations are made by `experiment::sweep`. Functions without state, any thread.

#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::io {

/// A key of the scenario and a value for it.
struct sweep_setting {
    std::string path;   ///< `workload.0.synthetic.rate`
    std::string yaml;   ///< the value as `scenario_override::value` takes it
    std::string shown;  ///< the same for people, without quotes
    source_position where;
};

/// One of the alternatives along an axis.
struct sweep_point {
    std::string name{};  ///< of a named variant
    std::vector<sweep_setting> settings{};
    source_position where{};
};

/// A key that is sampled from a distribution: uniform or log-uniform from low to high, or normal.
struct sweep_dimension {
    enum class law : std::uint8_t { uniform, log_uniform, normal };
    std::string path;
    law of = law::uniform;
    double a = 0;        ///< low end, or mean
    double b = 0;        ///< high end, or standard deviation
    std::string unit{};  ///< what stands behind the number, blanks included
    bool quoted = false;
    bool whole = false;  ///< rounded to whole numbers
    source_position where{};
};

/// Points spread over the distributions of several keys at once.
struct sweep_sample {
    enum class method : std::uint8_t { sobol, latin_hypercube };
    method how = method::sobol;
    std::uint64_t points = 0;
    std::vector<sweep_dimension> over{};
};

/// What varies independently of the other axes.
struct sweep_axis {
    std::string name{};  ///< of one with named variants, and of a sample; else empty
    std::vector<sweep_point> points{};
    std::optional<sweep_sample> sample{};  ///< the points are still to be drawn
    source_position where{};

    /// The keys that it sets.
    [[nodiscard]] std::vector<std::string> paths() const;
};

/// A value of a key, or several, that a combination may have.
struct sweep_condition {
    enum class relation : std::uint8_t { one_of, less, at_most, more, at_least };
    std::string path;  ///< of a key, or the name of an axis
    relation is = relation::one_of;
    std::vector<std::string> values{};  ///< as `sweep_setting::shown`
    double limit = 0;                   ///< of a relation to a number
    std::string unit{};                 ///< of the limit
    source_position where{};
};
/// All conditions hold.
using sweep_filter = std::vector<sweep_condition>;

/// A number and what stands behind it: `10 /h`.
struct number_with_unit {
    double number = 0;
    std::string unit{};  ///< blanks included
};
/// Nothing for a text that does not begin with a finite number.
[[nodiscard]] std::optional<number_with_unit> split_number(std::string_view text);
/// The shortest text of the number, or of its 12 leading digits where it is `rounded`.
[[nodiscard]] std::string number_text(double x, bool rounded);

/// Which jobs at the beginning of a run are left out of the metrics `steady.*`.
struct sweep_warm_up {
    bool mser_5 = false;  ///< of each metric as many as MSER-5 finds
    duration first{0};    ///< else those that are submitted before this
    std::string text{};   ///< as written
};

/// A sweep and where it came from.
struct sweep_file {
    std::string name;
    std::filesystem::path base;
    std::vector<sweep_axis> axes{};
    std::vector<sweep_filter> exclude{}, only{};
    std::uint64_t replications = 1;
    std::uint64_t seed = 0;
    std::string until{};                     ///< empty: all replications
    std::optional<sweep_warm_up> warm_up{};  ///< none: there are no metrics `steady.*`
    std::vector<std::string> metrics{};

    std::string file;  ///< as given
    source_position at_until{};
    std::uint64_t digest = 0;  ///< XXH64 of the file's text
    std::string base_text{};   ///< of the base scenario
};

/// Most combinations of a sweep.
inline constexpr std::uint64_t max_variants = 1'000'000;

/// Reads and checks a file and reads its base. \throws scenario_error
[[nodiscard]] sweep_file read_sweep(const std::filesystem::path& file);
/// The same from memory; `name` stands for the file in messages.
[[nodiscard]] sweep_file read_sweep_text(const std::string& name, std::string_view text,
                                         const std::filesystem::path& directory = {});

}  // namespace ampacity::io
