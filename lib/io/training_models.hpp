#pragma once
/// \file
/// Training jobs of a scenario: the catalogue's models under their parallel plans, and the jobs themselves.

#include <ampacity/execution/training.hpp>
#include <ampacity/faults/failure_plan.hpp>
#include <ampacity/io/models.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/io/shared_inputs.hpp>
#include <ampacity/llm/efficiency.hpp>
#include <ampacity/llm/model.hpp>
#include <ampacity/llm/system.hpp>
#include <ampacity/scenario/scenario.hpp>
#include <ampacity/workload/source.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::io {

class training_reader {
public:
    /// The files that are read are added to `files`. All outlive this.
    training_reader(const loaded_scenario& loaded, std::vector<model_file>& files, shared_inputs* shared);

    /// The jobs of an entry of the workload. \pre valid \throws scenario_error
    [[nodiscard]] std::unique_ptr<workload::job_source> open(
        const scenario::single_or_list<scenario::training_job>& jobs, std::uint16_t entry);
    /// The jobs of `source`, which are those of entry number `entry`, train what it says. \pre valid
    [[nodiscard]] std::unique_ptr<workload::job_source> train(std::unique_ptr<workload::job_source> source,
                                                              std::uint16_t entry);
    /// Terms of all of them: the intervals of checkpoints follow from what fails. \throws scenario_error
    [[nodiscard]] std::vector<execution::training_terms> finish(const faults::failure_plan& failures);

private:
    /// Terms whose interval a rule says.
    struct by_rule {
        std::size_t row = 0;
        scenario::checkpoint_options of{};
        std::uint64_t gpus = 0;
        std::string path;
    };

    [[nodiscard]] execution::training_terms terms_of(const scenario::training_job& job, const std::string& path);
    void plan_steps(execution::training_terms& t, const scenario::training_job& job, const llm::model& m,
                    const std::string& path);
    void add_checkpoints(execution::training_terms& t, const scenario::training_job& job, double parameters,
                         const std::string& path);
    void add_rollouts(execution::training_terms& t, const scenario::training_job& job, const std::string& path);
    [[nodiscard]] const llm::system& system(const std::string& path);
    /// Of the catalogue or a file.
    template <class T>
    [[nodiscard]] T model_of(const std::string& name, const std::string& key);
    void add_replicas(execution::training_terms& t, const scenario::training_job& job, std::uint64_t replica,
                      double share, const std::string& path) const;
    [[noreturn]] void refuse(const std::string& key, std::string what, std::string value, std::string remedy) const;

    const loaded_scenario& loaded_;
    std::vector<model_file>& files_;
    shared_inputs* shared_;
    std::optional<llm::system> system_{};
    std::optional<llm::training_efficiency> efficiency_{};
    std::vector<execution::training_terms> terms_;
    std::vector<by_rule> rules_;
};

}  // namespace ampacity::io
