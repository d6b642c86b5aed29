#include "announcer.hpp"
#include "capacity_changes.hpp"
#include "decision_meter.hpp"
#include "failing_slow.hpp"
#include "feed.hpp"
#include "headroom.hpp"
#include "held_jobs.hpp"
#include "live_jobs.hpp"
#include "pacer.hpp"
#include "partition.hpp"
#include "power_pacer.hpp"
#include "services.hpp"
#include "slowdowns.hpp"
#include "training_runs.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/pod_vector.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/execution/run.hpp>
#include <ampacity/faults/part_failures.hpp>
#include <ampacity/kernel/kernel.hpp>
#include <ampacity/policy/checked_plan.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace ampacity::sim {
namespace {

using kernel::phase;

// The phases of a round, as in the semantics. The scheduling pass stands between control and sampling.
constexpr phase completions{0};
constexpr phase changes{1};
constexpr phase arrivals{2};
constexpr phase control{3};
constexpr phase samples{6};

enum kind : std::uint8_t {
    job_ends,
    jobs_arrive,
    policy_wakes,
    take_sample,
    decision_comes,
    capacity_comes_or_goes,
    feeds_change,
    feeds_are_controlled,
    nodes_slow_down,
    held_enter,
    parts_fail,
    training_pauses,
    store_has_written,
    serving_steps_end,
    requests_arrive,
    service_leaves
};

}  // namespace

class simulation::model {
public:
    static constexpr phase pass_phase{5};
    using kernel_type = kernel::kernel<model>;

    explicit model(parts p)
        : feed_(std::move(p.sources)),
          changes_(p.fleet, std::move(p.outages), std::move(p.reservations), std::move(p.deliveries)),
          slowdowns_(p.fleet.free().num_nodes(), std::move(p.slowdowns)),
          energy_(p.energy ? std::make_unique<energy_meter>(std::move(*p.energy)) : nullptr),
          limits_(energy_.get()),
          failing_slow_(failures_),
          pacers_(all_pacers(p.failures)),
          until_(p.until ? start_of_time + *p.until : never),
          trainings_(p.trainings.empty() ? nullptr
                                         : std::make_unique<training_runs>(std::move(p.trainings), p.store_b_s,
                                                                           p.fabric, p.fleet.empty())),
          costs_table_(costs_of(p)),
          costs_(costs_table_.empty() ? nullptr : costs_table_.data()),
          jobs_(feed_.num_sources(), costs_, p.enforce_estimate, !pacers_.empty() || trainings_),
          decision_time_(p.decision_time),
          sample_every_(p.sample_every),
          tell_(with(energy_.get(), std::move(p.observers)), jobs_),
          held_(feed_, jobs_, tell_),
          speeds_(std::move(p.speeds)),
          names_(*this),
          reserved_for_(std::move(p.reserved_for)),
          signals_(std::move(p.signals)),
          news_(std::move(p.price_news)),
          services_(p.services.empty() ? nullptr : std::make_unique<services>(std::move(p.services))),
          kernel_(*this) {
        if (services_) withdraw_services(p.fleet);
        capacity_plan planned = changes_.planned(p.drain_racks_at);
        planned.any = planned.any || feeds_act() || p.failures.any();
        partitions_.push_back(std::make_unique<partition>(std::move(p.fleet), std::move(planned), std::move(p.policy),
                                                          std::move(p.placer), costs_table_, jobs_, pacers_,
                                                          trainings_.get(), names_));
        if (energy_ != nullptr && energy_->shows_headroom()) {
            headroom_ = std::make_unique<headroom>(*energy_, jobs_);
            headroom_->add_partition({});
            if (feeds_act()) main().plan.allow_caps(*headroom_, true);
        }
        for (std::uint32_t i = 0; i != changes_.reservations().size(); ++i) {
            if (changes_.reservations()[i].kind != reservation_kind::maintenance) add_partition(i, p.drain_racks_at);
        }
        for (const auto& part : partitions_) part->view.signals = &signals_;
        for (const delivery& d : changes_.deliveries()) hold_back(d.nodes);
        if (p.failures.any()) {
            failures_ = std::make_unique<faults::part_failures>(
                std::move(p.failures), faults::fleet_layout::of(fleet().empty()), fleet().states());
            stopped_by_.resize(failures_->processes().size(), 0);
        }
        reserved_for_.resize(feed_.num_sources());
        partition_named_.resize(feed_.num_sources());
        if (fleet().free().is_mixed()) {
            speeds_.resize(feed_.num_sources());
            row_of_model_.resize(feed_.num_sources());
            held_by_type_.resize(fleet().free().types()->size(), 0);
        }
        if (!feed_.empty()) kernel_.schedule(feed_.front().submit, arrivals, {.kind = jobs_arrive});
        if (changes_.any()) schedule_changes();
        if (slowdowns_.any()) schedule_slowdowns();
        if (sample_every_) kernel_.schedule(start_of_time, samples, {.kind = take_sample});
        if (services_) begin_services();
        follow_feeds();
    }

    void dispatch(const kernel::event& e, kernel_type&) {
        if (e.kind != take_sample) reach(kernel_.now());
        switch (e.kind) {
            case job_ends: end(job_id{e.entity}, e.attempt); break;
            case jobs_arrive: arrive(); break;
            case held_enter:
                alarm_ = kernel::no_event;
                arrive();
                break;
            case policy_wakes: wake(*partitions_[e.entity]); break;
            case take_sample: sample_now(); break;
            case decision_comes:
                partitions_[e.entity]->deciding = partition::decision::due;
                touch(*partitions_[e.entity]);
                break;
            case capacity_comes_or_goes: change_capacity(); break;
            case feeds_change: change_feeds(); break;
            case feeds_are_controlled: control_feeds(); break;
            case nodes_slow_down: change_speeds(); break;
            case parts_fail: change_parts(); break;
            case training_pauses: pass_boundary(job_id{e.entity}); break;
            case store_has_written: end_writes(); break;
            case serving_steps_end: end_serving_steps(e.entity); break;
            case requests_arrive: submit_requests(e.entity); break;
            case service_leaves: leave_service(e.entity); break;
            default: AMPACITY_ASSERT(false);
        }
        settle();
    }

    void pass(kernel_type&) {
        if (!touched_.empty()) pass_touched();
        if (services_) start_serving_steps();
    }

    void pass_touched() {
        std::swap(touched_, passing_);
        if (passing_.size() > 1) std::sort(passing_.begin(), passing_.end());
        for (const std::uint32_t number : passing_) {
            partitions_[number]->changed = false;
            pass(*partitions_[number]);
        }
        passing_.clear();
        settle();
        peak_queue_ = std::max(peak_queue_, waiting());
    }

    status run_rounds(std::uint64_t events, instant to) {
        const instant limit = std::min(to, until_);
        const auto s = rounds(events, limit);
        if (s == kernel::run_status::paused) return status::paused;
        if (s == kernel::run_status::reached && limit < until_) return status::paused;
        ended_ = true;
        return status::done;
    }

    const summary& results() {
        if (closed_) return summary_;
        closed_ = true;
        const instant end = ended_ && until_ != never ? until_ : reached_;
        meter_.finish(end);
        advance(end);
        reached_ = end;
        for (std::size_t i = 0; i != jobs_.size(); ++i) {
            partition& p = part_of(i);
            if (i >= p.jobs.size() || p.jobs[i].state == policy::job_state::absent) continue;
            duration done = p.jobs[i].progress;
            if (p.jobs[i].state == policy::job_state::running) {
                leave_training(i, end);
                if (jobs_[i].training != 0) done = done_by(p, i, end);
                jobs_.end_run(i, end, p.jobs[i].demand.gpus, run_end::unfinished);
                count_type(stretch_now(p, i), end);
                tell_.stop(p, i, stretch_now(p, i), end, run_end::unfinished);
            }
            close(p, i, outcome::unfinished, unset, done);
        }
        std::vector<source_records> records;
        for (std::size_t i = 0; i != jobs_.num_sources(); ++i) records.push_back(jobs_.all_records(i));
        summary_ = summarise(records, fleet().installed_gpus() - to_come_, came_);
        if (!jobs_.elastic().empty()) summary_.resizes = resizes_;
        summary_.simulated = end - start_of_time;
        if (energy_) summary_.energy = energy_->results(end);
        for (const auto& p : partitions_) {
            if (p->is_reserved()) count_reserved(*p);
        }
        summary_.reservations = changes_.results(end);
        for (std::size_t i = 0; i != stopped_by_.size(); ++i) {
            const faults::cause_tally what = failures_->tally(i, end);
            summary_.failures.push_back({.name = failures_->processes()[i].cause,
                                         .failures = what.failures,
                                         .jobs_stopped = stopped_by_[i],
                                         .node_s = static_cast<double>(what.node_ns) / 1e9});
            if (failures_->processes()[i].speed)
                summary_.failures.back().slow_s = static_cast<double>(what.slow_ns) / 1e9;
        }
        if (held_.any()) summary_.held = held_.size();
        if (trainings_) summary_.trainings = trainings_->results();
        summary_.books = jobs_.books();
        if (services_) close_services(end);
        for (std::size_t t = 0; t != held_by_type_.size(); ++t) {
            const auto type = static_cast<fleet::gpu_type>(t);
            summary_.types.push_back({.name = fleet().free().types()->name(type),
                                      .gpus = fleet().installed_gpus_of(type),
                                      .held = held_by_type_[t]});
        }
        for (const auto& p : partitions_) p->fleet.book(summary_.books);
        summary_.books.check();
        return summary_;
    }

