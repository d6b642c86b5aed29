#include "service_models.hpp"

#include "fleet_system.hpp"

#include <ampacity/core/suggest.hpp>
#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/expert_load.hpp>
#include <ampacity/llm/inference_replica.hpp>
#include <ampacity/power/node_power.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

namespace ampacity::io {
namespace {

/// Decimals of a nanosecond where that has room, else whole ones.
serving::exact_time exact_of(double s) {
    if (s < 9) return {std::llround(s * 1e18), 9};
    return {std::llround(std::min(s, 1000.0) * 1e9), 0};
}

/// One service, with messages at its keys.
class service_reader {
public:
    service_reader(const loaded_scenario& loaded, const scenario::inference_service& service, std::uint16_t entry,
                   std::vector<model_file>& files, shared_inputs* shared)
        : loaded_(loaded),
          service_(service),
          files_(files),
          shared_(shared),
          path_("workload." + std::to_string(entry) + ".service"),
          assumed_(service.assumptions.value_or(scenario::serving_assumptions{})) {}

    scenario::served_model read() {
        const auto m = model_for<llm::model>(loaded_, files_, shared_, *service_.model, path_ + ".model");
        const llm::system s = system();
        auto e = model_for<llm::inference_efficiency>(loaded_, files_, shared_, "inference", path_ + ".model");
        if (e.find(s.accelerator) == nullptr)
            refuse(path_ + ".model", "no inference was measured on these GPUs", s.accelerator,
                   "give engine.step in place of the model, or another system");
        const llm::inference_plan plan = plan_of(m, s);
        if (assumed_.expert_skew) e.imbalance = llm::expert_imbalance(m, plan, *assumed_.expert_skew);
        const scenario::engine_options& engine = service_.engine;
        const llm::replica_range range{
            .decodes = static_cast<std::int64_t>(std::min(engine.max_seqs, engine.max_batched_tokens)),
            .prefill_tokens = static_cast<std::int64_t>(engine.max_batched_tokens),
            .context = assumed_.context.value,
            .prompt = assumed_.prompt.value,
            .memory_share = assumed_.memory_share};
        const llm::modelled_replica r = llm::replica_of(m, plan, s, e, e.find_software(service_.software), range);
        scenario::served_model out = served(r, plan);
        out.cache = cache_of(m, s, e, plan);
        if (assumed_.expert_skew) out.facts.expert_imbalance = e.imbalance;
        add_power(out.facts, m, s, plan.precision);
        return out;
    }

private:
    [[noreturn]] void refuse(const std::string& key, std::string what, std::string value, std::string remedy) const {
        throw scenario_error({.where = loaded_.locate(key),
                              .key = key,
                              .what = std::move(what),
                              .value = std::move(value),
                              .remedy = std::move(remedy)});
    }

    /// As `llm::transfer_s` has it: the GPUs of one group send, between NVLink domains where two replicas do not fit in
    /// one.
    static scenario::served_cache cache_of(const llm::model& m, const llm::system& s,
                                           const llm::inference_efficiency& e, const llm::inference_plan& p) {
        const bool crosses = 2 * p.gpus() > s.domain_gpus;
        return {.bytes_per_token = m.kv_bytes_per_token(p.cache_bytes),
                .layers = m.num_layers(),
                .link_b_s = (crosses ? s.rail_b_s : s.domain_b_s) * p.tp,
                .link_share = crosses ? e.rail_share : e.exchange_share,
                .link_latency = duration{std::llround(e.rail_s * 1e9)}};
    }

