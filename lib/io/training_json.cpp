#include "training_json.hpp"

#include "distribution_json.hpp"

#include <ampacity/core/time.hpp>

#include <optional>
#include <utility>

namespace ampacity::io {

using json = nlohmann::ordered_json;

json to_json(const sim::training_result& t) {
    json out{{"jobs", t.jobs}, {"finished", t.finished}, {"gpus", t.gpus}, {"steps", t.steps}};
    if (t.tokens > 0) out["tokens"] = t.tokens;
    if (t.tokens > 0 && t.elapsed_s > 0) out["tokens_per_s"] = t.tokens / t.elapsed_s;
    if (t.step_s) out["step_s"] = to_json(*t.step_s);
    if (t.mfu) out["mfu"] = *t.mfu;
    if (t.elapsed_s > 0) out["effective_training_time_ratio"] = t.training_s / t.elapsed_s;
    out["failures"] = t.failures;
    out["preemptions"] = t.preemptions;
    if (t.checkpoints) out["checkpoints"] = *t.checkpoints;
    if (t.resizes) out["resizes"] = *t.resizes;
    if (t.shrunk) out["shrunk"] = *t.shrunk;
    if (t.moves) out["moves"] = *t.moves;
    if (t.cost) {
        const sim::training_cost& c = *t.cost;
        const auto put = [&out](const char* name, const std::optional<double>& value, double unit) {
            if (value) out["used"][name] = *value / unit;
        };
        put("gpu_hours", c.gpu_s, 3600);
        put("it_mwh", c.it_j, 3.6e9);
        put("facility_mwh", c.facility_j, 3.6e9);
        put("carbon_location_t", c.carbon_location_kg, 1000);
        put("energy_usd", c.energy_usd, 1);
        put("capacity_usd", c.capacity_usd, 1);
        put("carbon_embodied_t", c.carbon_embodied_kg, 1000);
    }
    json& hours = out["hours"];
    for (const auto& [name, s] : {std::pair{"elapsed", t.elapsed_s},
                                  {"training", t.training_s},
                                  {"evaluating", t.evaluating_s},
                                  {"lost", t.lost_s},
                                  {"checkpoint", t.checkpoint_s},
                                  {"restart", t.restart_s},
                                  {"stalled", t.stalled_s},
                                  {"waiting", t.waiting_s}})
        hours[name] = s / 3600;
    if (t.post) {
        const execution::post_training_result& p = *t.post;
        const auto share = [&p](duration d) { return to_seconds(d) / to_seconds(p.total); };
        out["rl"] = {{"rollout", share(p.rollout)},
                     {"train", share(p.train)},
                     {"sync", share(p.sync)},
                     {"longest_bubble", share(p.longest_bubble)},
                     {"rollouts_wait", share(p.rollouts_wait)},
                     {"trainer_waits", share(p.trainer_waits)},
                     {"rollout_tokens", p.tokens}};
    }
    return out;
}

}  // namespace ampacity::io