    [[nodiscard]] source_records all_records(std::size_t source) const { return jobs_.all_records(source); }
    [[nodiscard]] std::uint64_t arrived() const noexcept { return arrived_; }
    [[nodiscard]] std::uint64_t live() const noexcept { return live_; }
    [[nodiscard]] std::uint64_t waiting() const noexcept { return live_ - running_; }

    [[nodiscard]] job_times times(std::size_t source, std::uint64_t row) const { return held_.times(source, row); }
    [[nodiscard]] bool has_links() const noexcept { return held_.any(); }

private:
    friend class simulation;

    /// What policies ask for names.
    class names final : public policy::owner_names {
    public:
        explicit names(const model& m) : model_(m) {}
        [[nodiscard]] std::string_view user(job_id job) const override { return text(job, model_.seen(job).user); }
        [[nodiscard]] std::string_view group(job_id job) const override { return text(job, model_.seen(job).group); }

    private:
        [[nodiscard]] std::string_view text(job_id job, std::uint32_t name) const {
            return name == 0 ? std::string_view{} : model_.feed_.source(model_.jobs_[index(job)].source()).text(name);
        }
        const model& model_;
    };

    feed feed_;
    capacity_changes changes_;
    slowdowns slowdowns_;
    std::unique_ptr<energy_meter> energy_;  // none: nobody asked
    power_pacer limits_;
    std::unique_ptr<faults::part_failures> failures_;  // none: nothing fails at random
    failing_slow failing_slow_;
    std::vector<const pacer*> pacers_;  // none: all nodes run at full speed
    instant until_;
    std::unique_ptr<training_runs> trainings_;   // none: there are no training jobs
    std::vector<preemption_costs> costs_table_;  // by job_view::costs_row
    const preemption_costs* costs_;              // the same; none: preemption is free
    live_jobs jobs_;
    decision_time decision_time_;
    std::optional<duration> sample_every_;
    announcer tell_;
    held_jobs held_;
    std::vector<source_speeds> speeds_;                    // by source
    std::vector<std::vector<std::uint8_t>> row_of_model_;  // by source, by text index; `no_row` until it is asked for
    static constexpr std::uint8_t no_row = 0xFF;
    names names_;
    std::unique_ptr<headroom> headroom_;                  // none: policies see none
    std::vector<std::unique_ptr<partition>> partitions_;  // the fleet, then reservations with jobs by start
    // By source, by text index: the partition of jobs of that reservation; `unknown_partition` until one asks.
    std::vector<std::vector<std::uint16_t>> partition_named_;
    static constexpr std::uint16_t unknown_partition = 0xFFFF;
    std::vector<std::string> reserved_for_;  // by source
    policy::known_signals signals_;
    std::vector<known_price> news_;  // by instant
    std::size_t next_news_ = 0;
    std::unique_ptr<services> services_;  // none: there are none
    kernel_type kernel_;
    std::uint64_t peak_queue_ = 0;
    bool ended_ = false;
    decision_meter meter_;

    /// Empty: preemption is free.
    [[nodiscard]] std::vector<preemption_costs> costs_of(const parts& p) const {
        if (trainings_) return trainings_->costs(p.preemption);
        if (p.preemption.free() && changes_.outages().empty() && !feeds_act() && !p.failures.any()) return {};
        return {preemption_costs{p.preemption}};
    }

    [[nodiscard]] std::vector<const pacer*> all_pacers(const faults::failure_plan& failures) const {
        std::vector<const pacer*> out;
        if (slowdowns_.any()) out.push_back(&slowdowns_);
        if (feeds_act()) out.push_back(&limits_);
        if (failures.changes_runs()) out.push_back(&failing_slow_);
        return out;
    }

    static std::vector<observer*> with(observer* one, std::vector<observer*> others) {
        if (one != nullptr) others.insert(others.begin(), one);
        return others;
    }

    /// What a plug-in has done wrong is told with the time at which it did.
    kernel::run_status rounds(std::uint64_t events, instant limit) try {
        return kernel_.run_rounds(events, limit);
    } catch (const plugin_error& e) {
        diagnostic d = e.details();
        d.what += " at " + format_ns_as_seconds(ticks(kernel_.now())) + " s of simulated time";
        throw plugin_error(std::move(d));
    }

    // --- partitions ------------------------------------------------------------------------------------

    /// That of all jobs that name no reservation.
    [[nodiscard]] partition& main() noexcept { return *partitions_.front(); }
    [[nodiscard]] const partition& main() const noexcept { return *partitions_.front(); }
    [[nodiscard]] const fleet::fleet_state& fleet() const noexcept { return main().fleet; }
    [[nodiscard]] partition& part_of(std::size_t i) noexcept { return *partitions_[jobs_[i].part]; }
    /// \pre in the system
    [[nodiscard]] const policy::job_view& seen(job_id job) const {
        return partitions_[jobs_[index(job)].part]->jobs[index(job)];
    }
    /// Its next pass has something to decide.
    void touch(partition& p) {
        if (!std::exchange(p.changed, true)) touched_.push_back(p.number);
    }

    /// One more, for the jobs of that reservation. It is closed until the reservation begins.
    void add_partition(std::uint32_t number, std::uint32_t drain_racks_at) {
        reservation& r = changes_.reservations()[number];
        AMPACITY_ASSERT(r.policy && r.placer && partitions_.size() < unknown_partition);
        auto nodes = fleet::fleet_state::part(fleet(), r.what.nodes);
        std::vector<node_id> all;
        for (std::uint32_t i = 0; i != r.what.nodes.size(); ++i) all.push_back(node_id{i});
        capacity_plan planned{.any = true, .drain_racks_at = drain_racks_at};
        const bool is_later = r.what.start != start_of_time;
        if (is_later) planned.closings.push_back({.start = start_of_time, .end = r.what.start, .nodes = all});
        if (r.kind == reservation_kind::advance)
            planned.closings.push_back({.start = r.what.end, .end = never, .nodes = all});
        auto p =
            std::make_unique<partition>(std::move(nodes), std::move(planned), std::move(r.policy), std::move(r.placer),
                                        costs_table_, jobs_, pacers_, trainings_.get(), names_);
        p->reserved = {.name = r.name, .kind = r.kind, .start = r.what.start, .end = r.what.end, .number = number};
        p->rows = r.what.nodes;
        p->number = static_cast<std::uint16_t>(partitions_.size());
        if (headroom_) headroom_->add_partition(p->rows);
        if (headroom_ && feeds_act()) p->plan.allow_caps(*headroom_, false);
        if (is_later) p->fleet.begin_closing();
        changes_.result(number).jobs.emplace();
        partitions_.push_back(std::move(p));
        tell_capacity(*partitions_.back());
    }

    /// What its jobs made of the reservation.
    void count_reserved(const partition& p) {
        ledger books;
        p.fleet.book(books);
        reserved_jobs& jobs = *changes_.result(p.reserved->number).jobs;
        jobs.idle = books[account::idle];
        jobs.down = books[account::down] + books[account::draining];
        jobs.held = books.capacity - jobs.idle - jobs.down;
    }

    void pass(partition& p) {
        if (p.is_over || (decision_time_.any() && !may_decide(p))) return;
        p.plan.begin(kernel_.now(), p.into_closings);
        try {
            const std::int64_t begun = meter_.begin(kernel_.now());
            p.scheduler->decide(picture(p), p.plan);
            meter_.end(begun);
            p.plan.check();
        } catch (...) {
            p.plan.roll_back();
            throw;
        }
        if (feeds_act()) energy_->in_pass(true);
        commit(p);
        if (feeds_act()) energy_->in_pass(false);
        const auto frees = [](const policy::action& a) {
            return a.kind == policy::action_kind::preempt || a.kind == policy::action_kind::resize;
        };
        if (headroom_ && partitions_.size() > 1 && std::any_of(p.plan.actions().begin(), p.plan.actions().end(), frees))
            tell_headroom(&p);
    }

