#pragma once
/// \file
/// The results of a sweep in one SQLite file.
///
/// Schema 1; tables may gain columns and there may be more of them, what is here keeps its meaning:
///
///     meta(key, value)                        schema, sweep, sweep_hash, base, base_hash, seed, replications, until,
///                                             version, compiler, host
///     input(path, hash)                       files that trials read, XXH64 of their bytes
///     variant(key, position)                  in the order of the sweep
///     trial(id, key, replication, seed, status, error, wall_s)      status: done or failed; error: of a failed one
///     param(trial, path, value)               keys of the scenario and names of axes, with their values as text
///     metric(trial, name, value)              numbers of summary.json by their dotted names
///     histogram(trial, name, up_to, count)    finished jobs by jct_s, wait_s and bounded_slowdown: values lie below
///     up_to
///
/// Each trial is written in one transaction, to a write-ahead log, so that a process that is killed loses the trials
/// that run and nothing else. Ids follow the order in which trials end; all else but wall_s, host and compiler depends
/// on the sweep alone. A store that is written to is locked against a second writer; readers may look at any time. One
/// thread at a time.

#include <ampacity/experiment/trial.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::experiment {

/// What a store is of.
struct provenance {
    std::string sweep;       ///< its name
    std::string sweep_hash;  ///< of all that its results depend on but inputs, version and number of replications
    std::string base;        ///< path of the base scenario
    std::string base_hash;
    std::uint64_t seed = 0;
    std::uint64_t replications = 0;  ///< at most
    std::string until{};
    std::string version;
    std::string compiler;
    std::string host;                    ///< system, processor, cores
    std::vector<input_digest> inputs{};  ///< by path
    std::vector<std::string> variants{};
};
[[nodiscard]] provenance provenance_of(const sweep& s, std::vector<input_digest> inputs);

/// One row of `trial`, as it is read.
struct stored_trial {
    std::int64_t id = 0;
    std::string key;
    std::uint64_t replication = 0;
    std::uint64_t seed = 0;
    bool done = false;
    std::string error{};
};

class result_store {
public:
    /// Makes the file and its folder. \throws scenario_error if it exists or cannot be made
    [[nodiscard]] static result_store create(const std::filesystem::path& file, const provenance& of);
    /// Goes on with a store: makes it where there is none, or none that has its schema.
    /// \throws scenario_error if the store is of another sweep, or its inputs or version differ
    [[nodiscard]] static result_store resume(const std::filesystem::path& file, const provenance& of);
    /// To read it. \throws data_error if it cannot be read or is none
    [[nodiscard]] static result_store open(const std::filesystem::path& file);
    result_store(result_store&&) noexcept;
    result_store& operator=(result_store&&) noexcept;
    ~result_store();

    /// Writes a trial that is done or failed; takes the place of one that failed before.
    void add(const trial_result& r, const variant& of);
    /// The same of several, all of them or none; `variants` by their number.
    void add(std::span<const trial_result> results, std::span<const variant> variants);

    [[nodiscard]] provenance about() const;
    /// By the order of the variants, then by replication.
    [[nodiscard]] std::vector<stored_trial> trials() const;
    /// Keys and replications of the trials that are done.
    [[nodiscard]] std::set<std::pair<std::string, std::uint64_t>> done() const;
    /// Of a trial, by path and by name.
    [[nodiscard]] std::map<std::string, std::string> parameters(std::int64_t trial) const;
    [[nodiscard]] std::map<std::string, double> metrics(std::int64_t trial) const;
    /// All values of a metric: key of the variant, replication, value.
    [[nodiscard]] std::map<std::string, std::map<std::uint64_t, double>> values(std::string_view metric) const;
    /// Names of all metrics that any trial has, in alphabetical order.
    [[nodiscard]] std::vector<std::string> metric_names() const;
    /// The fewest finished jobs in the histogram of this name in any trial; nothing if there is none.
    [[nodiscard]] std::optional<std::uint64_t> fewest_samples(std::string_view histogram) const;
    /// Mean wall time of the trials that are done [s].
    [[nodiscard]] std::optional<double> mean_wall_s() const;

    /// Takes over the trials of another store. Trials that both have must be the same, where both are done.
    /// \throws scenario_error if it is of another sweep, of other inputs or of another version, or a trial differs
    void merge(const result_store& other);

    /// All trials as CSV, one a row, in the order of `trials()`: key, replication, seed, status, error, parameters,
    /// metrics; the same bytes for the same results. `write` gets the text in pieces.
    void write_csv(const std::function<void(std::string_view)>& write) const;

private:
    class database;
    /// Within a transaction.
    void insert(const trial_result& r, const variant& of);
    explicit result_store(std::unique_ptr<database> d);
    std::unique_ptr<database> db_;
};

}  // namespace ampacity::experiment