    /// GPUs that the catalogue does not have by name draw nothing that is known.
    void add_power(sim::modelled_service& to, const llm::model& m, const llm::system& s,
                   llm::precision_kind precision) {
        const auto known = find_models("accelerators");
        if (std::none_of(known.begin(), known.end(), [&](const auto& k) { return k.name == s.accelerator; })) return;
        const hardware::gpu_power gpu =
            model_for<hardware::accelerator>(loaded_, files_, shared_, s.accelerator, path_ + ".model").power;
        const auto products = [precision] {
            switch (precision) {
                case llm::precision_kind::bf16: return power::phase::gemm_bf16;
                case llm::precision_kind::fp8:
                case llm::precision_kind::mxfp8: return power::phase::gemm_fp8;
                case llm::precision_kind::nvfp4: break;
            }
            return power::phase::gemm_fp4;
        };
        const bool latent = std::any_of(m.layers.begin(), m.layers.end(),
                                        [](const llm::layer& l) { return l.mixer == llm::mixer_kind::latent; });
        to.prefill_w = power::gpu_power_w(gpu, products());
        to.decode_w = power::gpu_power_w(gpu, latent ? power::phase::decode_mla : power::phase::decode_gemm);
        to.waiting_w = power::gpu_power_w(gpu, power::phase::context);
    }

    llm::system system() {
        const std::string key = path_ + ".system";
        if (!service_.system) return fleet_system(loaded_, files_, shared_, path_ + ".model", "this service `system`");
        const std::string& name = *service_.system;
        if (name.ends_with(".yaml"))
            return kind_of_file(loaded_.resolve(name)) == model_kind::node
                       ? llm::system_of(model_for<hardware::node>(loaded_, files_, shared_, name, key))
                       : llm::system_of(model_for<hardware::rack>(loaded_, files_, shared_, name, key));
        std::vector<std::string> known;
        for (const model_location& m : find_models("racks")) {
            if (m.name == name) return llm::system_of(model_for<hardware::rack>(loaded_, files_, shared_, name, key));
            known.push_back(m.name);
        }
        for (const model_location& m : find_models("nodes")) {
            if (m.name == name) return llm::system_of(model_for<hardware::node>(loaded_, files_, shared_, name, key));
            known.push_back(m.name);
        }
        const std::vector<std::string_view> names(known.begin(), known.end());
        refuse(key, "no such rack or node", name, suggestion(name, names));
    }

    llm::inference_plan plan_of(const llm::model& m, const llm::system& s) const {
        const scenario::serving_sizes sizes = service_.parallel.value_or(scenario::serving_sizes{});
        const std::uint64_t others = sizes.attention_dp * sizes.pp;
        const std::uint64_t tp =
            sizes.tp.value_or(std::max<std::uint64_t>(1, service_.gpus_per_replica.value_or(1) / others));
        if (service_.gpus_per_replica && tp * others != *service_.gpus_per_replica)
            refuse(path_ + ".gpus_per_replica", "the plan has another number",
                   std::to_string(*service_.gpus_per_replica),
                   fmt::format("write {} (tp {} x attention_dp {} x pp {}), or leave it out", tp * others, tp,
                               sizes.attention_dp, sizes.pp));
        if (service_.replicas * sizes.pp > std::uint64_t{1} << 20U)
            refuse(path_ + ".replicas", "too many together with the stages of their pipelines",
                   std::to_string(service_.replicas), "write fewer");
        const std::uint64_t spread = m.has_experts() && sizes.attention_dp > 1 ? tp * sizes.attention_dp : 1;
        const auto usual = s.fp8_flop_s > 0 ? llm::precision_kind::fp8 : llm::precision_kind::bf16;
        llm::inference_plan p{.tp = static_cast<std::uint32_t>(tp),
                              .attention_dp = static_cast<std::uint32_t>(sizes.attention_dp),
                              .pp = static_cast<std::uint32_t>(sizes.pp),
                              .ep = static_cast<std::uint32_t>(sizes.ep.value_or(spread)),
                              .precision = service_.precision.value_or(usual)};
        p.mixers = p.precision;
        const bool narrow = service_.software.starts_with("trtllm") && p.precision != llm::precision_kind::bf16;
        p.cache_bytes = assumed_.kv_cache.value_or(narrow ? llm::precision_kind::fp8 : llm::precision_kind::bf16) ==
                                llm::precision_kind::fp8
                            ? 1
                            : 2;
        const std::string key = path_ + (service_.parallel ? ".parallel" : ".model");
        if (const std::string fault = llm::fault_of(m, p, s); !fault.empty())
            refuse(key, "no plan for " + m.name + " on " + s.name, fault, "write other sizes");
        check_experts(m, p);
        p.redundant_experts = static_cast<std::uint32_t>(assumed_.redundant_experts);
        if (const std::string fault = llm::memory_fault_of(m, p, s, assumed_.memory_share); !fault.empty())
            refuse(key, m.name + " does not fit on " + s.name, fault,
                   "divide it over more GPUs, or write a smaller precision");
        return p;
    }

