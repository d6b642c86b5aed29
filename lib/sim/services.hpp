#pragma once
/// \file
/// The services of a run, with the requests that are still to come, what has become of the others, and the GPUs that
/// replicas hold.
///
/// In each round the simulation calls, of each service that has something to do, `advance` (completions), `submit`
/// (arrivals), and behind the scheduling pass `start`; whatever touches a service calls for its `start` in that round.
/// Requests are read in batches, and reading is timed. Nothing is allocated per request once its replicas have held as
/// many as they will. A service without requests has its ticks for arrivals. Of a service that scales, whatever touches
/// it may also have made something due of its replicas. Each site of a service that is everywhere is one of its own
/// here, but what comes to it is said by a router that they share, at the ticks of all. Not thread-safe.

#include "demand_router.hpp"
#include "replica_set.hpp"

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fluid/fluid_service.hpp>
#include <ampacity/fluid/window.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/serving/service_metrics.hpp>
#include <ampacity/serving/token_gaps.hpp>
#include <ampacity/sim/observer.hpp>
#include <ampacity/sim/result.hpp>
#include <ampacity/sim/service_parts.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::sim {

class services {
public:
    /// Reads the first requests. \throws data_error, scenario_error
    /// `sampled`: `samples` will be called.
    /// `paced`: `set_pace` may be called.
    services(std::vector<service_parts> list, bool sampled, bool paced = false);

    [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(all_.size()); }
    [[nodiscard]] const service_parts& of(std::uint32_t i) const noexcept { return all_[i]->parts; }
    /// A start or an end of its holding all its GPUs, by node: what the energy meter is told.
    [[nodiscard]] job_event told(std::uint32_t i, instant now) const;

    /// May become earlier by `clear_records` where requests follow answers.
    [[nodiscard]] instant next_arrival(std::uint32_t i) const { return all_[i]->next_arrival(); }
    [[nodiscard]] bool follows_answers(std::uint32_t i) const noexcept { return all_[i]->loop != nullptr; }
    [[nodiscard]] instant next_end(std::uint32_t i) const noexcept { return all_[i]->engine.next(); }

    /// Does what ends at this instant.
    void advance(std::uint32_t i, instant now);
    /// All requests of this instant arrive.
    void submit(std::uint32_t i, instant now);
    /// Those on which `advance` or `submit` was called since `forget_touched`.
    [[nodiscard]] std::span<const std::uint32_t> touched() const noexcept { return touched_; }
    void forget_touched() noexcept;
    void start(std::uint32_t i, instant now);
    /// All that were touched in this round have started.
    void steps_began(instant now) noexcept { begun_ = now; }

    /// Requests that have left since `clear_records`; complete after `start` and `close`.
    [[nodiscard]] std::span<const serving::request_record> records(std::uint32_t i) const noexcept {
        return all_[i]->engine.records();
    }
    void clear_records(std::uint32_t i);

    /// Has the last request left?
    [[nodiscard]] bool is_over(std::uint32_t i) const;
    // --- replicas that come and go ---

    /// Null: they are there from the start.
    [[nodiscard]] replica_set* replicas(std::uint32_t i) noexcept {
        return all_[i]->replicas ? &*all_[i]->replicas : nullptr;
    }
    /// That whose replicas the jobs of this source are; none: they are others.
    [[nodiscard]] std::optional<std::uint32_t> of_source(std::size_t source) const noexcept {
        if (source >= of_source_.size() || of_source_[source] == 0) return std::nullopt;
        return of_source_[source] - 1;
    }
    /// The same of the job in this row of the source, which may be of one of several sites. \pre they are replicas
    [[nodiscard]] std::uint32_t of_job(std::size_t source, std::uint64_t row) const noexcept {
        const std::uint32_t first = of_source_[source] - 1;
        return first + static_cast<std::uint32_t>(row % num_sites_of(first));
    }
    /// The GPUs of a replica's job go at this pace from now on. \pre it holds some; they come and go
    void set_pace(std::uint32_t i, job_id job, double pace, instant now);
    /// Does what is due of its replicas. \pre they come and go
    void act(std::uint32_t i, instant now);
    /// The job of a replica has lost its GPUs; `failed`: by their nodes.
    void stop(std::uint32_t i, job_id job, bool failed, instant now);
    /// The nodes of a replica that has GPUs are to leave: it drains; or they leave now: it ends, if it drains.
    void drain(std::uint32_t i, job_id job, instant now);
    void end_drain(std::uint32_t i, job_id job, instant now);
    [[nodiscard]] workload::job_request next_job(std::uint32_t i, instant now) const;
    /// Of all services, with what happened since the last call; valid until the next. \pre `sampled`
    [[nodiscard]] std::span<const replica_sample> samples(instant now);

