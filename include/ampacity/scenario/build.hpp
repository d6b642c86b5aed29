#pragma once
/// \file
/// From the description of a run to what a simulation is made of.
///
/// Everything in the description is used or refused; nothing of it is looked at again afterwards. Files are not
/// opened here: whoever calls says how a trace becomes a source of jobs. Functions without state.

#include <ampacity/policy/registry.hpp>
#include <ampacity/scenario/scenario.hpp>
#include <ampacity/scenario/validate.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/workload/request_source.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::scenario {

/// Makes the source of entry number `entry` of the workload.
using trace_opener = std::function<std::unique_ptr<workload::job_source>(const job_trace&, std::uint16_t entry)>;

/// Makes the source of the training jobs of entry number `entry` of the workload; their terms go into
/// `sim::parts::trainings` behind those of earlier entries.
using training_opener =
    std::function<std::unique_ptr<workload::job_source>(const single_or_list<training_job>&, std::uint16_t entry)>;

/// Opens the file with the requests of the service of entry number `entry` of the workload.
using request_opener =
    std::function<std::unique_ptr<workload::request_source>(const request_file&, std::uint16_t entry)>;

/// The cache of a model, and what carries it from one replica to another.
struct served_cache {
    double bytes_per_token = 0;  ///< [B]
    std::uint32_t layers = 1;
    double link_b_s = 0;      ///< of one group of the replica; 0: not known [B/s]
    double link_share = 1;    ///< of it that is reached [1]
    duration link_latency{};  ///< of a transfer
};

/// What the model of a service comes to.
struct served_model {
    serving::step_grid grid{};         ///< times of steps without what came before
    serving::linear_step attention{};  ///< what came before
    std::int64_t kv_capacity_tokens = 0;
    std::uint32_t gpus = 1;      ///< of a replica
    std::uint32_t replicas = 1;  ///< that one replica of the scenario is: stages of its pipeline
    sim::modelled_service facts{};
    served_cache cache{};
};

/// Reads the model of the service of entry number `entry` of the workload.
using model_opener = std::function<served_model(const inference_service&, std::uint16_t entry)>;

/// Policies, placers, sources of jobs and cap policies beside those of this library, such as those of plug-ins. Each
/// maker gets the key path of the part's options, for messages, and returns null for a name that it does not have.
class more_parts {
public:
    more_parts() = default;
    more_parts(const more_parts&) = delete;
    more_parts& operator=(const more_parts&) = delete;
    virtual ~more_parts() = default;

    [[nodiscard]] virtual std::vector<policy::description> policies() const = 0;
    [[nodiscard]] virtual std::vector<policy::description> placers() const = 0;
    [[nodiscard]] virtual std::vector<policy::description> sources() const = 0;
    [[nodiscard]] virtual std::vector<policy::description> cap_policies() const = 0;
    /// What a part is made from.
    struct recipe {
        std::string_view name;
        const free_options* options = nullptr;  ///< null: none were given
        std::string key;                        ///< path of the options
        std::uint64_t seed = 0;
        std::uint16_t entry = 0;  ///< of a source: its place in the workload; of a cap policy: in the controllers
    };
    /// \throws scenario_error, plugin_error
    [[nodiscard]] virtual std::unique_ptr<policy::policy> make_policy(const recipe& r) const = 0;
    [[nodiscard]] virtual std::unique_ptr<policy::placer> make_placer(const recipe& r) const = 0;
    [[nodiscard]] virtual std::unique_ptr<workload::job_source> make_source(const recipe& r) const = 0;
    [[nodiscard]] virtual std::unique_ptr<power::cap_policy> make_cap_policy(const recipe& r) const = 0;
};

/// The beginnings of calendar years (UTC) within simulated time, without its start.
[[nodiscard]] std::vector<instant> year_starts(date start);

/// The GPU types that the fleet names, each once, in the order in which it does.
[[nodiscard]] std::vector<std::string> gpu_types_of(const fleet& f);

/// `validate` with the policies, placers and sources that this library has, and `more` has. \throws scenario_error
void validate(const scenario& s, const locator& locate = {}, const more_parts* more = nullptr);

/// Checks the description and makes the parts of its simulation. Observers are left to the caller.
/// \throws scenario_error, and whatever `open_trace` and the makers of `more` throw
[[nodiscard]] sim::parts build(const scenario& s, const trace_opener& open_trace = {}, const locator& locate = {},
                               const more_parts* more = nullptr, const training_opener& open_training = {},
                               const request_opener& open_requests = {}, const model_opener& open_model = {});

}  // namespace ampacity::scenario
