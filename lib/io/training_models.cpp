#include "training_models.hpp"

#include "fleet_system.hpp"

#include <ampacity/core/suggest.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/model.hpp>
#include <ampacity/llm/planner.hpp>
#include <ampacity/workload/links.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <deque>
#include <limits>
#include <map>
#include <string_view>
#include <utility>

namespace ampacity::io {
namespace {

/// Weights in bf16 and the state of the optimizer: 2 + 12 bytes (../docs/training-models.md).
constexpr double bytes_per_parameter = 14;

/// Jobs in memory, with what ties them together.
class training_source final : public workload::job_source {
public:
    training_source(std::vector<workload::job_request> jobs, std::vector<std::string> texts,
                    std::deque<std::vector<workload::dependency>> after, std::deque<workload::job_links> links)
        : after_(std::move(after)), links_(std::move(links)), jobs_(std::move(jobs), std::move(texts)) {}
    std::size_t next(std::span<workload::job_request> out) override { return jobs_.next(out); }
    [[nodiscard]] std::optional<double> progress() const override { return jobs_.progress(); }
    [[nodiscard]] std::string_view text(std::int64_t index) const override { return jobs_.text(index); }

private:
    std::deque<std::vector<workload::dependency>> after_;
    std::deque<workload::job_links> links_;
    workload::vector_source jobs_;
};

/// Jobs of another source, which train.
class trained_source final : public workload::job_source {
public:
    /// `rows`: by their GPUs.
    trained_source(std::unique_ptr<workload::job_source> jobs, std::map<std::uint32_t, std::uint16_t> rows)
        : jobs_(std::move(jobs)), rows_(std::move(rows)) {}
    std::size_t next(std::span<workload::job_request> out) override {
        const std::size_t n = jobs_->next(out);
        for (workload::job_request& r : out.first(n)) {
            if (const auto at = rows_.find(r.gpus); at != rows_.end()) r.training = at->second;
        }
        return n;
    }
    [[nodiscard]] std::optional<double> progress() const override { return jobs_->progress(); }
    [[nodiscard]] std::vector<workload::skipped_records> skipped(instant through) const override {
        return jobs_->skipped(through);
    }
    [[nodiscard]] std::string_view text(std::int64_t index) const override { return jobs_->text(index); }

private:
    std::unique_ptr<workload::job_source> jobs_;
    std::map<std::uint32_t, std::uint16_t> rows_;
};

std::optional<std::uint32_t> narrow(const std::optional<std::uint64_t>& v) {
    return v ? std::optional{static_cast<std::uint32_t>(*v)} : std::nullopt;
}
llm::fixed_sizes sizes_of(const scenario::parallel_sizes& p) {
    return {.tp = narrow(p.tp),
            .pp = narrow(p.pp),
            .vp = narrow(p.vp),
            .cp = narrow(p.cp),
            .ep = narrow(p.ep),
            .micro_batch = narrow(p.micro_batch),
            .zero = narrow(p.zero)};
}

/// GPUs of a part of the fleet; of groups that differ, of the last. A pool is made of nodes of one GPU.
struct part_sizes {
    std::uint64_t node = 1;
    std::uint64_t rack = std::numeric_limits<std::uint64_t>::max();
};
part_sizes sizes_of(const scenario::fleet& f) {
    part_sizes out;
    for (const auto& g : f.nodes) out.node = g.gpus;
    for (const auto* g : racks_of(f)) out = {.node = g->gpus_per_node, .rack = g->gpus_per_node * g->nodes_per_rack};
    return out;
}

/// Of any of so many GPUs, their nodes and racks, lemons and early failures apart [1/s].
double failure_rate(const faults::failure_plan& failures, std::uint64_t gpus, const part_sizes& sizes) {
    double rate = 0;
    for (const faults::failure_process& p : failures.processes) {
        if (p.speed) continue;  // it goes on
        double parts = static_cast<double>(gpus);
        switch (p.part) {
            case faults::part_kind::gpu: break;
            case faults::part_kind::node:
            case faults::part_kind::nic: parts *= static_cast<double>(p.each) / static_cast<double>(sizes.node); break;
            case faults::part_kind::rack:
            case faults::part_kind::switch_tray:
                parts *= static_cast<double>(p.each) / static_cast<double>(sizes.rack);
                break;
        }
        rate += parts / p.mean_s;
    }
    return rate;
}

duration ns_of(double s) { return duration{static_cast<std::int64_t>(std::llround(s * 1e9))}; }

/// Traffic of a step that leaves domains.
double crossing_s(const llm::training_step& step, const llm::group_map& map) {
    double s = 0;
    if (map.tensor.outside > 1) s += step.traffic.tensor_s;
    if (map.context.outside > 1) s += step.traffic.context_s;
    if (map.expert.outside > 1) s += step.traffic.expert_s;
    if (map.pipeline_crosses) s += step.traffic.pipeline_s;
    if (map.data.outside > 1) s += step.traffic.data_s + step.traffic.gather_s;
    return s;
}

}  // namespace

training_reader::training_reader(const loaded_scenario& loaded, std::vector<model_file>& files, shared_inputs* shared)
    : loaded_(loaded), files_(files), shared_(shared) {}

template <class T>
T training_reader::model_of(const std::string& name, const std::string& key) {
    return model_for<T>(loaded_, files_, shared_, name, key);
}

void training_reader::refuse(const std::string& key, std::string what, std::string value, std::string remedy) const {
    throw scenario_error({.where = loaded_.locate(key),
                          .key = key,
                          .what = std::move(what),
                          .value = std::move(value),
                          .remedy = std::move(remedy)});
}

std::unique_ptr<workload::job_source> training_reader::open(
    const scenario::single_or_list<scenario::training_job>& jobs, std::uint16_t entry) {
    std::vector<workload::job_request> out;
    std::vector<std::string> texts{""};
    std::deque<std::vector<workload::dependency>> after;
    std::deque<workload::job_links> links;
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>, std::less<>> rows_of;  // first, last + 1
    const auto text = [&texts](const std::string& t) {
        if (t.empty()) return 0U;
        texts.push_back(t);
        return static_cast<std::uint32_t>(texts.size() - 1);
    };
    for (std::size_t k = 0; k != jobs.size(); ++k) {
        const scenario::training_job& job = jobs[k];
        const std::string path =
            "workload." + std::to_string(entry) + ".training" + (jobs.size() == 1 ? "" : '.' + std::to_string(k));
        if (terms_.size() == 0xFFFE) refuse(path, "too many kinds of training jobs", job.name, "write at most 65534");
        terms_.push_back(terms_of(job, path));
        const duration work = execution::work_of(terms_.back());
        if (work > longest_input)
            refuse(path + (job.tokens ? ".tokens" : ".steps"), "it would take more than 200 years",
                   fmt::format("{:.3g} steps of {:.3g} s", static_cast<double>(terms_.back().steps),
                               to_seconds(terms_.back().step)),
                   "write fewer");
        const workload::job_links* tie = nullptr;
        if (!job.after.empty()) {
            auto& rows = after.emplace_back();
            for (const std::string& name : job.after) {
                const auto& [first, last] = rows_of.find(name)->second;
                for (std::uint64_t row = first; row != last; ++row) rows.push_back({.row = row});
            }
            tie = &links.emplace_back(workload::job_links{.after = rows});
        }
        const std::uint32_t user = text(job.user), group = text(job.group), model = text(job.model.value_or(""));
        rows_of[job.name] = {out.size(), out.size() + job.count};
        for (std::uint64_t n = 0; n != job.count; ++n) {
            workload::job_request r;
            r.name = text(job.count == 1 ? job.name : job.name + '-' + std::to_string(n));
            r.name_is_text = true;
            r.submit = start_of_time + job.submit;
            r.work = r.estimate = work;
            r.gpus = r.gpus_min = r.gpus_max = static_cast<std::uint32_t>(job.gpus);
            if (const auto& e = terms_.back().elastic; e && e->gpus_min != e->gpus_max) {
                r.kind = workload::job_kind::elastic;
                r.gpus_min = e->gpus_min;
                r.gpus_max = e->gpus_max;
                r.gpus_step = e->replica;
                r.serial_fraction = e->serial;
            }
            r.priority = static_cast<std::int32_t>(job.priority);
            r.user = user;
            r.group = group;
            r.model = model;
            r.source = entry;
            r.training = static_cast<std::uint16_t>(terms_.size());
            r.links = tie;
            out.push_back(r);
        }
    }
    return std::make_unique<training_source>(std::move(out), std::move(texts), std::move(after), std::move(links));
}

std::unique_ptr<workload::job_source> training_reader::train(std::unique_ptr<workload::job_source> source,
                                                             std::uint16_t entry) {
    const scenario::workload_entry& of = loaded_.value.workload[entry];
    std::map<std::uint32_t, std::uint16_t> rows;
    for (const auto& size : of.synthetic->gpus) {
        const auto gpus = static_cast<std::uint32_t>(size.gpus);
        const auto above = std::find_if(of.trains.begin(), of.trains.end(),
                                        [gpus](const scenario::trained_jobs& t) { return t.gpus > gpus; });
        if (above == of.trains.begin() || rows.contains(gpus)) continue;
        const auto number = static_cast<std::size_t>(above - of.trains.begin()) - 1;
        const std::string path = "workload." + std::to_string(entry) + ".trains." + std::to_string(number);
        terms_.push_back(terms_of(of.trains[number].of(gpus), path));
        terms_.back().steps = 0;
        rows.emplace(gpus, static_cast<std::uint16_t>(terms_.size()));
    }
    return std::make_unique<trained_source>(std::move(source), std::move(rows));
}

execution::training_terms training_reader::terms_of(const scenario::training_job& job, const std::string& path) {
    execution::training_terms t{.name = job.name, .restart = job.restart};
    if (job.batch) t.tokens_per_step = static_cast<double>(*job.batch) * static_cast<double>(job.sequence);
    t.steps = job.steps ? *job.steps : static_cast<std::uint64_t>(std::ceil(job.tokens->value / t.tokens_per_step));
    if (job.evaluation) {
        t.evaluation_every = job.evaluation->every;
        t.evaluation = job.evaluation->takes;
    }
    double parameters = 0;
    if (job.step) {
        t.step = job.step->compute + job.step->exchange;
        t.by_share = {{}, {to_seconds(t.step), to_seconds(job.step->exchange)}};
        t.timed_alone = true;
        if (job.elastic)
            add_replicas(t, job, job.elastic->replica.value_or(1), to_seconds(job.step->exchange) / to_seconds(t.step),
                         path + ".elastic");
    } else {
        const llm::model m = model_of<llm::model>(*job.model, path + ".model");
        parameters = m.parameters();
        plan_steps(t, job, m, path);
    }
    if (job.rl) add_rollouts(t, job, path + ".rl");
    if (job.checkpoint) add_checkpoints(t, job, parameters, path + ".checkpoint");
    return t;
}

void training_reader::plan_steps(execution::training_terms& t, const scenario::training_job& job, const llm::model& m,
                                 const std::string& path) {
    const llm::system& s = system(path);
    if (!efficiency_) efficiency_ = model_of<llm::training_efficiency>("training", path);
    if (efficiency_->find(s.accelerator) == nullptr)
        refuse(path + ".model", "no training was measured on the GPUs of the fleet", s.accelerator,
               "give `step` in place of the model, or another fleet");
    const llm::precision_kind usual = s.fp8_flop_s > 0 ? llm::precision_kind::fp8 : llm::precision_kind::bf16;
    const llm::plan_request wanted{
        .gpus = job.gpus - (job.rl ? job.rl->gpus.value_or(0) : 0),
        .batch = {static_cast<std::uint32_t>(*job.batch), static_cast<std::uint32_t>(job.sequence)},
        .precision = job.precision.value_or(usual),
        .fixed = sizes_of(job.parallel.value_or(scenario::parallel_sizes{})),
        .top = 1};
    const llm::plan_ranking ranking = llm::find_plans(m, s, *efficiency_, wanted);
    if (!ranking.fault.empty())
        refuse(path + (job.parallel ? ".parallel" : ".gpus"), "no plan for " + m.name + " on " + s.name, ranking.fault,
               "give more GPUs, another batch, or fewer fixed sizes");
    const llm::ranked_plan& best = ranking.plans.front();
    if (best.plan.gpus() != wanted.gpus)
        refuse(path + ".gpus", "the best plan does not use all of them", std::to_string(wanted.gpus),
               "write " + std::to_string(best.plan.gpus()) + ", or a batch that more GPUs divide (" +
                   llm::text_of(best.plan) + ")");
    t.by_share.assign(s.domain_gpus + 1, {});
    for (std::uint32_t share = s.domain_gpus; share != 0; --share) {
        llm::system cut = s;
        cut.domain_gpus = share;
        const llm::training_step step = llm::step_of(m, best.plan, wanted.batch, cut, *efficiency_);
        execution::placed_step& here = t.by_share[share];
        here = {.time_s = step.time_s, .traffic_s = crossing_s(step, llm::map_groups(best.plan, cut))};
        // Groups of odd sizes fit odd shares better: a smaller share is never taken to be faster.
        if (share != s.domain_gpus) here.time_s = std::max(here.time_s, t.by_share[share + 1].time_s);
    }
    t.step = ns_of(t.by_share.back().time_s);
    // One ring of domains for each of their GPUs; experts exchange all with all.
    t.crossing_gpus = best.map.expert.outside > 1 ? 0 : s.domain_gpus;
    if (job.elastic) {
        const double alone_s = best.step.bubble_s + best.step.rest_s;
        add_replicas(t, job, best.plan.gpus() / best.plan.dp, alone_s / best.step.time_s, path + ".elastic");
        llm::parallel_plan least = best.plan;
        least.dp = static_cast<std::uint32_t>(t.elastic->gpus_min / t.elastic->replica);
        if (const std::string fault = llm::memory_fault_of(llm::memory_of(m, least, wanted.batch), s); !fault.empty())
            refuse(path + ".elastic.min", "the plan does not fit on so few GPUs (" + llm::text_of(best.plan) + ")",
                   std::to_string(t.elastic->gpus_min), fault + ": write more");
    }
    t.flop_per_step = best.step.flop;
    t.peak_flop_s = static_cast<double>(job.gpus) * s.peak_flop_s(best.plan.precision);
}

/// `share`: of a step on all GPUs, what does not shrink with more replicas.
void training_reader::add_replicas(execution::training_terms& t, const scenario::training_job& job,
                                   std::uint64_t replica, double share, const std::string& path) const {
    const scenario::elastic_training& e = *job.elastic;
    const auto whole = [&](const std::string& key, std::uint64_t gpus) {
        if (gpus % replica == 0) return static_cast<std::uint32_t>(gpus);
        refuse(key, "not a number of whole replicas, which have " + std::to_string(replica) + " GPUs each",
               std::to_string(gpus), "write " + std::to_string((gpus + replica - 1) / replica * replica));
    };
    const std::uint32_t gpus = whole(path.substr(0, path.rfind('.')) + ".gpus", job.gpus);
    t.elastic = execution::elastic_terms{.gpus_min = whole(path + ".min", e.min.value_or(replica)),
                                         .gpus_max = whole(path + ".max", e.max.value_or(job.gpus)),
                                         .replica = static_cast<std::uint32_t>(replica),
                                         .serial = execution::serial_fraction_of(std::clamp(share, 0.0, 1.0), gpus),
                                         .reconfigure = e.reconfigure};
    switch (e.on_failure) {
        case scenario::node_loss_rule::requeue: break;
        case scenario::node_loss_rule::reload: t.elastic->on_loss = execution::node_loss::reloads; break;
        case scenario::node_loss_rule::go_on: t.elastic->on_loss = execution::node_loss::goes_on; break;
    }
    if (t.elastic->gpus_min == t.elastic->gpus_max)
        refuse(path, "leaves no other number of GPUs", std::to_string(gpus), "write `min` or `max`");
}

/// Its steps so far are those of training alone.
void training_reader::add_rollouts(execution::training_terms& t, const scenario::training_job& job,
                                   const std::string& path) {
    const scenario::rollout_options& rl = *job.rl;
    const double train_s = t.by_share.back().time_s;
    execution::post_training_result steps =
        execution::run_post_training({.steps = *job.steps,
                                      .rollouts = rl.rollouts,
                                      .slots = rl.slots,
                                      .median_tokens = rl.median.value,
                                      .sigma = rl.sigma,
                                      .most_tokens = static_cast<std::uint64_t>(rl.most.value),
                                      .per_token = rl.per_token,
                                      .train = t.step,
                                      .sync = rl.sync,
                                      .split = rl.gpus.has_value(),
                                      .staleness = rl.staleness},
                                     loaded_.value.seed, terms_.size());
    if (steps.total > longest_input)
        refuse(path, "its steps would take more than 200 years", job.name, "write fewer, or shorter ones");
    execution::take_steps(t, std::move(steps));
    // Where the job lies changes the time of training.
    const double mean_s = to_seconds(t.step);
    for (execution::placed_step& here : t.by_share) here.time_s = std::max(0.0, mean_s + here.time_s - train_s);
}

const llm::system& training_reader::system(const std::string& path) {
    if (!system_) system_ = fleet_system(loaded_, files_, shared_, path + ".model", "give this job `step`");
    return *system_;
}

void training_reader::add_checkpoints(execution::training_terms& t, const scenario::training_job& job,
                                      double parameters, const std::string& path) {
    const scenario::checkpoint_options& c = *job.checkpoint;
    const auto& storage = loaded_.value.fleet.storage;
    execution::checkpoint_rule& rule = t.checkpoint;
    rule.blocking = c.blocking;
    rule.asynchronous = c.asynchronous;
    if (storage) {
        rule.bytes = c.size ? c.size->value : bytes_per_parameter * parameters;
        const std::uint64_t per_node = sizes_of(loaded_.value.fleet).node;
        if (storage->node)
            rule.most_b_s = static_cast<double>((job.gpus + per_node - 1) / per_node) * storage->node->value;
    }
    if (c.rule == scenario::interval_rule::given) {
        rule.interval = c.interval;
        return;
    }
    rules_.push_back({.row = terms_.size(), .of = c, .gpus = job.gpus, .path = path});
}

std::vector<execution::training_terms> training_reader::finish(const faults::failure_plan& failures) {
    const auto& storage = loaded_.value.fleet.storage;
    const double store_b_s =
        storage && storage->bandwidth ? storage->bandwidth->value : std::numeric_limits<double>::infinity();
    const part_sizes sizes = sizes_of(loaded_.value.fleet);
    for (const by_rule& r : rules_) {
        execution::checkpoint_rule& rule = terms_[r.row].checkpoint;
        const double rate = r.of.mtbf ? 1 / to_seconds(*r.of.mtbf) : failure_rate(failures, r.gpus, sizes);
        if (rate <= 0)
            refuse(r.path + ".rule", "nothing fails at random", std::string{scenario::name_of_value(r.of.rule)},
                   "write `mtbf`, or `interval` in place of the rule, or faults");
        const double most = rule.most_b_s == 0 ? store_b_s : std::min(rule.most_b_s, store_b_s);
        const double write_s = rule.bytes == 0 ? 0 : rule.bytes / most;
        const double pause_s = to_seconds(rule.blocking) + (rule.asynchronous ? 0 : write_s);
        if (pause_s <= 0)
            refuse(r.path + ".rule", "a checkpoint stops the job for no time",
                   std::string{scenario::name_of_value(r.of.rule)},
                   "write `blocking`, or `interval` in place of the rule");
        double interval = r.of.rule == scenario::interval_rule::young ? execution::young_interval_s(pause_s, 1 / rate)
                                                                      : execution::daly_interval_s(pause_s, 1 / rate);
        // One is written at a time.
        if (rule.asynchronous) interval = std::max(interval, write_s);
        rule.interval = std::max(duration{1}, ns_of(std::min(interval, 6e9)));
    }
    return std::move(terms_);
}

}  // namespace ampacity::io
