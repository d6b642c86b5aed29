#include "fault_models.hpp"

#include "failure_log.hpp"
#include "feed_events.hpp"

#include <ampacity/core/suggest.hpp>
#include <ampacity/io/catalogue.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ampacity::io {
namespace {

using hardware::failure_class;

class fault_reader {
public:
    fault_reader(const loaded_scenario& loaded, const fleet::free_index& nodes, std::vector<model_file>& files,
                 shared_inputs* shared)
        : loaded_(loaded), given_(loaded.value.faults), nodes_(nodes), files_(files), shared_(shared) {}

    [[nodiscard]] faults::failure_plan read() {
        out_.crews = given_.crews;
        out_.seed = loaded_.value.seed;
        if (given_.model) add_model(*given_.model);
        add_hazards();
        for (std::size_t i = 0; i != given_.processes.size(); ++i) {
            const scenario::failing_parts& p = given_.processes[i];
            const auto same = [&p](const faults::failure_process& q) { return q.cause == p.name; };
            if (std::any_of(out_.processes.begin(), out_.processes.end(), same))
                refuse("faults.processes." + std::to_string(i) + ".cause", "the model has a cause of this name",
                       "give it another one", p.name);
            out_.processes.push_back({.cause = p.name,
                                      .part = p.part,
                                      .each = static_cast<std::uint32_t>(p.count.value_or(1)),
                                      .mean_s = to_seconds(p.mtbf),
                                      .shape = p.shape,
                                      .repair = law_if(p.repair),
                                      .speed = p.speed,
                                      .swap_after = law_if(p.swap_after),
                                      .detection = law_if(p.detection),
                                      .silent = p.silent});
        }
        if (given_.log) add_files(files_, {read_failure_log(loaded_.resolve(given_.log->path), nodes_, out_)});
        return std::move(out_);
    }

private:
    void add_model(const std::string& name) {
        using reliability = model<hardware::reliability>;
        const auto m = shared_or_new<reliability>(shared_, (loaded_.directory / "").string() + '\n' + name, [&] {
            return read_model<hardware::reliability>(name, loaded_.directory, loaded_.locate("faults.model"),
                                                     "faults.model");
        });
        add_files(files_, m->text.files);
        const hardware::reliability& r = m->value;
        std::vector<hardware::failure_cause> causes = r.causes;
        if (causes.empty() && r.per_gpu_s)
            causes.push_back({.name = "interruption", .kind = failure_class::hard_gpu, .per_gpu_s = *r.per_gpu_s});
        if (causes.empty())
            refuse("faults.model", "does not say how often GPUs fail",
                   "name one with `per_gpu` or `causes`, such as llama3-h100", name);
        check_changes(causes);
        lemon_share_ = r.lemon_share;
        infant_ = r.infant;
        for (const hardware::failure_cause& c : causes) {
            const scenario::changed_cause* const change = change_of(c.name);
            double per_s = c.per_gpu_s * given_.scale.value_or(1);
            if (change && change->scale) per_s *= *change->scale;
            if (change && change->mtbf) per_s = 1 / to_seconds(*change->mtbf);
            if (per_s <= 0) continue;
            out_.processes.push_back(
                {.cause = c.name,
                 .part = faults::part_kind::gpu,
                 .mean_s = 1 / per_s,
                 .repair = change && change->repair ? law_of(*change->repair) : repair_of(c.kind, r),
                 .detection = detection_of(c.kind),
                 .silent = c.kind == failure_class::silent});
        }
    }

    /// \throws scenario_error where neither the scenario nor its model has them
    void add_hazards() {
        const auto lacks = [this](const std::string& key, const std::string& remedy) {
            refuse(key, "is missing, and the model does not have it", remedy, given_.model.value_or(""));
        };
        if (given_.lemon_nodes) {
            if (!given_.lemon_nodes->share && !lemon_share_)
                lacks("faults.lemons.share", "write it, such as share: 0.01");
            out_.lemons = {given_.lemon_nodes->share ? *given_.lemon_nodes->share : *lemon_share_,
                           given_.lemon_nodes->factor};
        }
        if (!given_.infant) return;
        const scenario::infant_failures& early = *given_.infant;
        if (!infant_ && !(early.multiplier && early.horizon))
            lacks(early.multiplier ? "faults.infant.horizon" : "faults.infant.multiplier",
                  "write infant: { multiplier: 3, horizon: \"90 d\" }");
        out_.infant = {early.multiplier ? *early.multiplier : infant_->multiplier,
                       early.horizon ? *early.horizon : infant_->horizon};
    }