    /// Its GPUs are given back, or its replicas are done.
    void leave(std::uint32_t i, instant now);
    [[nodiscard]] bool has_left(std::uint32_t i) const noexcept { return all_[i]->left != never; }
    /// How many have.
    [[nodiscard]] std::uint32_t num_over() const noexcept { return num_over_; }

    /// The run is over. \pre its books are advanced to `end`
    void close(std::uint32_t i, instant end);
    /// What it has done by then, and the GPU-time that its GPUs were its own. \pre nothing has happened since; records
    /// cleared; for `held`: its replicas do not come and go
    [[nodiscard]] service_count count(std::uint32_t i, instant then) const;
    [[nodiscard]] gpu_time held(std::uint32_t i, instant then) const;
    /// `through`: records of the file up to then count as skipped. \pre closed, records cleared
    [[nodiscard]] service_result result(std::uint32_t i, instant end, instant through) const;
    /// Sites of the service whose first one this is; 1 of others.
    [[nodiscard]] std::uint32_t num_sites_of(std::uint32_t first) const noexcept {
        const auto& site = all_[first]->parts.site;
        return site ? static_cast<std::uint32_t>(site->of->sites.size()) : 1;
    }
    /// Of all its sites together. \pre closed; the first of them
    [[nodiscard]] service_result result_everywhere(std::uint32_t first, instant end) const;
    /// Its place among services as the workload has them.
    [[nodiscard]] std::uint32_t place_of(std::uint32_t i) const noexcept { return all_[i]->place; }

    /// Wall time spent on reading requests [s].
    [[nodiscard]] double reading_s() const noexcept { return std::chrono::duration<double>(reading_).count(); }

private:
    /// What the sites of a service share.
    struct sites_together {
        explicit sites_together(std::shared_ptr<const spread_service> of) : router(std::move(of)) {}
        demand_router router;
        std::uint32_t first = 0;
        std::vector<demand_router::site_state> states{};
        std::uint32_t max_serving = 0;  ///< replicas, at the ends of rounds
    };
    /// Of a service's requests, until an instant.
    struct totals {
        instant at = start_of_time;
        std::uint64_t arrived = 0, finished = 0, shed = 0, decided = 0, met = 0;
        serving::service::progress done{};
        std::optional<double> energy_j{};  ///< of its GPUs [J]
    };
    struct one {
        explicit one(service_parts p)
            : parts(std::move(p)), engine(parts.options, parts.time), metrics(parts.targets), batch(batch_size) {
            if (parts.scaling) replicas.emplace(*parts.scaling, parts.gpus_per_replica, engine, !parts.fluid);
            std::vector<std::uint8_t> priorities;
            for (const class_parts& c : parts.classes) {
                priorities.push_back(c.priority);
                by_class.emplace_back(c.targets);
            }
            class_of = serving::classes_of_priorities(priorities);
            const bool each = parts.options.engine.priorities || !parts.classes.empty();
            gaps.resize(!parts.measures_gaps ? 0 : each ? workload::num_request_priorities : 1);
            if (parts.measures_gaps) engine.measure_gaps(gaps);
        }

