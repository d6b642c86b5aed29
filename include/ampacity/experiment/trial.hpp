#pragma once
/// \file
/// One trial: from a variant and a seed to named numbers.
///
/// The numbers are those of summary.json of `ampacity run` with the same scenario and seed, bit for bit. What trials
/// share - the base scenario, what became of it in each variant, models, parsed traces - is read once and never
/// changes, so that any number of threads may run trials at once, and results depend on neither their number nor the
/// order. With plug-ins it is one thread at a time.

#include <ampacity/experiment/sweep.hpp>
#include <ampacity/io/plugins.hpp>
#include <ampacity/io/shared_inputs.hpp>
#include <ampacity/sim/result.hpp>
#include <ampacity/sim/simulation.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::experiment {

/// Which trial of a sweep.
struct trial {
    std::size_t variant = 0;        ///< row of `sweep::variants`
    std::uint64_t replication = 0;  ///< from 0
    friend auto operator<=>(const trial&, const trial&) = default;
};

enum class trial_status : std::uint8_t {
    done,
    failed,
    stopped,  ///< on demand, before its end; there is no result
};

/// How the values of finished jobs are distributed: bins that are at most a quarter wide, relative to their values.
struct histogram {
    struct bin {
        double up_to = 0;  ///< its values lie below, those of the bin at 0 at 0
        std::uint64_t count = 0;
        friend bool operator==(const bin&, const bin&) = default;
    };
    std::string name;         ///< `jct_s`, `wait_s`, `bounded_slowdown`
    std::vector<bin> bins{};  ///< rising, none of them empty
};
/// The histograms of a run. \pre the records are final
[[nodiscard]] std::vector<histogram> histograms_of(std::span<const sim::source_records> sources);

/// What came of a trial.
struct trial_result {
    trial which{};
    std::uint64_t seed = 0;
    trial_status status = trial_status::done;
    std::string error{};                                    ///< of a failed one: the message that `run` would end with
    double wall_s = 0;                                      ///< everything, from the variant to the numbers [s]
    std::vector<std::pair<std::string, double>> metrics{};  ///< those that the sweep asks for
    std::vector<histogram> histograms{};                    ///< of those of which it asks for a number
};

/// A file that trials read.
struct input_digest {
    std::string path;
    std::string digest;  ///< `xxh64:` and 16 digits, or `unreadable`
    friend bool operator==(const input_digest&, const input_digest&) = default;
};

class trial_runner {
public:
    /// The sweep must outlive it, as must `more`. Holds up to `max_trace_bytes` of parsed traces.
    explicit trial_runner(const sweep& of, const io::plugins* more = nullptr,
                          std::uint64_t max_trace_bytes = std::uint64_t{1} << 30U);
    ~trial_runner();

    /// Reads every variant on so many threads, so that a sweep with a fault in its scenarios does not start, and
    /// returns the files that trials read, by path. Faults of data are left to the trials. \pre called once, before
    /// `run`
    /// \throws scenario_error
    [[nodiscard]] std::vector<input_digest> check(unsigned threads);
    /// The same with these variants alone; what others read is read by their trials.
    [[nodiscard]] std::vector<input_digest> check(unsigned threads, std::span<const std::size_t> variants);

    /// Never throws for what may be wrong with a trial; gives up when `stop` becomes true, within a tenth of a second
    /// or one scheduling pass.
    [[nodiscard]] trial_result run(const trial& which, const std::atomic<bool>& stop) const;

    /// How long a trial takes [s], from running it for at most `limit_s`; nothing if it fails or cannot be told.
    [[nodiscard]] std::optional<double> time_of(const trial& which, double limit_s) const;

private:
    [[nodiscard]] io::loaded_scenario load(const trial& which) const;
    void read_variant(std::size_t i, std::vector<input_digest>& inputs);

    const sweep& sweep_;
    const io::plugins* more_;
    mutable io::shared_inputs inputs_;
    std::mutex mutex_;  // of inputs that are found
    std::vector<std::shared_ptr<const io::loaded_scenario>> loaded_;
};

/// The share of a run that is over, in [0, 1], by its sources or by its end, if there is one.
[[nodiscard]] double share_done(const sim::simulation& s, std::optional<duration> until);

/// Calls f(i) for each i below n on so many threads, in their order; an exception ends it, and that of the smallest i
/// is thrown.
/// \pre threads >= 1
void for_each_index(unsigned threads, std::size_t n, const std::function<void(std::size_t)>& f);

}  // namespace ampacity::experiment
