#pragma once
/// \file
/// The files of a run: jobs.csv, requests.csv, placement.csv, telemetry.csv, explain.csv, events.json, years.csv,
/// summary.json, run.json, resolved.yaml.
///
/// The folder is made if it is not there; our own files of an earlier run are removed first, others are left alone.
/// requests.csv, placement.csv, telemetry.csv, explain.csv and events.json grow while the run goes on. No file stands
/// under its name before it is complete; summary.json is the last. Numbers are exact decimals or the shortest text of
/// their double, so the same results give the same bytes. One thread at a time.

#include <ampacity/io/plugins.hpp>
#include <ampacity/io/surface_cache.hpp>
#include <ampacity/scenario/scenario.hpp>
#include <ampacity/sim/observer.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/sim/wait_recorder.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::io {

/// Writes a file that appears whole or not at all. \throws scenario_error
void write_file(const std::filesystem::path& file, const std::string& text);

/// Records of the run's traces that are no jobs, by reason in alphabetical order: all of them if the run went on
/// until drained, else those with a submit time up to its end. \pre results() was called
[[nodiscard]] std::vector<workload::skipped_records> skipped_in(const sim::simulation& s,
                                                                const scenario::scenario& described, bool interrupted);

/// The numbers of summary.json by their dotted names, in its order.
[[nodiscard]] std::vector<std::pair<std::string, double>> summary_numbers(
    const scenario::scenario& described, const sim::summary& s, std::span<const workload::skipped_records> skipped);

/// What is true of this execution only: for run.json.
struct run_facts {
    double wall_s = 0;                                            ///< simulation alone [s]
    double load_s = 0;                                            ///< reading scenario and traces [s]
    std::string command;                                          ///< how the program was called
    std::vector<std::pair<std::string, std::string>> inputs;      ///< path and hash of each input file
    const plugins* more = nullptr;                                ///< the plug-ins of the run, if any
    std::vector<std::pair<std::string, std::uint64_t>> filled{};  ///< steps that files of signals lack, by key path
    std::vector<std::shared_ptr<const used_surface>> surfaces{};  ///< of fluid services that name no file
    std::vector<std::string> notes{};                             ///< see `prepared_run`
};

class power_sample;

class run_files final : public sim::observer {
public:
    /// `inputs`: the files that the run reads; none of them may be one that it would replace.
    /// \throws scenario_error if the folder cannot be used
    run_files(std::filesystem::path folder, const scenario::scenario& described,
              std::span<const std::filesystem::path> inputs);
    ~run_files() override;

    /// The simulation whose starts are written; needed before it runs.
    void watch(const sim::simulation& s) noexcept { simulation_ = &s; }
    /// Who is to hear of the policy's passes (see `policy::make_explain`); null if no file tells of them.
    [[nodiscard]] policy::pass_listener* passes() noexcept;
    /// Wall time spent on writing while the run went on [s].
    [[nodiscard]] double writing_s() const noexcept { return std::chrono::duration<double>(writing_).count(); }

    void on_submit(const sim::job_event& e) override;
    void on_reject(const sim::job_event& e) override;
    void on_start(const sim::job_start& s) override;
    void on_resize(const sim::job_event& before, const sim::job_event& after) override;
    void on_stop(const sim::job_event& e, sim::run_end how) override;
    void on_requests(std::size_t service, std::span<const serving::request_record> records) override;
    void on_sample(const sim::sample& s) override;

    /// Completes all files. \throws scenario_error
    void finish(sim::simulation& s, bool interrupted, const run_facts& facts);

private:
    struct streams;
    void write_jobs(const sim::simulation& s) const;
    [[nodiscard]] bool is_explained(const sim::job_event& e) const;
    void write_place(const sim::job_event& s);
    void begin_telemetry(const power_sample& first);
    void write_feeds(const sim::sample& s);
    void write_sites(const sim::sample& s);
    void write_replicas(const sim::sample& s);
    void write_services(const sim::sample& s);
    void write_flows(const sim::sample& s);
    void write_stretch(const sim::wait_stretch& w);

    std::filesystem::path folder_;
    scenario::scenario described_;
    std::vector<std::string> gpu_types_{};  // where placement.csv names them: several
    const sim::simulation* simulation_ = nullptr;
    std::unique_ptr<streams> streams_;
    std::chrono::steady_clock::duration writing_{};
};

}  // namespace ampacity::io