        [[nodiscard]] instant next_arrival() const {
            if (flow) return is_over() ? never : next_tick;
            if (loop != nullptr) return loop->next_arrival();
            return at == have ? never : batch[at].arrival;
        }
        /// Of a flow; the sites of a service end together. \pre it is one
        [[nodiscard]] bool is_over() const {
            return together ? std::all_of(together->states.begin(), together->states.end(),
                                          [](const auto& s) { return s.flow->is_over(); })
                            : flow->is_over();
        }
        /// Replicas that serve now.
        [[nodiscard]] std::uint32_t num_serving() const noexcept {
            return replicas ? static_cast<std::uint32_t>(engine.num_open()) : parts.options.replicas;
        }

        service_parts parts;
        std::vector<fleet::gpu_share> where{};  ///< all its GPUs, by node
        serving::service engine;
        std::optional<replica_set> replicas{};
        std::optional<fluid::fluid_service> flow{};  ///< in place of requests
        std::optional<fluid::window_recorder> windows{};
        instant next_tick = start_of_time;
        serving::service_metrics metrics;
        std::vector<serving::token_gaps> gaps{};  ///< of each priority, or of all
        /// By priority, where requests wait by it and some have it.
        std::array<std::unique_ptr<serving::service_metrics>, workload::num_request_priorities> by_priority{};
        std::vector<serving::service_metrics> by_class{};
        std::array<std::size_t, workload::num_request_priorities> class_of{};  ///< by priority
        workload::request_loop* loop = nullptr;  ///< its requests follow answers; else they come in batches
        std::vector<workload::request> batch;
        std::size_t at = 0, have = 0;  ///< the next of the batch; at == have: there are none
        std::uint64_t arrived = 0;
        bool is_touched = false;
        instant left = never;
        // Of a service that scales, since its last decision:
        int128 request_ns = 0;  ///< requests x time, until `counted`
        instant counted = start_of_time, decided = start_of_time;
        std::uint64_t had_left = 0, had_met = 0;   ///< by then
        double had_request_s = 0;                  ///< by then, of a flow
        totals sampled{};                          ///< as of the last sample
        std::vector<std::int64_t> first_tokens{};  ///< times to those since then [ns]
        std::uint32_t place = 0;
        // Of one of several sites:
        std::shared_ptr<sites_together> together{};
        bool is_short = false;       ///< replicas waited for GPUs when the last round that touched it was over
        double lacked_requests = 0;  ///< since its last decision, until `counted`: planned for it beyond what it got
    };
    static constexpr std::size_t batch_size = 1024;
    /// Of those of its replicas that serve, of full speed.
    [[nodiscard]] static double mean_pace(const one& s) noexcept { return s.replicas ? s.replicas->mean_pace() : 1.0; }
    static totals totals_of(const one& s, instant now);
    /// Of its GPUs since the start, by what steps do, the ones in progress included; none: no model says.
    static std::optional<double> energy_j(const one& s, instant now);
    static request_sample sample_of(one& s, instant now, std::uint64_t replicas);

    void refill(one& s);
    void touch(std::uint32_t i);
    /// Something is about to happen to one of its replicas beside what is due.
    void interfere(std::uint32_t i, instant now);
    void make_flow(one& s);
    void join_sites(one& s);
    /// Of all sites, the first time at a tick.
    void route(one& s, instant now);
    void look_at_replicas(one& s);
    /// Something is about to change the number of its requests, or of replicas that serve.
    void count_requests(one& s, instant now) const;
    [[nodiscard]] static serving::scaling_observation seen(one& s, instant now);
    [[nodiscard]] static serving::scaling_observation seen_of_flow(one& s, instant now);
    [[nodiscard]] static service_result flow_result(const service_parts& parts, const fluid::flow_totals& totals,
                                                    const fluid::mix_values& mix,
                                                    const std::optional<fluid::fluid_service::latencies>& times,
                                                    duration held, const std::optional<scaling_result>& scaling);

    std::vector<std::unique_ptr<one>> all_;
    std::vector<std::uint32_t> touched_;
    instant begun_ = never;                 // the end of the last round
    std::vector<std::uint32_t> of_source_;  // number + 1; 0: none
    std::vector<replica_sample> samples_;
    std::uint32_t num_over_ = 0, num_places_ = 0;
    bool is_paced_;
    std::chrono::steady_clock::duration reading_{};
};

}  // namespace ampacity::sim
