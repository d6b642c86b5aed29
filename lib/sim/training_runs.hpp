#pragma once
/// \file
/// Training jobs while they run: how fast steps are where a job lies and with whom it shares the network, what its
/// checkpoint does next, and what has become of all.
///
/// A row of the table of live jobs belongs to one run from `begin` to `leave`. The simulation asks when a job's pause
/// begins or ends, and has it written down here what then holds. Not thread-safe.

#include "live_jobs.hpp"

#include <ampacity/core/run_costs.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/execution/shared_fabric.hpp>
#include <ampacity/execution/shared_store.hpp>
#include <ampacity/execution/training.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/free_index.hpp>
#include <ampacity/kernel/event.hpp>
#include <ampacity/sim/energy.hpp>
#include <ampacity/sim/result.hpp>
#include <ampacity/sim/simulation.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::sim {

class training_runs {
public:
    using terms = execution::training_terms;

    /// `nodes`: of the whole fleet, whose racks outlive this.
    training_runs(std::vector<terms> list, std::optional<double> store_b_s, std::optional<fabric_options> fabric,
                  const fleet::free_index& nodes);

    /// What runs of jobs of each row cost, behind those of all other jobs.
    [[nodiscard]] std::vector<preemption_costs> costs(const preemption_options& others) const;
    [[nodiscard]] std::size_t size() const noexcept { return list_.size(); }
    [[nodiscard]] const terms& of(std::uint16_t row) const noexcept { return list_[row - 1U]; }
    /// Does it write checkpoints by a rule of its own?
    [[nodiscard]] bool is_driven(std::uint16_t row) const noexcept {
        return row != 0 && of(row).checkpoint.interval.has_value();
    }

    /// Speed on these GPUs of the whole fleet, of that in whole domains; of a run that goes on, with whom it shares the
    /// network now. `scaled`: by how many GPUs there are, relative to the number that it prefers.
    [[nodiscard]] double speed(std::size_t job, std::uint16_t row, std::span<const fleet::gpu_share> where,
                               double scaled) const;

    /// A run begins, or goes on with other GPUs.
    void begin(std::size_t job, std::uint16_t row, std::span<const fleet::gpu_share> where, double scaled);
    /// It is over. The event of its next boundary must be cancelled.
    kernel::event_handle leave(std::size_t job, instant now);
    /// A piece of work behind `from` was done at this speed.
    void count_steps(std::uint16_t row, duration from, duration work, double speed);

    // --- checkpoints: each changes what the run costs from now on ---------------------------------------

    /// When the pause for the next one begins, or its blocking part ends; `never` if neither is next. `costs` are those
    /// since `since`.
    [[nodiscard]] instant boundary(std::size_t job, const run_costs& costs, instant since) const;
    [[nodiscard]] kernel::event_handle& boundary_event(std::size_t job) noexcept { return runs_[job].boundary; }
    /// Is a checkpoint complete by that?
    bool pass_boundary(std::size_t job, std::uint16_t row, instant now, run_costs& costs);
    /// What it wrote is complete. Is all of its progress kept?
    bool written(std::size_t job, std::uint16_t row, instant now, run_costs& costs);
    /// Does it pause longer or shorter than it was going to, because others use the store?
    [[nodiscard]] bool pause_moved(std::size_t job) const;
    void move_pause(std::size_t job, instant now, run_costs& costs);
    /// It is to leave its site with its next checkpoint, and does not work on while that is written; or not any more.
    void set_leaves(std::size_t job, bool leaves) noexcept { runs_[job].leaves = leaves; }

    [[nodiscard]] execution::shared_store& store() noexcept { return store_; }
    /// Jobs whose steps take another time than before, because others use the network.
    [[nodiscard]] std::span<const std::uint32_t> repaced() {
        return fabric_ ? fabric_->changed() : std::span<const std::uint32_t>{};
    }

    /// A job has left, or the run has ended: what it has done.
    void close(std::uint16_t row, duration done, const job_record& record, const live_jobs::waste& waste,
               duration elapsed, gpu_time useful);
    /// A run gets these GPUs, and leaves so many of them.
    void begin_energy(std::size_t job, instant now, std::span<const fleet::gpu_share> where, energy_meter& meter);
    void end_energy(std::size_t job, std::uint16_t row, instant now, std::span<const fleet::gpu_share> where,
                    std::uint32_t gpus, energy_meter& meter);
    /// An elastic job has got another number of GPUs, from its policy or because nodes failed.
    void resized(std::uint16_t row, bool by_failure);
    /// Moves between sites are told from now on.
    void count_moves() noexcept {
        for (training_result& r : results_) r.moves = 0;
    }
    void moved(std::uint16_t row) noexcept { ++*results_[row - 1U].moves; }
    [[nodiscard]] std::vector<training_result> results() const;

private:
    enum class phase : std::uint8_t {
        working,
        waiting,   ///< for the write before to be complete
        blocking,  ///< until its nodes have a copy
        writing,   ///< a synchronous one
    };
    struct run {
        phase now = phase::working;
        bool leaves = false;          ///< see `set_leaves`
        bool in_flight = false;       ///< an asynchronous write, of:
        duration flight_time{};       ///< time worked
        duration flight_work{};       ///< at speed 1
        instant blocked_until{};      ///< while blocking
        instant paused_until{};       ///< while waiting or writing, as was reckoned last
        std::uint16_t in_fabric = 0;  ///< row, while it uses the network, with:
        double scaled = 1;
        instant since{};  ///< its beginning
        kernel::event_handle boundary = kernel::no_event;
    };

    [[nodiscard]] const execution::placed_step& placed(const terms& t, std::span<const fleet::gpu_share> where) const;
    [[nodiscard]] std::uint32_t rack_of(node_id n) const noexcept;
    [[nodiscard]] std::uint32_t part_of(node_id n) const noexcept;
    void enter_fabric(std::size_t job, std::uint16_t row, std::span<const fleet::gpu_share> where, double scaled);
    [[nodiscard]] duration write_time(const terms& t) const;
    bool block(std::size_t job, std::uint16_t row, instant now, run_costs& costs);
    bool write(std::size_t job, std::uint16_t row, instant now, run_costs& costs);
    void keep_all(run& r, std::uint16_t row, run_costs& costs);

    std::vector<terms> list_;
    const fleet::topology* racks_;  // none: nodes are domains
    std::uint32_t gpus_per_node_ = 0;
    double store_b_s_;
    execution::shared_store store_;
    std::optional<fabric_options> fabric_options_;
    std::vector<double> uplinks_;                             // (parts) in GPUs that send at their full rate
    std::unique_ptr<execution::shared_fabric> fabric_;        // none: nobody shares
    std::uint32_t whole_ = 0;                                 // GPUs of a domain
    std::vector<run> runs_;                                   // by job_id
    std::vector<std::vector<energy_meter::site_use>> began_;  // by job_id: of its GPUs, when its run began
    std::vector<energy_meter::site_use> ended_;               // of the last run that ended
    std::vector<training_result> results_;
    std::vector<std::map<double, double>> steps_;  // (rows) done, by their length [s]
    std::vector<double> kept_;                     // (rows) steps of `training_s`, parts of one included
    std::vector<double> gpu_s_;                    // (rows) GPU-time of it
    // While a placement is looked at.
    mutable std::vector<std::uint32_t> gpus_of_, parts_, shares_;  // (racks), those used, or parts of them, their GPUs
    std::vector<double> gpus_of_part_;                             // (parts)
    std::vector<execution::shared_fabric::use> uses_;
};

}  // namespace ampacity::sim
