#include "capacity_changes.hpp"
#include "decision_meter.hpp"
#include "feed.hpp"
#include "holds.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/pod_vector.hpp>
#include <ampacity/execution/run.hpp>
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
    held_enter
};

}  // namespace

class simulation::model {
public:
    static constexpr phase pass_phase{5};
    using kernel_type = kernel::kernel<model>;

    explicit model(parts p)
        : fleet_(std::move(p.fleet)),
          changes_(fleet_, std::move(p.outages), std::move(p.reservations), p.drain_racks_at),
          policy_(std::move(p.policy)),
          into_closings_(policy_->runs_into_closings()),
          placer_(std::move(p.placer)),
          feed_(std::move(p.sources)),
          until_(p.until ? start_of_time + *p.until : never),
          enforce_estimate_(p.enforce_estimate),
          costs_table_(p.preemption),
          costs_(p.preemption.free() && changes_.outages().empty() ? nullptr : &costs_table_),
          decision_time_(p.decision_time),
          sample_every_(p.sample_every),
          observers_(std::move(p.observers)),
          speeds_(std::move(p.speeds)),
          // A plan holds what it takes beside what it gives back.
          allocations_(fleet_.is_pool() ? 0 : 2 * fleet_.installed_gpus()),
          plan_(fleet_, seen_, allocations_, *placer_, costs_, &elastic_),
          names_(*this),
          view_{.capacity = {.free = fleet_.free(),
                             .empty = fleet_.empty(),
                             .in_service = fleet_.in_service(),
                             .horizons = fleet_.horizons(),
                             .closings = fleet_.closings()},
                .health = {.nodes = fleet_.states()},
                .jobs = {},
                .allocations = allocations_,
                .place = *placer_,
                .oracle = policy::oracle_view{nullptr, sizeof(live_job)},
                .more_stride = sizeof(live_job),
                .costs = costs_,
                .owners = &names_},
          kernel_(*this) {
        if (fleet_.free().is_mixed()) {
            speeds_.resize(feed_.num_sources());
            row_of_model_.resize(feed_.num_sources());
            held_by_type_.resize(fleet_.free().types()->size(), 0);
        }
        AMPACITY_ASSERT(feed_.num_sources() <= 1U << 16U);
        records_.resize(feed_.num_sources());
        elastic_records_.resize(feed_.num_sources());
        if (!feed_.empty()) kernel_.schedule(feed_.front().submit, arrivals, {.kind = jobs_arrive});
        if (changes_.any()) schedule_changes();
        if (sample_every_) kernel_.schedule(start_of_time, samples, {.kind = take_sample});
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
            case policy_wakes:
                wake_ = kernel::no_event;
                policy_->on_tick(picture());
                changed_ = true;
                break;
            case take_sample: sample_now(); break;
            case decision_comes:
                decision_ = decision::due;
                changed_ = true;
                break;
            case capacity_comes_or_goes: change_capacity(); break;
            default: AMPACITY_ASSERT(false);
        }
    }

    void pass(kernel_type&) {
        if (!changed_) return;
        changed_ = false;
        if (!decision_time_.any() || may_decide()) {
            plan_.begin(kernel_.now(), into_closings_);
            try {
                const std::int64_t begun = meter_.begin(kernel_.now());
                policy_->decide(picture(), plan_);
                meter_.end(begun);
                plan_.check();
            } catch (...) {
                plan_.roll_back();
                throw;
            }
            commit();
        }
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
        fleet_.advance(end);
        for (std::size_t i = 0; i != seen_.size(); ++i) {
            if (seen_[i].state == policy::job_state::absent) continue;
            if (seen_[i].state == policy::job_state::running) {
                end_run(i, end, seen_[i].demand.gpus, run_end::unfinished);
                count_type(run_of(i), end);
                tell_stop(i, run_of(i), end, run_end::unfinished);
            }
            close(job_id{static_cast<std::uint32_t>(i)}, outcome::unfinished, unset);
        }
        std::vector<source_records> records;
        for (std::size_t i = 0; i != records_.size(); ++i) records.push_back(all_records(i));
        summary_ = summarise(records, fleet_.installed_gpus());
        if (!elastic_.empty()) summary_.resizes = resizes_;
        summary_.simulated = end - start_of_time;
        summary_.reservations = changes_.results(end);
        if (holds_) summary_.held = holds_->size();
        summary_.books = books_;
        for (std::size_t t = 0; t != held_by_type_.size(); ++t) {
            const auto type = static_cast<fleet::gpu_type>(t);
            summary_.types.push_back({.name = fleet_.free().types()->name(type),
                                      .gpus = fleet_.installed_gpus_of(type),
                                      .held = held_by_type_[t]});
        }
        fleet_.book(summary_.books);
        summary_.books.check();
        return summary_;
    }

    [[nodiscard]] source_records all_records(std::size_t source) const {
        return {.jobs = records_.at(source).span(), .elastic = elastic_records_.at(source).span()};
    }
    [[nodiscard]] std::uint64_t arrived() const noexcept { return arrived_; }
    [[nodiscard]] std::uint64_t live() const noexcept { return live_; }
    [[nodiscard]] std::uint64_t waiting() const noexcept { return live_ - running_; }

    [[nodiscard]] job_times times(std::size_t source, std::uint64_t row) const {
        const job_record& r = records_.at(source)[row];
        const bool held = source < asked_.size() && row < asked_[source].size() && asked_[source][row] != unset;
        if (!held) return {.submit = r.submit, .eligible = r.state == outcome::rejected ? unset : r.submit};
        const instant asked = asked_[source][row];
        return asked == never ? job_times{.submit = r.submit, .eligible = unset}
                              : job_times{.submit = asked, .eligible = r.submit};
    }

