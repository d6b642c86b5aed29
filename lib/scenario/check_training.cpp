#include "check_training.hpp"

#include <ampacity/core/suggest.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::scenario {
namespace {

void check_checkpoint(const checkpoint_options& c, const std::string& path, bool has_store, const reporter& report) {
    if (c.rule == interval_rule::given && !c.interval)
        report.fail(path, "does not say how often", {}, "write `interval`, or `rule: young`");
    if (c.rule != interval_rule::given && c.interval)
        report.fail(path + ".interval", "the rule says how often", format(*c.interval), "remove it, or the rule");
    if (c.rule == interval_rule::given && c.mtbf)
        report.fail(path + ".mtbf", "is for the rules young and daly", format(*c.mtbf), "remove it");
    if (c.size && c.size->value > 0 && !has_store)
        report.fail(path + ".size", "there is nowhere to write it to", format(*c.size),
                    "write fleet.storage, such as { bandwidth: \"2 TB/s\" }");
}

void check_elastic(const training_job& job, const std::string& path, const reporter& report) {
    const elastic_training& e = *job.elastic;
    if (job.rl) report.fail(path, "not together with `rl` yet", {}, "remove one of them");
    if (e.replica && job.model)
        report.fail(path + ".replica", "the plan of the model says what a replica is", std::to_string(*e.replica),
                    "remove it, or give tp, cp and pp under `parallel`");
    if (e.min && *e.min > job.gpus)
        report.fail(path + ".min", "above its `gpus`", std::to_string(*e.min),
                    "write at most " + std::to_string(job.gpus));
    if (e.max && *e.max < job.gpus)
        report.fail(path + ".max", "below its `gpus`", std::to_string(*e.max),
                    "write at least " + std::to_string(job.gpus));
}

void check_job(const training_job& job, const std::string& path, bool has_store, const reporter& report) {
    if (job.model.has_value() == job.step.has_value())
        report.fail(path, job.model ? "says twice what a step is" : "does not say what a step is", job.name,
                    "give one of: model, step");
    if (job.tokens.has_value() == job.steps.has_value())
        report.fail(path, job.tokens ? "says twice how long it trains" : "does not say how long it trains", job.name,
                    "give one of: tokens, steps");
    if (!job.batch && (job.model || job.tokens))
        report.fail(path, "does not say how many sequences a step has", job.name, "write `batch`");
    if (job.step && job.parallel)
        report.fail(path + ".parallel", "is for a model", {}, "remove it, or give `model` in place of `step`");
    if (job.step && job.precision)
        report.fail(path + ".precision", "is for a model", std::string{name_of_value(*job.precision)},
                    "remove it, or give `model` in place of `step`");
    if (job.rl) {
        const rollout_options& rl = *job.rl;
        if (!job.steps)
            report.fail(path + ".rl", "does not say how many steps it takes", job.name, "write `steps`, not `tokens`");
        if (job.evaluation) report.fail(path + ".evaluation", "not together with `rl` yet", {}, "remove one of them");
        if (rl.gpus && *rl.gpus >= job.gpus)
            report.fail(path + ".rl.gpus", "leaves none to train", std::to_string(*rl.gpus),
                        "write less than its `gpus`, " + std::to_string(job.gpus));
        if (rl.staleness != 0 && !rl.gpus)
            report.fail(path + ".rl.staleness", "is for jobs that roll out on GPUs of their own",
                        std::to_string(rl.staleness), "write rl.gpus, or 0");
        if (*job.steps > 1'000'000)
            report.fail(path + ".steps", "too many steps with `rl`", std::to_string(*job.steps),
                        "write at most 1000000");
    }
    if (job.elastic) check_elastic(job, path + ".elastic", report);
    if (job.checkpoint) check_checkpoint(*job.checkpoint, path + ".checkpoint", has_store, report);
    if (!job.checkpoint && job.restart != duration::zero())
        report.fail(path + ".restart", "is for jobs with `checkpoint`", format(job.restart),
                    "write `checkpoint`, or scheduler.preemption.restart");
}

/// What synthetic jobs train.
void check_trained(const workload_entry& entry, const std::string& path, bool has_store, const reporter& report) {
    if (!entry.synthetic)
        report.fail(path, "is for synthetic jobs", {}, "remove it, or write `training` in place of this entry");
    for (std::size_t k = 0; k != entry.synthetic->gpus.size(); ++k) {
        if (entry.synthetic->gpus[k].elastic)
            report.fail(path, "elastic jobs cannot train yet", {}, "remove it, or `elastic` of the sizes");
    }
    std::uint64_t before = 0;
    for (std::size_t k = 0; k != entry.trains.size(); ++k) {
        const trained_jobs& job = entry.trains[k];
        const std::string at = path + '.' + std::to_string(k);
        if (job.gpus <= before)
            report.fail(at + ".gpus", "not above those of the entry before it", std::to_string(job.gpus),
                        "write rising numbers");
        before = job.gpus;
        check_job(job.of(job.gpus), at, has_store, report);
    }
}

}  // namespace

void check_training(const scenario& s, const reporter& report) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i != s.workload.size(); ++i) {
        const auto& list = s.workload[i].training;
        const std::string entry = "workload." + std::to_string(i);
        if (!s.workload[i].trains.empty())
            check_trained(s.workload[i], entry + ".trains", s.fleet.storage.has_value(), report);
        for (std::size_t k = 0; k != s.workload[i].trains.size(); ++k) {
            const std::string at = entry + ".trains." + std::to_string(k) + ".name";
            const std::string& name = s.workload[i].trains[k].name;
            if (name.empty()) report.fail(at, "is empty", {}, "write a name");
            if (!names.insert(name).second) report.fail(at, "another one has this name", name, "name each once");
        }
        std::vector<std::string_view> before;
        for (std::size_t k = 0; k != list.size(); ++k) {
            const std::string path = entry + ".training" + (list.size() == 1 ? "" : '.' + std::to_string(k));
            const training_job& job = list[k];
            if (job.name.empty()) report.fail(path + ".name", "is empty", {}, "write a name");
            if (!names.insert(job.name).second)
                report.fail(path + ".name", "another one has this name", job.name, "name each once");
            check_job(job, path, s.fleet.storage.has_value(), report);
            for (std::size_t a = 0; a != job.after.size(); ++a) {
                if (std::find(before.begin(), before.end(), job.after[a]) == before.end())
                    report.fail(
                        path + ".after." + std::to_string(a), "no training job before it has this name", job.after[a],
                        before.empty() ? "list the job that it follows before it" : suggestion(job.after[a], before));
            }
            before.push_back(job.name);
        }
    }
    if (s.fleet.storage && !s.fleet.storage->bandwidth && !s.fleet.storage->node)
        report.fail("fleet.storage", "takes all that there is, at once", {}, "write `bandwidth` or `node`");
    if (s.fleet.network && !s.fleet.racks && s.fleet.sites.empty())
        report.fail("fleet.network", "the fleet has no racks", {}, "describe the fleet by racks, or remove it");
    if ((s.fleet.network || s.fleet.storage) && names.empty())
        report.fail(s.fleet.network ? "fleet.network" : "fleet.storage", "only training jobs use it", {},
                    "write workload.N.training, or remove it");
}

}  // namespace ampacity::scenario