    void wake(partition& p) {
        p.wake = kernel::no_event;
        if (p.is_over) return;
        p.scheduler->on_tick(picture(p));
        touch(p);
    }

    /// Does the scheduling pass of this round decide, of a scheduler that takes time? The first change asks it; its
    /// decision comes after the time it takes and sees all that has changed until then, with the events of its own
    /// instant. Nobody is asked while no job is in the system.
    [[gnu::noinline]] bool may_decide(partition& p) {
        using decision = partition::decision;
        if (p.deciding == decision::due) {
            p.deciding = decision::none;
            return true;
        }
        if (p.deciding == decision::pending || p.live == 0) return false;
        const int128 takes = int128{ticks(decision_time_.base)} + int128{ticks(decision_time_.per_job)} * p.waiting();
        if (takes == 0) return true;
        p.deciding = decision::pending;
        const auto longest = int128{ticks(duration::max())};
        kernel_.schedule(add_saturating(kernel_.now(), duration{static_cast<std::int64_t>(std::min(takes, longest))}),
                         control, {.kind = decision_comes, .entity = p.number});
        return false;
    }

    /// The clock has come to an instant at which something happens. Samples are not counted, so that a run
    /// ends when it would end without them.
    void reach(instant now) {
        if (now == never) {
            throw scenario_error({.where = {},
                                  .key = "until",
                                  .what = "the run goes on beyond 292 years, where simulated time ends",
                                  .value = {},
                                  .remedy = "give a duration, or a larger fleet"});
        }
        advance(now);
        if (main().waiting() != 0) changes_.wait(now - reached_);
        reached_ = now;
    }

    void advance(instant now) {
        main().fleet.advance(now);
        for (partition* const p : open_) p->fleet.advance(now);
    }

    /// What its policy sees, as of now. One view serves the whole run: only what changes is written.
    [[nodiscard]] const policy::view& picture(partition& p) noexcept {
        p.view.now = kernel_.now();
        p.view.capacity.up_gpus = p.fleet.up_gpus();
        p.view.jobs = p.jobs.span();
        p.view.elastic_jobs = jobs_.elastic().span();
        p.view.changed_runs = jobs_.changed().span();
        p.view.oracle = policy::oracle_view{reinterpret_cast<const duration*>(jobs_.data()), sizeof(live_job)};
        p.view.more_rows = reinterpret_cast<const char*>(jobs_.data());
        if (headroom_) p.view.headroom = headroom_->picture(p.number, kernel_.now());
        for (; next_news_ != news_.size() && news_[next_news_].at <= kernel_.now(); ++next_news_)
            signals_.price = news_[next_news_].price;
        return p.view;
    }

    /// All jobs that are submitted at this instant, and those that were held until now.
    void arrive() {
        const instant now = kernel_.now();
        bool any = false;
        while (!feed_.empty() && feed_.front().submit == now) {
            if (held_.any()) enter_held(holds::key_of(feed_.which(), feed_.front().row));
            ask(feed_.front());
            feed_.pop();
            any = true;
        }
        if (any && !feed_.empty()) kernel_.schedule(feed_.front().submit, arrivals, {.kind = jobs_arrive});
        if (held_.any()) {
            enter_held(~holds::key{0});
            set_alarm();
        }
        forget_changes();
    }

    /// A source has a job for this instant.
    void ask(const workload::job_request& r) {
        if (r.links == nullptr) return submit(r, feed_.which());
        ask_linked(r);
    }

    /// The same, of a job that may have to wait for others before it enters the queue.
    [[gnu::noinline]] void ask_linked(workload::job_request r) {
        r.source = static_cast<std::uint16_t>(feed_.which());
        held_.begin();
        const bool never_runs = never_fits(partition_of(r, r.source), r, r.source);
        if (never_runs || held_.submit(r, here())) return submit(r, r.source);
        set_alarm();
    }

    /// Held jobs that enter now and stand before `before` in file order.
    void enter_held(holds::key before) {
        while (const auto job = held_.next_entering(here(), before)) submit(*job, job->source);
        held_.tell(kernel_.now());
    }

    /// A job has ended: others may have waited for it.
    void leave(holds::key key, outcome how) {
        held_.left(key, how, here());
        if (held_.any()) set_alarm();
    }

    [[nodiscard]] round_at here() const noexcept { return {kernel_.now(), kernel_.rounds_processed()}; }

    /// The next held job to enter is looked at when it is due.
    void set_alarm() {
        const instant next = held_.next(kernel_.now());
        if (next == never || (alarm_ != kernel::no_event && alarm_at_ == next)) return;
        kernel_.cancel(alarm_);
        alarm_at_ = next;
        alarm_ = kernel_.schedule(next, arrivals, {.kind = held_enter});
    }

    [[nodiscard]] fleet::demand demand_of(const workload::job_request& r, std::size_t source) {
        return fleet::demand{.gpus = r.gpus,
                             .segment = r.placement.segment,
                             .within = r.placement.within,
                             .exclusive = r.placement.exclusive,
                             .spread = r.placement.spread}
            .with_speeds(speeds_of(r, source));
    }
    /// Without which it can never run.
    [[nodiscard]] fleet::demand needed_by(const partition& p, const workload::job_request& r, std::size_t source) {
        fleet::demand needed = demand_of(r, source);
        if (r.gpus_min != r.gpus_max && p.scheduler->chooses_gpus()) needed.gpus = r.gpus_min;
        return needed;
    }
    [[nodiscard]] bool never_fits(const partition& p, const workload::job_request& r, std::size_t source) {
        return r.gpus == 0 || !policy::fits(*p.placer, p.fleet.empty(), needed_by(p, r, source));
    }

    /// Where the job runs. \throws scenario_error if its reservation does not exist or takes no jobs
    [[nodiscard]] partition& partition_of(const workload::job_request& r, std::size_t source) {
        if (partitions_.size() == 1 && r.reservation == 0 && reserved_for_[source].empty()) return main();
        return *partitions_[partition_named(r.reservation, source)];
    }
    [[gnu::noinline]] std::uint16_t partition_named(std::uint32_t text, std::size_t source) {
        if (text == 0 && reserved_for_[source].empty()) return 0;
        std::vector<std::uint16_t>& known = partition_named_[source];
        if (known.size() <= text) known.resize(std::size_t{text} + 1, unknown_partition);
        if (known[text] == unknown_partition) known[text] = find_partition(text, source);
        return known[text];
    }
    [[nodiscard]] std::uint16_t find_partition(std::uint32_t text, std::size_t source) {
        const std::string name{text == 0 ? std::string_view{reserved_for_[source]} : feed_.source(source).text(text)};
        std::vector<std::string_view> known;
        for (std::uint16_t i = 1; i != partitions_.size(); ++i) {
            if (partitions_[i]->reserved->name == name) return i;
            known.push_back(partitions_[i]->reserved->name);
        }
        throw scenario_error(
            {.where = {},
             .key = "workload." + std::to_string(source),
             .what = "a job names a reservation that takes no jobs",
             .value = name,
             .remedy = known.empty() ? "give scheduler.reservations one of kind advance" : suggestion(name, known)});
    }
    /// Why this job of a reservation never enters its queue; empty if it does.
    [[nodiscard]] std::string why_too_late(const partition& p, const workload::job_request& r) const {
        const reserved_for_jobs& of = *p.reserved;
        const instant now = kernel_.now();
        if (p.is_over || now >= of.end) return "its reservation " + of.name + " is over";
        if (of.kind != reservation_kind::advance || p.into_closings || r.gpus_min != r.gpus_max) return {};
        const duration work = time_for(planned_work(r), r.accelerator.speed);
        const duration length = costs_ == nullptr ? work : costs_[r.training].of(false).length(work);
        if (add_saturating(std::max(now, of.start), length) <= of.end) return {};
        return "it is planned to run beyond the end of its reservation " + of.name;
    }
    /// By the planning estimate.
    [[nodiscard]] static duration planned_work(const workload::job_request& r) noexcept {
        return r.estimate == workload::no_estimate ? r.work : std::max(r.estimate, r.work);
    }