    [[nodiscard]] const scenario::changed_cause* change_of(std::string_view cause) const {
        const auto at = std::find_if(given_.causes.begin(), given_.causes.end(),
                                     [cause](const auto& c) { return c.name == cause; });
        return at == given_.causes.end() ? nullptr : &*at;
    }
    void check_changes(const std::vector<hardware::failure_cause>& causes) const {
        std::vector<std::string_view> names;
        for (const auto& c : causes) names.push_back(c.name);
        for (std::size_t i = 0; i != given_.causes.size(); ++i) {
            const std::string& name = given_.causes[i].name;
            if (std::find(names.begin(), names.end(), name) == names.end())
                refuse("faults.causes." + std::to_string(i) + ".name", "the model has no such cause",
                       suggestion(name, names), name);
        }
    }

    [[nodiscard]] static std::optional<faults::duration_law> law_if(const std::optional<scenario::time_law>& given) {
        return given ? std::optional{law_of(*given)} : std::nullopt;
    }

    /// None: at once.
    [[nodiscard]] std::optional<faults::duration_law> detection_of(failure_class kind) const {
        const scenario::class_detections given = given_.detection.value_or(scenario::class_detections{});
        switch (kind) {
            case failure_class::hard_gpu: return law_if(given.hard_gpu);
            case failure_class::resettable_gpu: return law_if(given.resettable_gpu);
            case failure_class::host: return law_if(given.host);
            case failure_class::network: return law_if(given.network);
            case failure_class::soft: return law_if(given.soft);
            case failure_class::silent: break;
        }
        return law_if(given.silent);
    }

    /// None: nothing needs one.
    [[nodiscard]] std::optional<faults::duration_law> repair_of(failure_class kind,
                                                                const hardware::reliability& r) const {
        const scenario::class_repairs given = given_.repairs.value_or(scenario::class_repairs{});
        switch (kind) {
            case failure_class::soft: return std::nullopt;
            case failure_class::hard_gpu: return choose(given.hard_gpu, "hard-gpu", "node_swap", r);
            case failure_class::resettable_gpu:
                return choose(given.resettable_gpu, "resettable-gpu", "gpu_reset_or_reboot", r);
            case failure_class::host: return choose(given.host, "host", "node_swap", r);
            case failure_class::network: return choose(given.network, "network", "optic_or_cable_swap", r);
            case failure_class::silent: break;
        }
        return choose(given.silent, "silent", "node_swap", r);
    }
    [[nodiscard]] faults::duration_law choose(const std::optional<scenario::time_law>& given, const std::string& kind,
                                              std::string_view action, const hardware::reliability& r) const {
        if (given) return law_of(*given);
        const auto at = std::find_if(r.repairs.begin(), r.repairs.end(),
                                     [action](const hardware::repair_action& a) { return a.name == action; });
        if (at == r.repairs.end())
            refuse("faults.model", "does not say how long a " + std::string{action} + " takes",
                   "write faults.repairs." + kind + ", such as { lognormal: { median: \"24 h\", sigma: 0.9 } }",
                   *given_.model);
        // Its least and most are the 5th and the 95th percentile.
        constexpr double quantile_95 = 1.6448536269514722;
        const double sigma = std::log(to_seconds(at->most) / to_seconds(at->least)) / (2 * quantile_95);
        if (!(sigma > 0) || !std::isfinite(sigma)) return constant_distribution{to_seconds(at->usual)};
        return lognormal_distribution{to_seconds(at->usual), sigma};
    }

    [[noreturn]] void refuse(const std::string& key, std::string what, std::string remedy, std::string value) const {
        throw scenario_error({.where = loaded_.locate(key),
                              .key = key,
                              .what = std::move(what),
                              .value = std::move(value),
                              .remedy = std::move(remedy)});
    }

    const loaded_scenario& loaded_;
    const scenario::faults& given_;
    const fleet::free_index& nodes_;
    std::vector<model_file>& files_;
    shared_inputs* shared_;
    faults::failure_plan out_{};
    std::optional<double> lemon_share_{};                 // of the model
    std::optional<hardware::infant_mortality> infant_{};  // of the model
};

}  // namespace

faults::failure_plan read_faults(const loaded_scenario& loaded, const fleet::free_index& nodes,
                                 std::vector<model_file>& files, shared_inputs* shared) {
    if (!loaded.value.faults.parts_fail()) return {};
    return fault_reader{loaded, nodes, files, shared}.read();
}

}  // namespace ampacity::io