    /// \pre the plan has no fault but for these
    void check_experts(const llm::model& m, const llm::inference_plan& p) const {
        const std::string key = path_ + ".assumptions.";
        const std::uint64_t given = assumed_.redundant_experts;
        if (given == 0 && !assumed_.expert_skew) return;
        const std::string which = key + (given > 0 ? "redundant_experts" : "expert_skew");
        const std::string value = given > 0 ? std::to_string(given) : fmt::to_string(*assumed_.expert_skew);
        if (!m.has_experts()) refuse(which, m.name + " has no experts", value, "remove it");
        if (p.ep == 1)
            refuse(which, "experts are not divided, parallel.ep is 1", value, "remove it, or write parallel.ep");
        const auto next = llm::redundant_from(m, p.ep, static_cast<std::uint32_t>(given));
        if (next == given) return;
        if (!next)
            refuse(key + "redundant_experts", fmt::format("there is no room for so many with parallel.ep {}", p.ep),
                   std::to_string(given), "write fewer, or another parallel.ep");
        refuse(key + "redundant_experts", fmt::format("parallel.ep {} does not divide experts and copies", p.ep),
               std::to_string(given), fmt::format("write {}", *next));
    }

    scenario::served_model served(const llm::modelled_replica& r, const llm::inference_plan& plan) const {
        scenario::served_model out{
            .grid = {.decodes = r.decodes, .prefill_tokens = r.prefill_tokens, .time = {}},
            .attention = {.per_kv_token = exact_of(r.per_kv_token_s), .per_prefill_attention = exact_of(r.per_pair_s)},
            .kv_capacity_tokens = static_cast<std::int64_t>(std::min(r.cache_tokens / plan.pp, std::ldexp(1.0, 48))),
            .gpus = plan.stage_gpus(),
            .replicas = plan.pp};
        for (const double s : r.time_s) out.grid.time.push_back(exact_of(s));
        const scenario::engine_options& engine = service_.engine;
        if (engine.kv_capacity_tokens) out.kv_capacity_tokens = static_cast<std::int64_t>(*engine.kv_capacity_tokens);
        const double context = assumed_.context.value;
        const double full = std::clamp(std::floor(static_cast<double>(out.kv_capacity_tokens) / context), 1.0,
                                       static_cast<double>(std::min(engine.max_seqs, engine.max_batched_tokens)));
        const auto tokens = static_cast<double>(engine.max_batched_tokens);
        const double prompts = std::max(1.0, std::round(tokens / assumed_.prompt.value));
        out.facts = {.gpus = out.gpus,
                     .kv_capacity_tokens = out.kv_capacity_tokens,
                     .weights_b = r.weights_b,
                     .full_decodes = static_cast<std::int64_t>(full),
                     .decode_alone_s = r.step_s(1, context, 0, 0),
                     .decode_full_s = r.step_s(full, full * context, 0, 0),
                     .prefill_tokens_s = tokens / r.step_s(0, 0, tokens, tokens * (tokens / prompts + 1) / 2),
                     .mean_error = r.mean_error,
                     .most_error = r.most_error};
        return out;
    }

    const loaded_scenario& loaded_;
    const scenario::inference_service& service_;
    std::vector<model_file>& files_;
    shared_inputs* shared_;
    std::string path_;
    scenario::serving_assumptions assumed_;
};

}  // namespace

scenario::served_model serve_model(const loaded_scenario& loaded, const scenario::inference_service& service,
                                   std::uint16_t entry, std::vector<model_file>& files, shared_inputs* shared) {
    return service_reader{loaded, service, entry, files, shared}.read();
}

}  // namespace ampacity::io