    void submit(const workload::job_request& r, std::size_t source) {
        check(r);
        AMPACITY_ASSERT(r.row <= holds::row_mask);
        job_record& kept = jobs_.record(r, source);
        const fleet::demand wanted = demand_of(r, source);
        const std::uint64_t order = arrived_++;
        partition& p = partition_of(r, source);
        if (p.is_reserved()) ++changes_.result(p.reserved->number).jobs->submitted;
        const bool has_no_place = never_fits(p, r, source);
        const std::string late = has_no_place || !p.is_reserved() ? std::string{} : why_too_late(p, r);
        if (has_no_place || !late.empty()) {
            kept.state = outcome::rejected;
            count_end(p, outcome::rejected);
            tell_.submit(p, r, source, none<job_id>, needed_by(p, r, source), kernel_.now(), late);
            if (held_.any()) leave(holds::key_of(source, r.row), outcome::rejected);
            return;
        }
        const job_id job = jobs_.enter(r, holds::key_of(source, r.row), p.number);
        p.jobs.grow_to(index(job) + 1, {});
        policy::job_view& seen = p.jobs[index(job)];
        seen = {.estimate = planned_work(r),
                .speed = fleet().free().is_mixed() ? 1.0 : r.accelerator.speed,
                .demand = wanted,
                .attempt = seen.attempt,  // goes on counting, so that no stale event can match
                .state = policy::job_state::queued,
                .order = order,
                .submit = r.submit,
                .priority = r.priority,
                .user = r.user,
                .group = r.group,
                .costs_row = r.training};
        ++p.live;
        ++live_;
        tell_.submit(p, r, source, job, wanted, kernel_.now());
        p.scheduler->on_submit(picture(p), job);
        touch(p);
    }

    /// The row of the fleet's table of speeds; 0 without types.
    [[nodiscard]] std::uint8_t speeds_of(const workload::job_request& r, std::size_t source) {
        const fleet::gpu_types* const types = fleet().free().types();
        if (types == nullptr) return 0;
        std::uint8_t row = r.accelerator.row;
        if (row == 0) row = row_of_model(source, r.model);
        AMPACITY_ASSERT(row < types->num_rows());
        return row;
    }
    std::uint8_t row_of_model(std::size_t source, std::uint32_t of) {
        const source_speeds& speeds = speeds_[source];
        if (of == 0 || speeds.of_model.empty()) return speeds.row;
        std::vector<std::uint8_t>& known = row_of_model_[source];
        if (known.size() <= of) known.resize(std::size_t{of} + 1, no_row);
        if (known[of] == no_row) {
            const auto at = speeds.of_model.find(feed_.source(source).text(of));
            known[of] = at == speeds.of_model.end() ? speeds.row : at->second;
        }
        return known[of];
    }

    void check(const workload::job_request& r) const {
        const auto refuse = [](const char* what, const char* remedy) {
            throw scenario_error({.where = {}, .key = "workload", .what = what, .value = {}, .remedy = remedy});
        };
        if (r.kind == workload::job_kind::service) refuse("services are not supported yet", "give another kind of job");
        if (const char* const remedy = workload::wrong_gpus(r))
            refuse("the numbers of GPUs of a job do not go together", remedy);
        if (r.training != 0) {
            if (!trainings_ || r.training > trainings_->size())
                refuse("a training job has no terms", "give its row of parts::trainings, from 1");
            if (r.gpus_min != r.gpus_max || fleet().free().is_mixed())
                refuse("training jobs need a number of GPUs, on a fleet of one type", "give both one");
        }
        if (!(r.serial_fraction >= 0 && r.serial_fraction <= 1))
            refuse("the serial fraction of a job is out of range", "write 0 to 1");
        if (r.gpus_min != r.gpus_max && fleet().free().is_mixed())
            refuse("elastic jobs cannot run on a fleet of several GPU types, or with speeds, yet",
                   "give each job one number of GPUs, or the fleet one type and no speeds");
    }

    void end(job_id job, std::uint32_t attempt) {
        const std::size_t i = index(job);
        partition& p = part_of(i);
        policy::job_view& j = p.jobs[i];
        AMPACITY_ASSERT(j.state == policy::job_state::running && j.attempt == attempt);
        const bool killed = jobs_.run_of(i).ends_killed();
        finish(p, job, killed ? outcome::killed : outcome::finished);
        p.scheduler->on_finish(picture(p), job);
        p.allocations.release(j.held);
        remove(p, job, killed ? outcome::killed : outcome::finished);
        touch(p);
        tell_headroom(&p);
        forget_changes();
    }

    /// A job that runs leaves its GPUs and closes its record.
    void finish(partition& p, job_id job, outcome how) {
        const std::size_t i = index(job);
        const policy::job_view& j = p.jobs[i];
        const run_end ends = how == outcome::killed ? run_end::killed : run_end::finished;
        leave_training(i, kernel_.now());
        const duration done = jobs_[i].training != 0 ? done_by(p, i, kernel_.now()) : duration::zero();
        jobs_.end_run(i, kernel_.now(), j.demand.gpus, ends);
        forget_spoilt(p, i);
        p.fleet.give(j.demand, p.allocations.shares(j.held));
        tell_release(p, job, j.held);
        --p.running;
        --running_;
        count_type(stretch_now(p, i), kernel_.now());
        tell_.stop(p, i, stretch_now(p, i), kernel_.now(), ends);
        close(p, i, how, kernel_.now(), done);
    }

    /// It has left the system.
    void remove(partition& p, job_id job, outcome how) {
        policy::job_view& j = p.jobs[index(job)];
        j.held = {};
        j.state = policy::job_state::absent;
        const holds::key key = jobs_[index(job)].key;
        jobs_.leave(job);
        --p.live;
        --live_;
        if (held_.any() || how == outcome::rejected) leave(key, how);
    }

    // --- training jobs ---------------------------------------------------------------------------------

    /// Its run has begun.
    void start_training(const partition& p, std::size_t i) {
        const std::uint16_t row = jobs_[i].training;
        const auto held = p.allocations.shares(p.jobs[i].held);
        if (p.rows.empty())
            trainings_->begin(i, row, held);
        else
            trainings_->begin(i, row, p.in_fleet(held));
        if (trainings_->is_driven(row)) jobs_.changed()[i] = changed_run_of(p, i);
        schedule_boundary(p, i);
    }
    /// Its run is over, with what it did by `until`.
    void leave_training(std::size_t i, instant until) {
        if (jobs_[i].training == 0) return;
        const execution::run& run = jobs_.run_of(i);
        const duration work = std::min(run.remaining, work_in(run.spent(until).worked, run.speed));
        trainings_->count_steps(jobs_[i].training, jobs_[i].work - run.remaining, work, run.speed);
        kernel_.cancel(trainings_->leave(i, kernel_.now()));
    }
    /// Work done by then, kept or not. \pre it runs
    [[nodiscard]] duration done_by(const partition& p, std::size_t i, instant until) const {
        const execution::run& run = jobs_.run_of(i);
        return p.jobs[i].progress + std::min(run.remaining, work_in(run.spent(until).worked, run.speed));
    }
    /// It has left, or the run ends.
    void close_training(std::size_t i, duration done) {
        const job_record& r = jobs_.record_of(i);
        const instant end = r.finish == unset ? reached_ : r.finish;
        const duration elapsed = r.first_start == unset ? duration::zero() : end - r.first_start;
        trainings_->close(jobs_[i].training, done, r, jobs_.waste_of(i), elapsed);
    }

    void schedule_boundary(const partition& p, std::size_t i) {
        const std::uint16_t row = jobs_[i].training;
        if (!trainings_->is_driven(row)) return;
        kernel::event_handle& event = trainings_->boundary_event(i);
        kernel_.cancel(event);
        const instant at = trainings_->boundary(i, jobs_.changed()[i].costs, p.jobs[i].run_start);
        // None begins as the run ends.
        event =
            at >= jobs_.run_of(i).end()
                ? kernel::no_event
                : kernel_.schedule(at, completions, {.kind = training_pauses, .entity = static_cast<std::uint32_t>(i)});
    }
    /// The pause for a checkpoint begins, or its nodes have a copy.
    void pass_boundary(job_id job) {
        const std::size_t i = index(job);
        partition& p = part_of(i);
        trainings_->boundary_event(i) = kernel::no_event;
        go_on(p, job, [&](run_costs& c) { trainings_->pass_boundary(i, jobs_[i].training, kernel_.now(), c); });
    }
    /// What the store has written by now.
    void end_writes() {
        store_writes_ = {};
        for (const std::uint32_t i : trainings_->store().complete(kernel_.now())) {
            go_on(part_of(i), job_id{i},
                  [&](run_costs& c) { trainings_->written(i, jobs_[i].training, kernel_.now(), c); });
        }
    }
    /// Whoever shares the network or the store with jobs that have come, left or begun to write goes on otherwise.
    void settle_training() {
        for (const std::uint32_t i : trainings_->repaced()) repace(part_of(i), job_id{i});
        if (!trainings_->store().changed()) return;
        // What one writes changes when others are through.
        for (const auto& w : trainings_->store().writes()) {
            const std::uint32_t i = w.owner;
            if (!trainings_->pause_moved(i)) continue;
            go_on(part_of(i), job_id{i}, [&](run_costs& c) { trainings_->move_pause(i, kernel_.now(), c); });
        }
        follow(store_writes_, trainings_->store().next(), completions, store_has_written);
    }
    /// Whatever has happened may have moved what is due next.
    void settle() {
        if (trainings_) settle_training();
        follow_feeds();
    }

