#pragma once
/// \file
/// One simulation: a fleet, a policy, sources of jobs, and the clock that joins them.
///
/// Build it, then drive it with `run_until`, `run_rounds` or `step`; read `results()` at the end. It prints
/// nothing, has no global state and calls back only observers and the policy; any number live side by side, each
/// used by one thread at a time. Reading the sources is timed apart, so that the speed of the simulation is known.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/run_costs.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/execution/training.hpp>
#include <ampacity/faults/failure_plan.hpp>
#include <ampacity/fleet/closing.hpp>
#include <ampacity/fleet/fleet_state.hpp>
#include <ampacity/policy/placer.hpp>
#include <ampacity/policy/policy.hpp>
#include <ampacity/sim/decision_costs.hpp>
#include <ampacity/sim/energy.hpp>
#include <ampacity/sim/observer.hpp>
#include <ampacity/sim/result.hpp>
#include <ampacity/sim/service_parts.hpp>
#include <ampacity/sim/site_parts.hpp>
#include <ampacity/sim/snapshot.hpp>
#include <ampacity/workload/source.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ampacity::sim {

/// Simulated time that a scheduling pass takes; none by default. A change asks for a pass, which comes after `base` +
/// `per_job` x the jobs that wait then, and decides on what is so when it comes; further changes until then are left
/// to it.
struct decision_time {
    duration base{};
    duration per_job{};

    [[nodiscard]] constexpr bool any() const noexcept { return base != duration{} || per_job != duration{}; }
};

/// How fast the jobs of a source run on a mixed fleet: rows of `fleet::gpu_types`.
struct source_speeds {
    std::uint8_t row = 0;  ///< of jobs whose model has no row
    std::map<std::string, std::uint8_t, std::less<>> of_model{};
};

/// Nodes that fail and are repaired at given times; nobody knows beforehand. \pre nodes rising, start < end
struct outage {
    instant start{};
    instant end{};
    std::vector<node_id> nodes;
};

/// Nodes on which jobs run slower for a while; nobody knows beforehand. \pre nodes rising, start < end, 0 < speed <= 1
struct slowdown {
    instant start{};
    instant end{};
    std::vector<node_id> nodes;
    double speed = 1.0;  ///< of the full one
};

/// Nodes that stand in the fleet but come into service later; nobody knows beforehand. Until then they are
/// uncommissioned: they take no jobs, draw no power and cost nothing. \pre nodes rising, whole racks; each in one at
/// most
struct delivery {
    instant at = never;  ///< not the start of time; `never`: when `simulation::deliver` says so
    std::vector<node_id> nodes;
};

/// Nodes that leave for good: from `at` on they are uncommissioned. Policies know it from `known` on, on a fleet of one
/// GPU type. \pre nodes rising, whole racks, in service by then; known < at, or equal: nobody knows beforehand; of
/// several no two at the same instant
struct retirement {
    instant known{};
    instant at{};
    std::vector<node_id> nodes;
};

/// What the nodes of a reservation do meanwhile.
enum class reservation_kind : std::uint8_t {
    maintenance,     ///< they take no jobs
    advance,         ///< they take jobs that name it, which are planned to end by its end
    capacity_block,  ///< they take jobs that name it, and stop them at its end
};

/// Nodes that are planned to close, and what it is called. To jobs of their own they are a fleet that is closed until
/// the start. At the end those that run are killed, and those that wait rejected. Policies learn of it at `known`;
/// replicas with a limit of draining begin to drain that long before the start, but not before `known`.
/// \pre nodes rising, known <= start < end, of one with jobs known from the start of time; nodes of one with jobs are
/// in no other at the same time
struct reservation {
    std::string name;
    fleet::closing what;
    reservation_kind kind = reservation_kind::maintenance;
    instant known = start_of_time;
    std::unique_ptr<policy::policy> policy{};  ///< of its jobs, as `placer`; null without jobs
    std::unique_ptr<policy::placer> placer{};
};

/// What is known of the price of energy from an instant on.
struct known_price {
    instant at{};
    std::shared_ptr<const exact_series> price{};
};

/// A tier of the network whose uplinks training jobs share.
struct fabric_options {
    scope part = scope::block;    ///< has an uplink each; not the fleet
    double oversubscription = 1;  ///< GPUs of a part for each that can send out of it at its full rate; > 0
    bool interleave = false;      ///< jobs shift their steps against each other
};