private:
    friend class simulation;

    /// What policies ask for names.
    class names final : public policy::owner_names {
    public:
        explicit names(const model& m) : model_(m) {}
        [[nodiscard]] std::string_view user(job_id job) const override {
            return text(job, model_.seen_[index(job)].user);
        }
        [[nodiscard]] std::string_view group(job_id job) const override {
            return text(job, model_.seen_[index(job)].group);
        }

    private:
        [[nodiscard]] std::string_view text(job_id job, std::uint32_t name) const {
            return name == 0 ? std::string_view{}
                             : model_.feed_.source(model_.live_jobs_[index(job)].source()).text(name);
        }
        const model& model_;
    };

    fleet::fleet_state fleet_;
    capacity_changes changes_;
    policy::job_table seen_;         // by job_id
    policy::elastic_table elastic_;  // by job_id
    std::unique_ptr<policy::policy> policy_;
    bool into_closings_;  // what the policy says of itself
    std::unique_ptr<policy::placer> placer_;
    feed feed_;
    instant until_;
    bool enforce_estimate_;
    preemption_costs costs_table_;
    const preemption_costs* costs_;  // none: preemption is free
    decision_time decision_time_;
    std::optional<duration> sample_every_;
    std::vector<observer*> observers_;
    std::vector<source_speeds> speeds_;                    // by source
    std::vector<std::vector<std::uint8_t>> row_of_model_;  // by source, by text index; `no_row` until it is asked for
    static constexpr std::uint8_t no_row = 0xFF;
    fleet::allocation_arena allocations_;
    policy::checked_plan plan_;
    names names_;
    policy::view view_;
    kernel_type kernel_;
    std::vector<pod_vector<job_record>> records_;              // by source, by row
    std::vector<pod_vector<elastic_record>> elastic_records_;  // the same
    std::uint64_t peak_queue_ = 0;
    bool ended_ = false;
    decision_meter meter_;
    enum class decision : std::uint8_t { none, pending, due } decision_ = decision::none;

    static constexpr unsigned row_bits = holds::row_bits;

    /// What only the simulation knows of a live job. Half a cache line: most live jobs may be waiting.
    struct alignas(32) live_job {
        duration work{};           ///< the truth: the whole work at speed 1; stands first, for `oracle_view`
        duration ran{};            ///< run time of the runs that have ended
        std::uint64_t record = 0;  ///< source in the top 16 bits, row below
        std::uint32_t run = 0;     ///< while it runs: its row in `runs_`; of a free row: the next one

        [[nodiscard]] std::uint16_t source() const noexcept { return static_cast<std::uint16_t>(record >> row_bits); }
        [[nodiscard]] std::uint64_t row() const noexcept { return record & ((std::uint64_t{1} << row_bits) - 1); }
    };
    static_assert(sizeof(live_job) == 32);

    /// Run time of a live job that was not useful, where preemption has costs.
    struct waste {
        duration lost{}, checkpoint{}, restart{};
    };
    /// GPU-time of a live elastic job. What is not useful is part of what it held. [GPU-ns]
    struct elastic_books {
        gpu_time held = 0, lost = 0, checkpoint = 0, restart = 0;
    };
    /// What observers are told of a run, or a stretch of one, that ends.
    struct stretch {
        fleet::allocation held{};
        instant since{};
        std::uint32_t gpus = 0;
    };

    /// A job that runs. There are never more of these than GPUs, so they stay in the cache however many jobs wait.
    struct alignas(64) running_job {
        execution::run run{};
        kernel::event_handle ends = kernel::no_event;
    };
    static_assert(sizeof(running_job) == 64);

    /// What a plug-in has done wrong is told with the time at which it did.
    kernel::run_status rounds(std::uint64_t events, instant limit) try {
        return kernel_.run_rounds(events, limit);
    } catch (const plugin_error& e) {
        diagnostic d = e.details();
        d.what += " at " + format_ns_as_seconds(ticks(kernel_.now())) + " s of simulated time";
        throw plugin_error(std::move(d));
    }

    /// Does the scheduling pass of this round decide, of a scheduler that takes time? The first change asks it; its
    /// decision comes after the time it takes and sees all that has changed until then, with the events of its own
    /// instant. Nobody is asked while no job is in the system.
    [[gnu::noinline]] bool may_decide() {
        if (decision_ == decision::due) {
            decision_ = decision::none;
            return true;
        }
        if (decision_ == decision::pending || live_ == 0) return false;
        const int128 takes = int128{ticks(decision_time_.base)} + int128{ticks(decision_time_.per_job)} * waiting();
        if (takes == 0) return true;
        decision_ = decision::pending;
        const auto longest = int128{ticks(duration::max())};
        kernel_.schedule(add_saturating(kernel_.now(), duration{static_cast<std::int64_t>(std::min(takes, longest))}),
                         control, {.kind = decision_comes});
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
        fleet_.advance(now);
        if (waiting() != 0) changes_.wait(now - reached_);
        reached_ = now;
    }

    /// What the policy sees, as of now. One view serves the whole run: only what changes is written.
    [[nodiscard]] const policy::view& picture() noexcept {
        view_.now = kernel_.now();
        view_.capacity.up_gpus = fleet_.up_gpus();
        view_.jobs = seen_.span();
        view_.elastic_jobs = elastic_.span();
        view_.oracle = policy::oracle_view{reinterpret_cast<const duration*>(live_jobs_.data()), sizeof(live_job)};
        view_.more_rows = reinterpret_cast<const char*>(live_jobs_.data());
        return view_;
    }

    /// All jobs that are submitted at this instant, and those that were held until now.
    void arrive() {
        const instant now = kernel_.now();
        bool any = false;
        while (!feed_.empty() && feed_.front().submit == now) {
            if (holds_) enter_held(holds::key_of(feed_.which(), feed_.front().row));
            ask(feed_.front());
            feed_.pop();
            any = true;
        }
        if (any && !feed_.empty()) kernel_.schedule(feed_.front().submit, arrivals, {.kind = jobs_arrive});
        if (holds_) {
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
        if (!holds_) holds_ = std::make_unique<holds>();
        r.source = static_cast<std::uint16_t>(feed_.which());
        const auto key = holds::key_of(r.source, r.row);
        if (never_fits(r, r.source)) return submit(r, r.source);
        const auto ended = [this](holds::key k) { return ending_of(k); };
        switch (holds_->submit(r, key, kernel_.now(), ended)) {
            case holds::answer::enters: submit(r, r.source); break;
            case holds::answer::waits:
                record(r, r.source);
                asked_of(key) = never;
                tell_held();
                break;
            case holds::answer::refused:
                record(r, r.source);
                refuse(r, holds_->because());
                leave(key, outcome::rejected);
                break;
        }
    }

    /// Held jobs that enter now and stand before `before` in file order.
    void enter_held(holds::key before) {
        while (auto job = holds_->next_entering(kernel_.now(), kernel_.rounds_processed(), before)) {
            asked_of(job->self) = job->request.submit;
            job->request.submit = kernel_.now();
            submit(job->request, job->request.source);
        }
        tell_held();
    }

    /// A job has ended: others may have waited for it.
    void leave(holds::key key, outcome how) {
        const ending now{how, kernel_.now()};
        if (how == outcome::rejected) refused_.emplace(key, now.at);
        holds_->left(key, now, kernel_.rounds_processed());
        while (const auto job = holds_->next_refused()) {
            refuse(job->request, job->because);
            refused_.emplace(job->self, now.at);
            holds_->left(job->self, {outcome::rejected, now.at}, kernel_.rounds_processed());
        }
        tell_held();
        set_alarm();
    }

    /// A job that never enters the queue, as another did not finish.
    void refuse(const workload::job_request& r, holds::key because) {
        const job_record& other = record_of_key(because);
        record_of_key(holds::key_of(r.source, r.row)).state = outcome::rejected;
        const std::string why = observers_.empty() ? std::string{}
                                                   : "waits for job " + name_of(because) + " to finish, which was " +
                                                         (other.state == outcome::killed ? "killed" : "rejected");
        tell_submit(r, r.source, none<job_id>, demand_of(r, r.source), why);
    }

    /// How and when a job has ended, if it has.
    [[nodiscard]] std::optional<ending> ending_of(holds::key key) const {
        const auto rows = records_[key >> holds::row_bits].span();
        const std::uint64_t row = key & holds::row_mask;
        if (row >= rows.size() || rows[row].submit == unset || rows[row].state == outcome::unfinished)
            return std::nullopt;
        if (rows[row].state != outcome::rejected) return ending{rows[row].state, rows[row].finish};
        const auto at = refused_.find(key);
        return ending{outcome::rejected, at != refused_.end() ? at->second : rows[row].submit};
    }

    [[nodiscard]] job_record& record_of_key(holds::key key) {
        return records_[key >> holds::row_bits][key & holds::row_mask];
    }
    [[nodiscard]] std::string name_of(holds::key key) {
        const job_record& r = record_of_key(key);
        return r.name_is_text ? std::string{feed_.source(key >> holds::row_bits).text(r.name)} : std::to_string(r.name);
    }
    [[nodiscard]] instant& asked_of(holds::key key) {
        const std::size_t source = key >> holds::row_bits;
        if (asked_.size() <= source) asked_.resize(feed_.num_sources());
        asked_[source].grow_to((key & holds::row_mask) + 1, unset);
        return asked_[source][key & holds::row_mask];
    }

    /// The next held job to enter is looked at when it is due.
    void set_alarm() {
        const instant next = holds_->next(kernel_.now());
        if (next == never || (alarm_ != kernel::no_event && alarm_at_ == next)) return;
        kernel_.cancel(alarm_);
        alarm_at_ = next;
        alarm_ = kernel_.schedule(next, arrivals, {.kind = held_enter});
    }

    /// What held jobs wait for, where that has changed.
    void tell_held() {
        if (!observers_.empty()) {
            for (const std::uint32_t at : holds_->changed()) {
                if (!holds_->holds_at(at)) continue;
                const std::string reason = text_of(holds_->why_held(at, kernel_.now()));
                const workload::job_request& r = holds_->request(at);
                const job_event e{.at = kernel_.now(),
                                  .source = r.source,
                                  .name = r.name,
                                  .name_is_text = r.name_is_text,
                                  .where = {},
                                  .gpus = r.gpus,
                                  .user = r.user,
                                  .reason = reason};
                for (observer* o : observers_) o->on_hold(e);
            }
        }
        holds_->forget_changes();
    }

    [[nodiscard]] std::string text_of(const holds::why& w) {
        using kind = holds::why::kind;
        if (w.what == kind::think) return "think time until " + format_ns_as_seconds(ticks(w.until)) + " s";
        if (w.what == kind::array) {
            return "as many tasks of its array are in the system as are allowed (" +
                   std::to_string(w.links->array_limit) + ")";
        }
        std::uint64_t others = 0;
        std::string out;
        for (const workload::dependency& d : w.links->after) {
            if (ending_of(holds::key_of(w.source, d.row))) continue;
            if (!out.empty()) {
                ++others;
                continue;
            }
            out = "waits for job " + name_of_row(w.source, d.row) +
                  (d.kind == workload::dependency_kind::after_ok ? " to finish" : " to end");
        }
        if (others != 0) out += ", and for " + std::to_string(others) + " more";
        return out;
    }
    /// Also of a job that has not been submitted yet.
    [[nodiscard]] std::string name_of_row(std::uint16_t source, std::uint64_t row) {
        const auto rows = records_[source].span();
        if (row >= rows.size() || rows[row].submit == unset) return "of row " + std::to_string(row);
        return name_of(holds::key_of(source, row));
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
    [[nodiscard]] fleet::demand needed_by(const workload::job_request& r, std::size_t source) {
        fleet::demand needed = demand_of(r, source);
        if (r.gpus_min != r.gpus_max && policy_->chooses_gpus()) needed.gpus = r.gpus_min;
        return needed;
    }
    [[nodiscard]] bool never_fits(const workload::job_request& r, std::size_t source) {
        return r.gpus == 0 || !policy::fits(*placer_, fleet_.empty(), needed_by(r, source));
    }

    /// The job's record, from now on.
    job_record& record(const workload::job_request& r, std::size_t source) {
        AMPACITY_ASSERT(r.row >> row_bits == 0);
        auto& records = records_[source];
        records.grow_to(r.row + 1, {});
        return records[r.row] = {.name = r.name,
                                 .submit = r.submit,
                                 .gpus = r.gpus,
                                 .state = outcome::unfinished,
                                 .name_is_text = r.name_is_text};
    }

    void submit(const workload::job_request& r, std::size_t source) {
        check(r);
        const bool is_elastic = r.gpus_min != r.gpus_max;
        job_record& kept = record(r, source);
        const fleet::demand wanted = demand_of(r, source);
        if (is_elastic) {
            kept.elastic = true;
            elastic_records_[source].grow_to(r.row + 1, {});
            elastic_records_[source][r.row].work = r.work;
        }
        const std::uint64_t order = arrived_++;
        if (never_fits(r, source)) {
            kept.state = outcome::rejected;
            tell_submit(r, source, none<job_id>, needed_by(r, source));
            if (holds_) leave(holds::key_of(source, r.row), outcome::rejected);
            return;
        }
        const job_id job = new_row();
        const std::size_t i = index(job);
        const bool estimated = r.estimate != workload::no_estimate;
        seen_[i] = {.estimate = estimated ? std::max(r.estimate, r.work) : r.work,
                    .speed = fleet_.free().is_mixed() ? 1.0 : r.accelerator.speed,
                    .demand = wanted,
                    .attempt = seen_[i].attempt,  // goes on counting, so that no stale event can match
                    .state = policy::job_state::queued,
                    .order = order,
                    .submit = r.submit,
                    .priority = r.priority,
                    .user = r.user,
                    .group = r.group};
        live_jobs_[i] = {.work = r.work, .record = holds::key_of(source, r.row)};
        if (costs_ != nullptr) {
            waste_.grow_to(i + 1, {});
            waste_[i] = {};
        }
        if (is_elastic) {
            elastic_.grow_to(i + 1, {});
            elastic_books_.grow_to(i + 1, {});
            elastic_books_[i] = {};
        }
        if (i < elastic_.size()) elastic_[i] = terms_of(r);
        if (enforce_estimate_) {
            allowance_.grow_to(i + 1, {});
            allowance_[i] = estimated ? r.estimate : duration::max();
        }
        ++live_;
        tell_submit(r, source, job, wanted);
        policy_->on_submit(picture(), job);
        changed_ = true;
    }

    /// The row of the fleet's table of speeds; 0 without types.
    [[nodiscard]] std::uint8_t speeds_of(const workload::job_request& r, std::size_t source) {
        const fleet::gpu_types* const types = fleet_.free().types();
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
        if (!(r.serial_fraction >= 0 && r.serial_fraction <= 1))
            refuse("the serial fraction of a job is out of range", "write 0 to 1");
        if (r.gpus_min != r.gpus_max && fleet_.free().is_mixed())
            refuse("elastic jobs cannot run on a fleet of several GPU types, or with speeds, yet",
                   "give each job one number of GPUs, or the fleet one type and no speeds");
    }

    static policy::elastic_job terms_of(const workload::job_request& r) noexcept {
        if (r.gpus_min == r.gpus_max) return {};
        return {.gpus_min = r.gpus_min,
                .gpus = r.gpus,
                .gpus_max = r.gpus_max,
                .serial_fraction = r.serial_fraction,
                .speed = r.accelerator.speed};
    }

    [[nodiscard]] bool is_elastic(std::size_t i) const noexcept {
        return i < elastic_.size() && elastic_[i].gpus_max != 0;
    }

    job_id new_row() {
        if (free_row_ != none<job_id>) {
            const job_id job = free_row_;
            free_row_ = job_id{live_jobs_[index(job)].run};
            return job;
        }
        seen_.push_back({});
        live_jobs_.push_back({});
        return job_id{static_cast<std::uint32_t>(seen_.size() - 1)};
    }

    /// The row may be used by another job.
    void free(job_id job) noexcept {
        live_jobs_[index(job)].run = static_cast<std::uint32_t>(free_row_);
        free_row_ = job;
    }

    void end(job_id job, std::uint32_t attempt) {
        const std::size_t i = index(job);
        policy::job_view& j = seen_[i];
        AMPACITY_ASSERT(j.state == policy::job_state::running && j.attempt == attempt);
        const bool killed = runs_[live_jobs_[i].run].run.ends_killed();
        end_run(i, kernel_.now(), j.demand.gpus, run_end::finished);
        fleet_.give(j.demand, allocations_.shares(j.held));
        changes_.release(allocations_.shares(j.held));
        --running_;
        count_type(run_of(i), kernel_.now());
        tell_stop(i, run_of(i), kernel_.now(), killed ? run_end::killed : run_end::finished);
        close(job, killed ? outcome::killed : outcome::finished, kernel_.now());
        policy_->on_finish(picture(), job);
        allocations_.release(j.held);
        j.held = {};
        j.state = policy::job_state::absent;
        const holds::key key = live_jobs_[i].record;
        free(job);
        --live_;
        changed_ = true;
        if (holds_) leave(key, killed ? outcome::killed : outcome::finished);
        forget_changes();
    }

    // --- nodes that leave and come back ----------------------------------------------------------------

    /// What happens to nodes after the last job has left is of no interest to a run that ends with it.
    [[nodiscard]] bool is_drained() const noexcept {
        return until_ == never && live_ == 0 && feed_.empty() && (!holds_ || holds_->size() == 0);
    }

    void forget_changes() {
        if (changes_.any() && is_drained()) kernel_.cancel(std::exchange(next_change_, kernel::no_event));
    }

    void schedule_changes() {
        next_change_ = kernel::no_event;
        if (const auto when = changes_.when(); when && !is_drained())
            next_change_ = kernel_.schedule(*when, changes, {.kind = capacity_comes_or_goes});
    }

    /// All changes of this instant.
    void change_capacity() {
        while (changes_.when() == kernel_.now()) {
            const capacity_change& c = changes_.next();
            const auto nodes = changes_.nodes(c);
            switch (c.what) {
                case capacity_change::kind::outage_begins:
                    stop_jobs(nodes, run_end::failed);
                    fleet_.fail(nodes);
                    break;
                case capacity_change::kind::closing_begins:
                    changes_.begin_reservation(c.row, stop_jobs(nodes, run_end::preempted));
                    fleet_.begin_closing();
                    break;
                case capacity_change::kind::outage_ends:
                    fleet_.repair(nodes);
                    changes_.come_back(nodes);
                    break;
                case capacity_change::kind::closing_ends:
                    fleet_.end_closing(c.row);
                    changes_.come_back(nodes);
                    break;
            }
        }
        view_.capacity.horizons = fleet_.horizons();
        view_.capacity.closings = fleet_.closings();
        policy_->on_capacity_changed(picture());
        changed_ = true;
        schedule_changes();
    }

    /// Stops the jobs that hold GPUs of these nodes, in the order of their arrival; how many.
    std::uint64_t stop_jobs(std::span<const node_id> nodes, run_end how) {
        std::vector<job_id> hit;
        for (std::uint32_t i = 0; i != seen_.size(); ++i) {
            if (seen_[i].state != policy::job_state::running) continue;
            const auto held = allocations_.shares(seen_[i].held);
            if (std::any_of(held.begin(), held.end(), [nodes](const fleet::gpu_share& s) {
                    return std::binary_search(nodes.begin(), nodes.end(), s.node);
                }))
                hit.push_back(job_id{i});
        }
        std::sort(hit.begin(), hit.end(),
                  [this](job_id a, job_id b) { return seen_[index(a)].order < seen_[index(b)].order; });
        for (const job_id job : hit) stop(job, how);
        return hit.size();
    }

    /// Something other than the policy stops a job; it waits again.
    void stop(job_id job, run_end how) {
        const std::size_t i = index(job);
        policy::job_view& j = seen_[i];
        const instant now = kernel_.now();
        policy_->on_fail(picture(), job);
        const duration kept = end_run(i, now, j.demand.gpus, how);
        tell_stop(i, run_of(i), now, how);
        job_record& r = record_of(i);
        if (r.first_start == unset) r.first_start = j.run_start;
        ++(how == run_end::failed ? r.restarts : r.preemptions);
        --running_;
        kernel_.cancel(runs_[live_jobs_[i].run].ends);
        fleet_.give(j.demand, allocations_.shares(j.held));
        changes_.release(allocations_.shares(j.held));
        allocations_.release(j.held);
        j.held = {};
        j.state = policy::job_state::queued;
        j.progress += work_in(kept, j.speed);
        j.was_preempted = true;
        j.has_failed = how == run_end::failed;
        if (is_elastic(i)) {
            policy::elastic_job& e = elastic_[i];
            j.demand.gpus = e.gpus;
            j.speed = e.speed;
            e.resized = false;
        }
        policy_->on_requeue(picture(), job);
    }

    [[nodiscard]] job_record& record_of(std::size_t i) noexcept {
        return records_[live_jobs_[i].source()][live_jobs_[i].row()];
    }

    [[nodiscard]] elastic_record& elastic_record_of(std::size_t i) noexcept {
        return elastic_records_[live_jobs_[i].source()][live_jobs_[i].row()];
    }

    /// Completes the job's record and books its time. A killed job has no result: its time is lost.
    void close(job_id job, outcome how, instant finish) {
        const std::size_t i = index(job);
        const duration ran = live_jobs_[i].ran;
        job_record& r = record_of(i);
        r.state = how;
        r.finish = finish;
        // The record learns of the first start when that run ends, so that starting touches fewer rows.
        if (r.first_start == unset && seen_[i].state == policy::job_state::running) r.first_start = seen_[i].run_start;
        elastic_books used;
        if (is_elastic(i))
            used = elastic_books_[i];
        else
            used.held = gpu_time{ticks(ran)} * r.gpus;
        if (how == outcome::killed) {
            r.lost += ran;
            used = {.held = used.held, .lost = used.held};
        } else if (costs_ == nullptr) {
            r.useful += ran;
        } else {
            const waste& w = waste_[i];
            r.lost += w.lost;
            r.useful = ran - w.lost - w.checkpoint - w.restart;
            if (!is_elastic(i)) {
                used.lost = gpu_time{ticks(w.lost)} * r.gpus;
                used.checkpoint = gpu_time{ticks(w.checkpoint)} * r.gpus;
                used.restart = gpu_time{ticks(w.restart)} * r.gpus;
            }
        }
        const gpu_time useful = used.held - used.lost - used.checkpoint - used.restart;
        books_[account::useful] += useful;
        books_[account::lost] += used.lost;
        books_[account::checkpoint] += used.checkpoint;
        books_[account::restart] += used.restart;
        if (is_elastic(i)) {
            elastic_record& e = elastic_record_of(i);
            e.useful = useful;
            e.lost += used.lost;
        }
        if (how == outcome::finished) ++finished_;
    }

    /// A run begins: from here on its row knows the remaining work and the run time.
    running_job& begin_run(std::size_t i, instant now) {
        live_job& l = live_jobs_[i];
        if (free_runs_.empty()) {
            l.run = static_cast<std::uint32_t>(runs_.size());
            runs_.push_back({});
            if (free_runs_.capacity() < runs_.size()) free_runs_.reserve(2 * runs_.size());
        } else {
            l.run = free_runs_.back();
            free_runs_.pop_back();
        }
        execution::run& run = runs_[l.run].run;
        run = {.remaining = l.work - seen_[i].progress, .ran = l.ran, .speed = seen_[i].speed};
        if (costs_ != nullptr) run.costs = &seen_[i].costs(*costs_);
        // Until the job leaves, its record counts as lost what a policy threw away.
        if (enforce_estimate_ && allowance_[i] != duration::max())
            run.allowance = allowance_[i] - l.ran - record_of(i).lost;
        run.start(now);
        return runs_[l.run];
    }

    /// The run is over; its row may be used again. What is left follows from the job's progress. What it did after
    /// `until` is not booked here. Returns what is kept of its time.
    duration end_run(std::size_t i, instant until, std::uint32_t gpus, run_end how) {
        const duration kept = end_stretch(i, until, gpus, how);
        free_runs_.push_back(live_jobs_[i].run);
        return kept;
    }

    /// Books the time since the run began or was resized last, and returns what of it is kept if it ends so.
    duration end_stretch(std::size_t i, instant until, std::uint32_t gpus, run_end how) {
        live_job& l = live_jobs_[i];
        execution::run& run = runs_[l.run].run;
        duration kept = until - run.since;
        if (costs_ != nullptr || is_elastic(i)) {
            const run_time t = run.spent(until);
            // A failure leaves no time to write a checkpoint.
            const bool all = how == run_end::failed && run.costs->interval == duration::max();
            kept = all ? duration::zero() : t.kept;
            const duration lost = waits_again(how) ? t.worked - kept : duration::zero();
            if (costs_ != nullptr) {
                waste& w = waste_[i];
                w.lost += lost;
                w.checkpoint += t.checkpoint;
                w.restart += t.restart;
            }
            if (is_elastic(i)) {
                elastic_books& b = elastic_books_[i];
                b.held += gpu_time{ticks(until - run.since)} * gpus;
                b.lost += gpu_time{ticks(lost)} * gpus;
                b.checkpoint += gpu_time{ticks(t.checkpoint)} * gpus;
                b.restart += gpu_time{ticks(t.restart)} * gpus;
            }
        }
        run.advance(until);
        l.ran = run.ran;
        return kept;
    }

    /// On a mixed fleet: the run held GPUs of one type until `to`.
    void count_type(const stretch& run, instant to) {
        if (held_by_type_.empty()) return;
        held_by_type_[type_of(run.held)] += gpu_time{ticks(to - run.since)} * run.gpus;
    }
    /// \pre a mixed fleet
    [[nodiscard]] fleet::gpu_type type_of(fleet::allocation held) const {
        return fleet_.free().type_of(allocations_.shares(held).front().node);
    }

    // --- what observers are told -----------------------------------------------------------------------

    /// A run of a live job begins or ends.
    [[nodiscard]] job_event told(std::size_t i, const stretch& run, instant at) {
        const job_record& r = record_of(i);
        job_event e{.at = at,
                    .source = live_jobs_[i].source(),
                    .name = r.name,
                    .name_is_text = r.name_is_text,
                    .attempt = r.preemptions + r.restarts + 1,
                    .where = allocations_.shares(run.held),
                    .job = job_id{static_cast<std::uint32_t>(i)},
                    .gpus = run.gpus,
                    .user = seen_[i].user,
                    .since = run.since};
        if (!held_by_type_.empty() && run.held.size != 0) {
            e.type = type_of(run.held);
            if (fleet_.free().has_pools()) e.where = {};
        }
        return e;
    }
    /// Of a job that runs, as the policy sees it.
    [[nodiscard]] stretch run_of(std::size_t i) const noexcept {
        return {.held = seen_[i].held, .since = seen_[i].run_start, .gpus = seen_[i].demand.gpus};
    }
    [[nodiscard]] static stretch run_before(const policy::action& a) noexcept {
        return {.held = a.before, .since = a.run_start, .gpus = a.gpus};
    }

    /// `why` says why it is rejected, if not because it never has a place.
    void tell_submit(const workload::job_request& r, std::size_t source, job_id job, fleet::demand wanted,
                     std::string_view why = {}) {
        if (observers_.empty()) return;
        std::string reason{why};
        if (job == none<job_id> && why.empty()) reason = policy::why_never(fleet_.empty(), wanted);
        const job_event e{.at = kernel_.now(),
                          .source = static_cast<std::uint16_t>(source),
                          .name = r.name,
                          .name_is_text = r.name_is_text,
                          .where = {},
                          .job = job,
                          .gpus = r.gpus,
                          .user = r.user,
                          .reason = reason};
        for (observer* o : observers_) {
            o->on_submit(e);
            if (job == none<job_id>) o->on_reject(e);
        }
    }

    /// Before the record learns of the end.
    void tell_stop(std::size_t i, const stretch& run, instant at, run_end how) {
        if (observers_.empty()) return;
        const job_event e = told(i, run, at);
        for (observer* o : observers_) o->on_stop(e, how);
    }

    void start(job_id job, instant now) {
        const std::size_t i = index(job);
        running_job& l = begin_run(i, now);
        ++running_;
        __builtin_prefetch(&record_of(i), 1);
        l.ends = schedule_end(i);
        if (!observers_.empty()) {
            job_event e = told(i, run_of(i), now);
            e.since = {};
            for (observer* o : observers_) o->on_start(e);
        }
        policy_->on_start(picture(), job);
    }

    void preempt(const policy::action& a, instant now) {
        const std::size_t i = index(a.job);
        end_run(i, now - a.lost, a.gpus, run_end::preempted);
        count_type(run_before(a), now);
        tell_stop(i, run_before(a), now, run_end::preempted);
        job_record& r = record_of(i);
        const gpu_time lost = gpu_time{ticks(a.lost)} * a.gpus;
        r.lost += a.lost;
        books_[account::lost] += lost;
        if (is_elastic(i)) elastic_record_of(i).lost += lost;
        if (r.first_start == unset) r.first_start = a.run_start;
        ++r.preemptions;
        --running_;
        kernel_.cancel(runs_[live_jobs_[i].run].ends);
        changes_.release(allocations_.shares(a.before));
        allocations_.release(a.before);
        policy_->on_preempt(picture(), a.job);
    }

    void resize(const policy::action& a, instant now) {
        const std::size_t i = index(a.job);
        running_job& r = runs_[live_jobs_[i].run];
        end_stretch(i, now, a.gpus, run_end::unfinished);
        r.run.go_on(seen_[i].speed, costs_ == nullptr ? nullptr : costs_after_resize(i));
        kernel_.cancel(r.ends);
        r.ends = schedule_end(i);
        if (record_of(i).first_start == unset) record_of(i).first_start = a.run_start;
        ++resizes_;
        if (!observers_.empty()) {
            const job_event before = told(i, run_before(a), now);
            const job_event after = told(i, run_of(i), now);
            for (observer* o : observers_) o->on_resize(before, after);
        }
        changes_.release(allocations_.shares(a.before));
        allocations_.release(a.before);
        policy_->on_resize(picture(), a.job);
    }

    /// They stay where they are for as long as the run lasts.
    const run_costs* costs_after_resize(std::size_t i) {
        const std::uint32_t row = live_jobs_[i].run;
        if (resized_costs_.size() <= row) resized_costs_.resize(row + 1);
        resized_costs_[row] = costs_->after_resize(elastic_[i].reload, elastic_[i].restart);
        return &resized_costs_[row];
    }

    kernel::event_handle schedule_end(std::size_t i) {
        return kernel_.schedule(
            runs_[live_jobs_[i].run].run.end(), completions,
            {.kind = job_ends, .entity = static_cast<std::uint32_t>(i), .attempt = seen_[i].attempt});
    }

    void reject(job_id job) {
        if (!observers_.empty()) {
            job_event e = told(index(job), {.gpus = seen_[index(job)].demand.gpus}, kernel_.now());
            e.attempt = 0;
            e.reason = "the policy refused it";
            for (observer* o : observers_) o->on_reject(e);
        }
        close(job, outcome::rejected, unset);
        const holds::key key = live_jobs_[index(job)].record;
        free(job);
        --live_;
        refused_.emplace(key, kernel_.now());
        if (holds_) leave(key, outcome::rejected);
        forget_changes();
    }

    void commit() {
        const instant now = kernel_.now();
        for (const policy::action& a : plan_.actions()) {
            switch (a.kind) {
                case policy::action_kind::start: start(a.job, now); break;
                case policy::action_kind::preempt: preempt(a, now); break;
                case policy::action_kind::resize: resize(a, now); break;
                case policy::action_kind::reject: reject(a.job); break;
                default: AMPACITY_ASSERT(false);
            }
        }
        if (const auto when = plan_.wake_up()) {
            kernel_.cancel(wake_);
            wake_ = *when == never ? kernel::no_event : kernel_.schedule(*when, control, {.kind = policy_wakes});
        }
    }

    void sample_now() {
        const instant now = kernel_.now();
        const std::uint64_t free = fleet_.free().free_gpus();
        const sample s{.at = now,
                       .queued = waiting(),
                       .running = running_,
                       .busy_gpus = fleet_.held_gpus(),
                       .free_gpus = free,
                       .finished = finished_};
        for (observer* o : observers_) o->on_sample(s);
        // Samples alone do not keep a run alive, and none lies beyond the end of time.
        const instant next = add_saturating(now, *sample_every_);
        if (next != never && (kernel_.pending() != 0 || (until_ != never && next <= until_))) {
            kernel_.schedule(next, samples, {.kind = take_sample});
        }
    }

    pod_vector<live_job, pages::huge> live_jobs_;  // by job_id
    pod_vector<duration> allowance_;      // by job_id: run time before it is killed; only where estimates are enforced
    pod_vector<waste> waste_;             // by job_id: only where preemption has costs
    std::vector<gpu_time> held_by_type_;  // on a mixed fleet: GPU-time of runs that have ended
    pod_vector<elastic_books> elastic_books_;  // by job_id: ends behind the last elastic job
    std::deque<run_costs> resized_costs_;      // by row of runs_: of runs that were resized, where that has costs
    pod_vector<running_job> runs_;
    std::vector<std::uint32_t> free_runs_;  // rows of runs_
    job_id free_row_ = none<job_id>;        // the first of a chain
    std::uint64_t arrived_ = 0, live_ = 0, running_ = 0, finished_ = 0, resizes_ = 0;
    kernel::event_handle wake_ = kernel::no_event;
    kernel::event_handle next_change_ = kernel::no_event;
    instant reached_ = start_of_time;
    std::unique_ptr<holds> holds_;                     // from the first job with links on
    std::unordered_map<holds::key, instant> refused_;  // when, of jobs that were rejected after their submit
    std::vector<pod_vector<instant>> asked_;  // by source, by row: submit of a job that was held; `never` while it is
    kernel::event_handle alarm_ = kernel::no_event;
    instant alarm_at_ = never;
    bool changed_ = false;
    bool closed_ = false;
    ledger books_;
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
instant simulation::now() const noexcept { return model_->kernel_.now(); }
std::uint64_t simulation::events_processed() const noexcept { return model_->kernel_.events_processed(); }
std::uint64_t simulation::arrived() const noexcept { return model_->arrived(); }
std::uint64_t simulation::departed() const noexcept { return model_->arrived() - model_->live(); }
std::uint64_t simulation::waiting() const noexcept { return model_->waiting(); }
std::uint64_t simulation::peak_queue() const noexcept { return model_->peak_queue_; }
const decision_costs& simulation::decisions() const noexcept { return model_->meter_.costs(); }
double simulation::reading_s() const noexcept { return model_->feed_.reading_s(); }
const workload::job_source& simulation::source(std::size_t i) const { return model_->feed_.source(i); }
std::size_t simulation::num_sources() const noexcept { return model_->feed_.num_sources(); }
const summary& simulation::results() { return model_->results(); }
bool simulation::has_links() const noexcept { return model_->holds_ != nullptr; }
job_times simulation::times(std::size_t source, std::uint64_t row) const { return model_->times(source, row); }
std::span<const job_record> simulation::records(std::size_t source) const { return model_->records_.at(source).span(); }
source_records simulation::all_records(std::size_t source) const { return model_->all_records(source); }

}  // namespace ampacity::sim