    // --- services --------------------------------------------------------------------------------------

    void withdraw_services(fleet::fleet_state& all) {
        for (std::uint32_t i = 0; i != services_->size(); ++i) {
            const service_parts& s = services_->of(i);
            for (const auto& place : s.places) all.withdraw({.gpus = s.gpus_per_replica}, place);
        }
    }
    void begin_services() {
        step_ends_.resize(services_->size());
        request_arrivals_.resize(services_->size());
        for (std::uint32_t i = 0; i != services_->size(); ++i) {
            if (energy_) energy_->on_start(services_->told(i, start_of_time));
            if (services_->is_over(i))
                kernel_.schedule(start_of_time, changes, {.kind = service_leaves, .entity = i});
            else
                follow(request_arrivals_[i], services_->next_arrival(i), arrivals, requests_arrive, i);
        }
    }
    void end_serving_steps(std::uint32_t i) {
        step_ends_[i] = {};
        services_->advance(i, kernel_.now());
        if (services_->is_over(i)) leave_service(i);
    }
    void submit_requests(std::uint32_t i) {
        request_arrivals_[i] = {};
        services_->submit(i, kernel_.now());
        follow(request_arrivals_[i], services_->next_arrival(i), arrivals, requests_arrive, i);
        if (services_->is_over(i)) leave_service(i);
    }
    /// After the pass of each round.
    void start_serving_steps() {
        for (const std::uint32_t i : services_->touched()) {
            services_->start(i, kernel_.now());
            tell_requests(i);
            follow(step_ends_[i], services_->next_end(i), completions, serving_steps_end, i);
            // The last requests may have been cancelled before a step.
            if (services_->is_over(i) && !services_->has_left(i))
                kernel_.schedule(kernel_.now(), changes, {.kind = service_leaves, .entity = i});
        }
        services_->forget_touched();
    }
    void tell_requests(std::uint32_t i) {
        if (services_->records(i).empty()) return;
        tell_.requests(i, services_->records(i));
        services_->clear_records(i);
    }
    /// Its GPUs are for jobs from now on.
    void leave_service(std::uint32_t i) {
        if (services_->has_left(i)) return;
        services_->leave(i, kernel_.now());
        const service_parts& s = services_->of(i);
        for (const auto& place : s.places) main().fleet.give_back({.gpus = s.gpus_per_replica}, place);
        if (energy_) energy_->on_stop(services_->told(i, kernel_.now()), run_end::finished);
        tell_capacity(main());
    }
    void close_services(instant end) {
        for (std::uint32_t i = 0; i != services_->size(); ++i) {
            services_->close(i, end);
            tell_requests(i);
            // Of a file that was read to its end all that is in it.
            const instant through = until_ != never || !ended_ ? end : never;
            summary_.services.push_back(services_->result(i, end, through));
            summary_.books[account::useful] += summary_.services.back().held_gpu_time();
        }
    }

    // --- nodes that leave and come back ----------------------------------------------------------------

    /// What happens to nodes after the last job has left is of no interest to a run that ends with it.
    [[nodiscard]] bool is_drained() const noexcept {
        return until_ == never && live() == 0 && feed_.empty() && held_.size() == 0 &&
               (!services_ || services_->num_over() == services_->size());
    }

    void forget_changes() {
        if ((!changes_.any() && !slowdowns_.any()) || !is_drained()) return;
        kernel_.cancel(std::exchange(next_change_, kernel::no_event));
        kernel_.cancel(std::exchange(next_slowdown_, kernel::no_event));
    }

    void schedule_changes() {
        next_change_ = kernel::no_event;
        if (const auto when = changes_.when(); when && !is_drained())
            next_change_ = kernel_.schedule(*when, changes, {.kind = capacity_comes_or_goes});
    }

    // --- feeds of power --------------------------------------------------------------------------------

    [[nodiscard]] bool feeds_act() const noexcept { return energy_ != nullptr && energy_->acts(); }

    /// What is scheduled of something that says itself when it is due.
    struct followed {
        instant at = never;
        kernel::event_handle event = kernel::no_event;
    };
    void follow(followed& f, instant due, phase when, std::uint8_t what, std::uint32_t entity = 0) {
        if (due != never) due = std::max(due, kernel_.now());
        if (due == f.at) return;
        kernel_.cancel(f.event);
        f = {.at = due,
             .event = due == never ? kernel::no_event : kernel_.schedule(due, when, {.kind = what, .entity = entity})};
    }
    void follow_feeds() {
        if (failures_) follow(parts_change_, is_drained() ? never : failures_->next(), changes, parts_fail);
        if (!feeds_act()) return;
        const bool over = is_drained();
        follow(feeds_change_, over ? never : energy_->plant().next_change(), changes, feeds_change);
        follow(feeds_control_, over ? never : energy_->plant().next_control(), control, feeds_are_controlled);
    }

    void change_feeds() {
        feeds_change_ = {};
        const power::plant::outcome& what = energy_->change_feeds(kernel_.now());
        if (!what.lost.empty()) lose(what.lost);
        if (!what.back.empty()) bring_back(what.back);
        if (!what.lost.empty() || !what.back.empty()) tell_capacity(main());
        tell_headroom(nullptr);
    }
    void control_feeds() {
        feeds_control_ = {};
        const auto& what = energy_->control(kernel_.now());
        if (what.repaced.empty()) return;
        repace(what.repaced);
        tell_headroom(nullptr);
    }
    /// Policies whose own jobs have not changed what feeds could carry more: all but that of `by`.
    void tell_headroom(const partition* by) {
        if (!headroom_) return;
        for (const auto& p : partitions_) {
            if (p.get() == by || p->is_over) continue;
            p->scheduler->on_headroom_changed(picture(*p));
            touch(*p);
        }
    }

    /// These nodes of the fleet fail, with their jobs; how many.
    std::uint64_t lose(std::span<const node_id> nodes) {
        std::uint64_t stopped = 0;
        for_reserved(nodes, [this, &stopped](partition& p, std::span<const node_id> own) {
            stopped += stop_jobs(p, own, run_end::failed);
            p.fleet.fail(own);
        });
        stopped += stop_jobs(main(), nodes, run_end::failed);
        main().fleet.fail(nodes);
        return stopped;
    }
    void bring_back(std::span<const node_id> nodes) {
        for_reserved(nodes, [](partition& p, std::span<const node_id> own) { p.fleet.repair(own); });
        main().fleet.repair(nodes);
        changes_.come_back(nodes);
    }

    /// All that fails at random, or is repaired, at this instant.
    [[gnu::noinline]] void change_parts() {
        parts_change_ = {};
        bool any = false;
        while (failures_->next() == kernel_.now()) {
            const auto change = failures_->advance(fleet().states());
            if (!change) continue;
            falls_back_ = failures_->processes()[change->process].silent;
            failed_nodes_.clear();
            for (std::uint32_t n = change->first_node; n != change->last_node; ++n) failed_nodes_.push_back(node_id{n});
            switch (change->what) {
                case faults::part_change::kind::slows:
                case faults::part_change::kind::recovers: repace(failed_nodes_); continue;
                case faults::part_change::kind::hangs:
                case faults::part_change::kind::corrupts: befall(failed_nodes_); continue;
                case faults::part_change::kind::fails: stopped_by_[change->process] += lose(failed_nodes_); break;
                case faults::part_change::kind::stops:
                    stopped_by_[change->process] += interrupt(failed_nodes_, change->gpus);
                    continue;
                case faults::part_change::kind::repaired: bring_back(failed_nodes_); break;
            }
            any = true;
        }
        falls_back_ = false;
        if (any) tell_capacity(main());
    }
    /// Jobs that hold any of these GPUs of these nodes stop, and the nodes go on; how many.
    std::uint64_t interrupt(std::span<const node_id> nodes, std::uint64_t gpus) {
        std::uint64_t stopped = 0;
        for (const auto& p : partitions_) {
            if (p->is_over) continue;
            const std::uint64_t here = stop_jobs(*p, p->own(nodes), run_end::failed, gpus);
            if (here != 0) touch(*p);
            stopped += here;
        }
        return stopped;
    }