/// Everything that a simulation needs; it takes ownership.
struct parts {
    fleet::fleet_state fleet;
    std::vector<std::unique_ptr<workload::job_source>> sources{};
    std::unique_ptr<policy::policy> policy{};
    std::unique_ptr<policy::placer> placer{};
    std::optional<duration> until{};  ///< none: until the last job and the last request have left
    bool enforce_estimate = false;    ///< kill jobs whose run time reaches their raw estimate
    preemption_options preemption{};  ///< what preempting a job costs
    sim::decision_time decision_time{};
    std::vector<outage> outages{};  ///< \pre a fleet of nodes, as the next two
    std::vector<slowdown> slowdowns{};
    std::vector<delivery> deliveries{};
    std::vector<retirement> retirements{};
    std::vector<reservation> reservations{};  ///< \pre nodes of one type
    std::uint32_t drain_racks_at = 0;         ///< share of failed nodes at which a rack drains [millionths]; 0: never
    std::optional<duration> sample_every{};   ///< interval of `observer::on_sample`
    std::vector<observer*> observers{};       ///< not owned; outlive the simulation
    std::vector<source_speeds> speeds{};      ///< on a mixed fleet, by source; none: speed 1 on all types
    std::optional<energy_model> energy{};     ///< \pre a fleet of nodes
    std::vector<std::string> reserved_for{};  ///< by source: reservation of jobs that name none; empty: none
    policy::known_signals signals{};          ///< that policies see
    std::vector<known_price> price_news{};    ///< by instant: takes the place of `signals.price`
    faults::failure_plan failures{};          ///< at random; \pre a fleet of nodes
    std::vector<execution::training_terms> trainings{};  ///< of training jobs; \pre a fleet of one GPU type
    std::optional<double> store_b_s{};  ///< that checkpoints are written to [B/s]; none: as fast as jobs write
    /// \pre a fleet of one GPU type and speed; no node ever leaves it unless all services scale
    std::vector<service_parts> services{};
    std::optional<fabric_options> fabric{};  ///< none: the network is as fast as jobs send; \pre racks
    std::vector<fleet_group> groups{};       ///< of the fleet, for what came when; empty: nobody asks
    std::vector<instant> snapshots{};        ///< rising: when the books are looked at; empty: never
    /// \pre nodes of one type; no reservations with jobs; all services scale
    site_scheduling sites{};
};

/// How a call that drives the simulation ended.
enum class status : std::uint8_t {
    done,    ///< the run has reached its end
    paused,  ///< there is more to do
};

/// When a job was submitted, and when it entered the queue: what its wait and JCT count from. The same unless it waited
/// for other jobs first.
struct job_times {
    instant submit = unset;
    instant eligible = unset;  ///< unset: never, or it was rejected at its submit
};

class simulation {
public:
    /// \throws data_error if a source cannot be read
    explicit simulation(parts p);
    ~simulation();
    simulation(simulation&&) noexcept;
    simulation& operator=(simulation&&) noexcept;

    /// One round. After an exception the simulation can only be destroyed.
    /// \throws plan_error, plugin_error, data_error, scenario_error, internal_error, and what a policy throws
    status step();
    /// All rounds up to and including `t`, or the end of the run.
    status run_until(instant t);
    /// Rounds until about `events` events have been processed.
    status run_rounds(std::uint64_t events);
    /// To the end of the run.
    void run();
    /// Nodes of a delivery without a time come into service then. \pre d.at is later than now() and not `never`; no
    /// node has come or is due; some delivery was among the parts
    void deliver(delivery d);

    [[nodiscard]] instant now() const noexcept;
    [[nodiscard]] std::uint64_t events_processed() const noexcept;
    /// Jobs that have arrived; of these, jobs that have left; jobs that wait now.
    [[nodiscard]] std::uint64_t arrived() const noexcept;
    [[nodiscard]] std::uint64_t departed() const noexcept;
    [[nodiscard]] std::uint64_t waiting() const noexcept;
    /// Largest number of jobs that waited at the end of any round.
    [[nodiscard]] std::uint64_t peak_queue() const noexcept;
    /// What the passes so far have cost; complete after results().
    [[nodiscard]] const decision_costs& decisions() const noexcept;
    /// Wall time spent inside the sources [s].
    [[nodiscard]] double reading_s() const noexcept;
    [[nodiscard]] const workload::job_source& source(std::size_t i) const;
    [[nodiscard]] std::size_t num_sources() const noexcept;
    [[nodiscard]] std::size_t num_services() const noexcept;
    /// Of the file or the number of its requests, what was read so far, where it is known.
    [[nodiscard]] std::optional<double> service_progress(std::size_t service) const;

    /// Closes the books at the end of the run, or now if it was stopped early, checks the ledger, and yields the
    /// summary. Idempotent. \throws internal_error if the books do not balance
    const summary& results();
    /// Records of one source in file order. \pre results() was called
    [[nodiscard]] std::span<const job_record> records(std::size_t source) const;
    /// Whether any job so far has had links to others.
    [[nodiscard]] bool has_links() const noexcept;
    /// Of the job of that row of `records`.
    [[nodiscard]] job_times times(std::size_t source, std::uint64_t row) const;
    /// The same, with what only elastic jobs have. \pre results() was called
    [[nodiscard]] source_records all_records(std::size_t source) const;

private:
    class model;
    std::unique_ptr<model> model_;
};

}  // namespace ampacity::sim