    /// Jobs that hold GPUs of these nodes that have failed, which nobody knows.
    void befall(std::span<const node_id> nodes) {
        for (const auto& p : partitions_) {
            if (p->is_over) continue;
            p->on_nodes.find(p->own(nodes), on_these_nodes_);
            by_arrival(*p, on_these_nodes_);
            for (const job_id job : on_these_nodes_) befall(*p, job);
        }
    }
    /// Behind all else of a plan, those that it has started or resized.
    void befall_started(partition& p) {
        for (const policy::action& a : p.plan.actions()) {
            if (a.kind == policy::action_kind::start || a.kind == policy::action_kind::resize) befall(p, a.job);
        }
    }
    void befall(partition& p, job_id job) {
        bool hangs = false, corrupts = false;
        for (const fleet::gpu_share& s : p.allocations.shares(p.jobs[index(job)].held)) {
            const auto node = static_cast<std::uint32_t>(index(p.row_in_fleet(s.node)));
            hangs = hangs || failures_->hangs(node, s.gpus);
            corrupts = corrupts || failures_->corrupts(node, s.gpus);
        }
        if (corrupts) spoil(p, index(job));
        if (hangs) hang(p, job);
    }
    /// From now on it computes wrong results, which it keeps.
    void spoil(const partition& p, std::size_t i) {
        const policy::job_view& j = p.jobs[i];
        if (spoilt_at(i) != spoilt_.end()) return;
        spoilt_.push_back({.job = i,
                           .progress = j.progress + jobs_.gain_if_stopped(i, kernel_.now(), run_end::failed),
                           .useful = jobs_.useful_if_failed(i, kernel_.now(), j.demand.gpus)});
    }
    /// Its run is over; where that is because its results are found to be wrong, it goes back to before they were.
    void forget_spoilt(partition& p, std::size_t i) {
        const auto at = spoilt_at(i);
        if (at == spoilt_.end()) return;
        if (falls_back_) {
            p.jobs[i].progress = std::min(p.jobs[i].progress, at->progress);
            jobs_.fall_back(i, at->useful);
        }
        spoilt_.erase(at);
    }
    /// It gets no further until it is stopped, or leaves the part.
    void hang(partition& p, job_id job) {
        if (changed_run_of(p, index(job)).costs.hangs) return;
        go_on(p, job, [](run_costs& c) { c.hangs = true; });
    }

    void schedule_slowdowns() {
        next_slowdown_ = kernel::no_event;
        if (const auto when = slowdowns_.when(); when && !is_drained())
            next_slowdown_ = kernel_.schedule(*when, changes, {.kind = nodes_slow_down});
    }

    /// All slowdowns that begin or end at this instant.
    [[gnu::noinline]] void change_speeds() {
        repace(slowdowns_.change_all(kernel_.now()));
        schedule_slowdowns();
    }

    /// What pacers say of these nodes of the fleet may have changed, and with it the speed of the jobs that hold GPUs
    /// of them. \pre rising; there are pacers
    void repace(std::span<const node_id> nodes) {
        for (const auto& p : partitions_) {
            if (p->is_over) continue;
            p->on_nodes.find(p->own(nodes), on_these_nodes_);
            by_arrival(*p, on_these_nodes_);
            for (const job_id job : on_these_nodes_) repace(*p, job);
        }
    }
    /// It works on at the speed of now, which is a new stretch of the same run; what its checkpoints are due for goes
    /// on over the change.
    void repace(partition& p, job_id job) {
        const std::size_t i = index(job);
        const policy::job_view& j = p.jobs[i];
        const auto held = p.allocations.shares(j.held);
        const double placed = p.pace.full_speed(job, held, changed_run_of(p, i).full_speed);
        const double speed = placed * p.pace.pace(job, held);
        if (speed != j.speed) go_on(p, job, speed, placed, [](run_costs&) {});
    }
    /// The same at the speed that it has; `change(costs)` says what it costs from now on.
    template <class F>
    void go_on(partition& p, job_id job, F change) {
        const std::size_t i = index(job);
        go_on(p, job, p.jobs[i].speed, changed_run_of(p, i).queued_speed, change);
    }
    /// Another stretch of its run, at this speed, begins; `change(costs)` says what it costs otherwise.
    template <class F>
    void go_on(partition& p, job_id job, double speed, double queued_speed, F change) {
        const std::size_t i = index(job);
        policy::job_view& j = p.jobs[i];
        policy::changed_run now = changed_run_of(p, i);
        p.scheduler->on_speed_changing(picture(p), job);
        const duration elapsed = kernel_.now() - j.run_start;
        const duration worked = costs_ == nullptr ? elapsed : now.costs.spend(elapsed).worked;
        const std::uint16_t training = jobs_[i].training;
        if (trainings_ && trainings_->is_driven(training)) {
            now.costs = now.costs.driven_rest(elapsed, j.speed);
        } else if (costs_ != nullptr) {
            now.costs = now.costs.rest(elapsed, j.speed);
        }
        change(now.costs);
        now.queued_speed = queued_speed;
        const duration work = work_in(worked, j.speed);
        if (training != 0) trainings_->count_steps(training, j.progress, work, j.speed);
        j.progress += work;
        j.run_start = kernel_.now();
        j.speed = speed;
        jobs_.changed()[i] = now;
        jobs_.change_run(i, j, kernel_.now(), j.demand.gpus);
        kernel_.cancel(jobs_.end_event(i));
        schedule_end(p, i);
        if (training != 0) schedule_boundary(p, i);
        p.scheduler->on_speed_changed(picture(p), job);
        touch(p);
    }
    /// As if it had changed before, if it has not.
    [[nodiscard]] policy::changed_run changed_run_of(const partition& p, std::size_t i) const {
        if (jobs_.changed()[i].any) return jobs_.changed()[i];
        const policy::job_view& j = p.jobs[i];
        return {.costs = costs_ == nullptr ? run_costs{} : j.costs(costs_),
                .began = j.run_start,
                .full_speed = j.speed,
                .queued_speed = j.speed,
                .any = true};
    }
    /// When a running job began its run, or was resized last.
    [[nodiscard]] instant began(const partition& p, std::size_t i) const noexcept {
        const policy::changed_table& changed = jobs_.changed();
        return i < changed.size() && changed[i].any ? changed[i].began : p.jobs[i].run_start;
    }
    [[nodiscard]] stretch stretch_now(const partition& p, std::size_t i) const noexcept {
        return stretch_of(p.jobs[i], began(p, i));
    }

    [[nodiscard]] std::uint64_t gpus_of(std::span<const node_id> nodes) const noexcept {
        std::uint64_t gpus = 0;
        for (const node_id n : nodes) gpus += fleet().free().gpus_of(n);
        return gpus;
    }
    /// These nodes of the fleet come into service later. Before the run.
    void hold_back(std::span<const node_id> nodes) {
        for_reserved(nodes, [](partition& p, std::span<const node_id> own) { p.fleet.uncommission(own); });
        main().fleet.uncommission(nodes);
        to_come_ += gpus_of(nodes);
        if (energy_) energy_->set_absent(start_of_time, nodes, true);
    }
    void commission(std::span<const node_id> nodes) {
        for_reserved(nodes, [](partition& p, std::span<const node_id> own) { p.fleet.commission(own); });
        main().fleet.commission(nodes);
        if (failures_) failures_->commission(kernel_.now(), nodes);
        came_.push_back({.at = kernel_.now(), .gpus = gpus_of(nodes)});
        changes_.come_back(nodes);
        if (!energy_) return;
        energy_->set_absent(kernel_.now(), nodes, false);
        tell_headroom(nullptr);
    }
    void deliver(delivery d) {
        AMPACITY_ASSERT(d.at > kernel_.now() && d.at != never && changes_.any());
        changes_.add(std::move(d));
        kernel_.cancel(next_change_);
        schedule_changes();
    }

    /// All changes of this instant.
    void change_capacity() {
        while (changes_.when() == kernel_.now()) {
            const capacity_change& c = changes_.next();
            const auto nodes = changes_.nodes(c);
            switch (c.what) {
                case capacity_change::kind::outage_begins: lose(nodes); break;
                case capacity_change::kind::closing_begins:
                    changes_.begin_reservation(c.row, stop_jobs(main(), nodes, run_end::preempted));
                    main().fleet.begin_closing();
                    open(c.row);
                    break;
                case capacity_change::kind::outage_ends: bring_back(nodes); break;
                case capacity_change::kind::delivery_comes: commission(nodes); break;
                case capacity_change::kind::closing_ends:
                    shut(c.row);
                    main().fleet.end_closing(c.row);
                    changes_.come_back(nodes);
                    break;
            }
        }
        tell_capacity(main());
        schedule_changes();
    }

    /// Its nodes have left or come back.
    void tell_capacity(partition& p) {
        p.view.capacity.horizons = p.fleet.horizons();
        p.view.capacity.closings = p.fleet.closings();
        p.scheduler->on_capacity_changed(picture(p));
        touch(p);
    }

    /// Calls `f(partition, its own of these nodes)` for each that has some and is not over, and tells its policy.
    template <class F>
    void for_reserved(std::span<const node_id> nodes, F f) {
        for (const auto& p : partitions_) {
            if (!p->is_reserved() || p->is_over) continue;
            const std::span<const node_id> own = p->own(nodes);
            if (own.empty()) continue;
            f(*p, own);
            tell_capacity(*p);
        }
    }
    [[nodiscard]] partition* reserved_by(std::uint32_t number) noexcept {
        for (const auto& p : partitions_) {
            if (p->is_reserved() && p->reserved->number == number) return p.get();
        }
        return nullptr;
    }

    /// A reservation begins; does it have jobs of its own?
    void open(std::uint32_t number) {
        partition* const p = reserved_by(number);
        if (p == nullptr) return;
        if (p->reserved->start != start_of_time) p->fleet.end_closing(0);
        p->fleet.advance(kernel_.now());
        p->fleet.open_books();
        open_.push_back(p);
        tell_capacity(*p);
    }

    /// A reservation ends. Of jobs of its own those that run are killed; those that wait, rejected.
    void shut(std::uint32_t number) {
        partition* const p = reserved_by(number);
        if (p == nullptr) return;
        p->is_over = true;
        std::erase(open_, p);
        for (const job_id job :
             in_order(*p, [](const policy::job_view& j) { return j.state != policy::job_state::absent; })) {
            const std::size_t i = index(job);
            const bool runs = p->jobs[i].state == policy::job_state::running;
            if (runs) {
                kernel_.cancel(jobs_.end_event(i));
                finish(*p, job, outcome::killed);
                p->allocations.release(p->jobs[i].held);
            } else {
                tell_.reject(*p, i, kernel_.now(), "its reservation " + p->reserved->name + " is over");
                close(*p, i, outcome::rejected, unset);
            }
            remove(*p, job, runs ? outcome::killed : outcome::rejected);
        }
        kernel_.cancel(std::exchange(p->wake, kernel::no_event));
        tell_headroom(p);
    }

    /// Jobs of a partition for which `is_meant` holds, in the order of their arrival.
    template <class F>
    [[nodiscard]] static std::vector<job_id> in_order(const partition& p, F is_meant) {
        std::vector<job_id> out;
        for (std::uint32_t i = 0; i != p.jobs.size(); ++i) {
            if (is_meant(p.jobs[i])) out.push_back(job_id{i});
        }
        by_arrival(p, out);
        return out;
    }
    static void by_arrival(const partition& p, std::vector<job_id>& jobs) {
        std::sort(jobs.begin(), jobs.end(),
                  [&p](job_id a, job_id b) { return p.jobs[index(a)].order < p.jobs[index(b)].order; });
    }

    /// Stops the jobs that hold GPUs of these nodes, of each any of `gpus`, in the order of their arrival; how many.
    std::uint64_t stop_jobs(partition& p, std::span<const node_id> nodes, run_end how,
                            std::uint64_t gpus = ~std::uint64_t{0}) {
        std::vector<job_id>& hit = hit_;
        p.on_nodes.find(nodes, hit);
        if (~gpus != 0) {
            std::erase_if(hit, [&](job_id job) {
                const auto held = p.allocations.shares(p.jobs[index(job)].held);
                return std::none_of(held.begin(), held.end(), [&](const fleet::gpu_share& s) {
                    return (s.gpus & gpus) != 0 && std::binary_search(nodes.begin(), nodes.end(), s.node);
                });
            });
        }
        by_arrival(p, hit);
        for (const job_id job : hit) stop(p, job, how);
        return hit.size();
    }

    /// Something other than the policy stops a job; it waits again.
    void stop(partition& p, job_id job, run_end how) {
        const std::size_t i = index(job);
        policy::job_view& j = p.jobs[i];
        const instant now = kernel_.now();
        p.scheduler->on_fail(picture(p), job);
        leave_training(i, now);
        j.progress += jobs_.gain_if_stopped(i, now, how);
        jobs_.end_run(i, now, j.demand.gpus, how);
        forget_spoilt(p, i);
        tell_.stop(p, i, stretch_now(p, i), now, how);
        job_record& r = jobs_.record_of(i);
        jobs_.started_at(i, began(p, i));
        ++(how == run_end::failed ? r.restarts : r.preemptions);
        --p.running;
        --running_;
        kernel_.cancel(jobs_.end_event(i));
        p.fleet.give(j.demand, p.allocations.shares(j.held));
        tell_release(p, job, j.held);
        p.allocations.release(j.held);
        j.held = {};
        j.state = policy::job_state::queued;
        j.was_preempted = true;
        j.has_failed = how == run_end::failed;
        if (i < jobs_.changed().size() && std::exchange(jobs_.changed()[i].any, false))
            j.speed = jobs_.changed()[i].queued_speed;
        if (jobs_.is_elastic(i)) {
            j.demand.gpus = jobs_.elastic()[i].gpus;
            j.speed = jobs_.elastic()[i].speed;
        }
        p.scheduler->on_requeue(picture(p), job);
        tell_headroom(&p);
    }
    /// A job gives GPUs back.
    void tell_release(partition& p, job_id job, fleet::allocation held) noexcept {
        if (!p.is_reserved()) changes_.release(p.allocations.shares(held));
        p.on_nodes.remove(job, p.allocations.shares(held));
    }
    void tell_hold(partition& p, job_id job) { p.on_nodes.add(job, p.allocations.shares(p.jobs[index(job)].held)); }

    /// `done`: work, kept or not; of a training job that is not rejected.
    void close(const partition& p, std::size_t i, outcome how, instant finish, duration done = {}) {
        if (p.jobs[i].state == policy::job_state::running) jobs_.started_at(i, began(p, i));
        jobs_.close(i, how, finish);
        if (jobs_[i].training != 0) close_training(i, done);
        if (how == outcome::finished) ++finished_;
        count_end(p, how);
    }
    void count_end(const partition& p, outcome how) noexcept {
        if (!p.is_reserved()) return;
        reserved_jobs& n = *changes_.result(p.reserved->number).jobs;
        n.finished += how == outcome::finished ? 1U : 0U;
        n.killed += how == outcome::killed ? 1U : 0U;
        n.rejected += how == outcome::rejected ? 1U : 0U;
    }

    /// On a mixed fleet: the run held GPUs of one type until `to`.
    void count_type(const stretch& run, instant to) {
        if (held_by_type_.empty()) return;
        held_by_type_[type_of(run.held)] += gpu_time{ticks(to - run.since)} * run.gpus;
    }
    /// \pre a mixed fleet
    [[nodiscard]] fleet::gpu_type type_of(fleet::allocation held) const {
        return fleet().free().type_of(main().allocations.shares(held).front().node);
    }

    // --- what plans do ---------------------------------------------------------------------------------

    void start(partition& p, job_id job, instant now) {
        const std::size_t i = index(job);
        jobs_.begin_run(i, p.jobs[i], now);
        ++p.running;
        ++running_;
        __builtin_prefetch(&jobs_.record_of(i), 1);
        if (jobs_[i].training != 0) start_training(p, i);
        schedule_end(p, i);
        tell_hold(p, job);
        tell_.start(p, i, now);
        p.scheduler->on_start(picture(p), job);
    }

    void preempt(partition& p, const policy::action& a, instant now) {
        const std::size_t i = index(a.job);
        leave_training(i, now - a.lost);
        jobs_.end_run(i, now - a.lost, a.gpus, run_end::preempted);
        forget_spoilt(p, i);
        count_type(stretch_before(a), now);
        tell_.stop(p, i, stretch_before(a), now, run_end::preempted);
        jobs_.lose(i, a.lost, a.gpus);
        jobs_.started_at(i, a.began);
        ++jobs_.record_of(i).preemptions;
        --p.running;
        --running_;
        kernel_.cancel(jobs_.end_event(i));
        tell_release(p, a.job, a.before);
        p.allocations.release(a.before);
        p.scheduler->on_preempt(picture(p), a.job);
    }

    void resize(partition& p, const policy::action& a, instant now) {
        const std::size_t i = index(a.job);
        jobs_.change_run(i, p.jobs[i], now, a.gpus);
        kernel_.cancel(jobs_.end_event(i));
        schedule_end(p, i);
        jobs_.started_at(i, a.began);
        ++resizes_;
        tell_.resize(p, i, stretch_before(a), now);
        tell_release(p, a.job, a.before);
        tell_hold(p, a.job);
        p.allocations.release(a.before);
        p.scheduler->on_resize(picture(p), a.job);
    }

    void schedule_end(const partition& p, std::size_t i) {
        jobs_.end_event(i) =
            kernel_.schedule(jobs_.run_of(i).end(), completions,
                             {.kind = job_ends, .entity = static_cast<std::uint32_t>(i), .attempt = p.jobs[i].attempt});
    }

    void reject(partition& p, job_id job) {
        tell_.reject(p, index(job), kernel_.now(), "the policy refused it");
        close(p, index(job), outcome::rejected, unset);
        remove(p, job, outcome::rejected);
        forget_changes();
    }

    void commit(partition& p) {
        const instant now = kernel_.now();
        bool any_cap = false;
        for (const policy::action& a : p.plan.actions()) {
            switch (a.kind) {
                case policy::action_kind::start: start(p, a.job, now); break;
                case policy::action_kind::preempt: preempt(p, a, now); break;
                case policy::action_kind::resize: resize(p, a, now); break;
                case policy::action_kind::reject: reject(p, a.job); break;
                case policy::action_kind::set_cap: any_cap = true; break;
                default: AMPACITY_ASSERT(false);
            }
        }
        if (failures_ && failures_->any_effect()) befall_started(p);
        if (any_cap) set_caps(p);
        if (const auto when = p.plan.wake_up()) {
            kernel_.cancel(p.wake);
            p.wake = *when == never ? kernel::no_event
                                    : kernel_.schedule(*when, control, {.kind = policy_wakes, .entity = p.number});
        }
    }

    /// Behind all else of the plan: what it starts has begun.
    [[gnu::noinline]] void set_caps(const partition& p) {
        const power::power_tree& tree = energy_->plant().tree();
        repaced_.clear();
        for (const policy::action& a : p.plan.actions()) {
            if (a.kind != policy::action_kind::set_cap) continue;
            const power::class_limits to{a.cap.low, a.cap.high};
            const auto add = [this](const power::plant::outcome& what) {
                repaced_.insert(repaced_.end(), what.repaced.begin(), what.repaced.end());
            };
            if (a.feed != policy::action::none_of_feeds) {
                add(energy_->cap(kernel_.now(), headroom_->device_of(a.feed), to));
                continue;
            }
            // Racks whose nodes follow each other need not do so themselves.
            for (std::size_t n = index(a.first_node); n != index(a.last_node);) {
                const std::uint32_t unit = tree.unit_of(n);
                add(energy_->cap_units(kernel_.now(), unit, unit + 1, to));
                n += tree.units()[unit].nodes;
            }
        }
        if (repaced_.empty()) return;
        std::sort(repaced_.begin(), repaced_.end());
        repaced_.erase(std::unique(repaced_.begin(), repaced_.end()), repaced_.end());
        repace(repaced_);
        tell_headroom(&p);
    }

    void sample_now() {
        const instant now = kernel_.now();
        std::uint64_t busy = 0, free = 0;
        for (const auto& p : partitions_) {
            busy += p->fleet.held_gpus();
            free += p->is_over ? 0 : p->fleet.free().free_gpus();
        }
        const sample s{.at = now,
                       .queued = waiting(),
                       .running = running_,
                       .busy_gpus = busy,
                       .free_gpus = free,
                       .finished = finished_,
                       .plant = energy_ ? &energy_->plant() : nullptr};
        tell_.show(s);
        // Samples alone do not keep a run alive, and none lies beyond the end of time.
        const instant next = add_saturating(now, *sample_every_);
        if (next != never && (kernel_.pending() != 0 || (until_ != never && next <= until_))) {
            kernel_.schedule(next, samples, {.kind = take_sample});
        }
    }

    std::vector<gpu_time> held_by_type_;            // on a mixed fleet: GPU-time of runs that have ended
    std::vector<std::uint32_t> touched_, passing_;  // partitions with something to decide, and those that do
    std::vector<partition*> open_;                  // reservations with jobs that have begun and not ended
    std::uint64_t live_ = 0, running_ = 0;          // jobs in the system; of these with GPUs
    std::uint64_t to_come_ = 0;                     // GPUs that were not in service at the start
    std::vector<capacity_step> came_;               // since then
    std::uint64_t arrived_ = 0, finished_ = 0, resizes_ = 0;
    kernel::event_handle next_change_ = kernel::no_event, next_slowdown_ = kernel::no_event;
    std::vector<followed> step_ends_, request_arrivals_;  // (services)
    followed feeds_change_, feeds_control_, parts_change_, store_writes_;
    std::vector<std::uint64_t> stopped_by_;  // (causes) jobs
    std::vector<node_id> failed_nodes_;      // while parts fail
    /// A run that computes wrong results, and what it would be without.
    struct spoilt_run {
        std::size_t job = 0;
        duration progress{};
        live_jobs::useful_time useful{};
    };
    [[nodiscard]] std::vector<spoilt_run>::iterator spoilt_at(std::size_t job) {
        return std::find_if(spoilt_.begin(), spoilt_.end(), [job](const spoilt_run& r) { return r.job == job; });
    }
    std::vector<spoilt_run> spoilt_;
    bool falls_back_ = false;             // while wrong results are found
    std::vector<job_id> on_these_nodes_;  // while runs are re-paced
    std::vector<job_id> hit_;             // while jobs are stopped
    std::vector<node_id> repaced_;        // by the caps of a plan
    instant reached_ = start_of_time;
    kernel::event_handle alarm_ = kernel::no_event;
    instant alarm_at_ = never;
    bool closed_ = false;
    summary summary_;
};

simulation::simulation(parts p) {
    AMPACITY_ASSERT(p.policy && p.placer);
    model_ = std::make_unique<model>(std::move(p));
}
simulation::~simulation() = default;
simulation::simulation(simulation&&) noexcept = default;
simulation& simulation::operator=(simulation&&) noexcept = default;

status simulation::step() { return model_->run_rounds(1, never); }
status simulation::run_until(instant t) { return model_->run_rounds(~std::uint64_t{0}, t); }
status simulation::run_rounds(std::uint64_t events) { return model_->run_rounds(events, never); }
void simulation::run() { run_until(never); }
void simulation::deliver(delivery d) { model_->deliver(std::move(d)); }
instant simulation::now() const noexcept { return model_->kernel_.now(); }
std::uint64_t simulation::events_processed() const noexcept { return model_->kernel_.events_processed(); }
std::uint64_t simulation::arrived() const noexcept { return model_->arrived(); }
std::uint64_t simulation::departed() const noexcept { return model_->arrived() - model_->live(); }
std::uint64_t simulation::waiting() const noexcept { return model_->waiting(); }
std::uint64_t simulation::peak_queue() const noexcept { return model_->peak_queue_; }
const decision_costs& simulation::decisions() const noexcept { return model_->meter_.costs(); }
double simulation::reading_s() const noexcept {
    return model_->feed_.reading_s() + (model_->services_ ? model_->services_->reading_s() : 0);
}
const workload::job_source& simulation::source(std::size_t i) const { return model_->feed_.source(i); }
std::size_t simulation::num_sources() const noexcept { return model_->feed_.num_sources(); }
std::size_t simulation::num_services() const noexcept { return model_->services_ ? model_->services_->size() : 0; }
std::optional<double> simulation::service_progress(std::size_t service) const {
    return model_->services_->of(static_cast<std::uint32_t>(service)).requests->progress();
}
const summary& simulation::results() { return model_->results(); }
bool simulation::has_links() const noexcept { return model_->has_links(); }
job_times simulation::times(std::size_t source, std::uint64_t row) const { return model_->times(source, row); }
std::span<const job_record> simulation::records(std::size_t source) const { return model_->all_records(source).jobs; }
source_records simulation::all_records(std::size_t source) const { return model_->all_records(source); }

}  // namespace ampacity::sim
