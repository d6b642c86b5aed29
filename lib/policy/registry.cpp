#include "builtin.hpp"

#include <ampacity/policy/wrappers.hpp>

#include <array>
#include <utility>

namespace ampacity::policy {
namespace {

constexpr std::array policy_table{
    description{"fifo", "submit order; the first job that does not fit blocks all behind it"},
    description{"fifo-skip", "submit order; every job that fits starts"},
    description{"sjf", "shortest job first (oracle: true duration); the first that does not fit blocks"},
    description{"srtf", "shortest remaining time first, preemptive (oracle: true remaining time)"},
    description{"las", "least attained service in buckets of GPU-time, preemptive"},
    description{"easy", "EASY backfill: later jobs start if they do not delay the head of the queue"},
    description{"conservative", "conservative backfill: every queued job holds a reservation"},
    description{"srsf", "shortest remaining service (time x GPUs) first, preemptive (oracle: true remaining time)"},
    description{"gittins", "largest Gittins index of the attained GPU-time first, preemptive (Tiresias)"},
    description{"qssf", "shortest predicted GPU-time first, by what like jobs took before (Helios)"},
    description{"ftf", "finish-time fairness: the worst off first, preemptive at the ends of leases (Themis)"},
    description{"max-min", "max-min fair throughput over GPU types, in rounds, preemptive (Gavel)"},
    description{"round", "another policy, scheduler.round.policy, that decides only every scheduler.round.every"},
    description{"explain", "another policy, scheduler.explain.policy, with a file that tells why jobs wait"},
    description{"priority", "highest priority first; running jobs of lower priority are preempted for it"},
    description{"fair-share", "groups with quotas: idle GPUs are lent by weight, and reclaimed by preemption"},
    description{"drf", "dominant resource fairness: next comes the user with the least share of the GPUs"},
    description{"elastic", "elastic jobs get GPUs by marginal gain, and are resized for it (Pollux, Sia)"},
    description{"carbon-aware",
                "another policy, scheduler.carbon-aware.base; jobs that can wait come at hours of low carbon"},
    description{"price-aware", "another policy, scheduler.price-aware.base; jobs that can wait come at cheap hours"},
    description{"power-aware", "submit order; a job starts only where the feeds above can carry it"},
};

constexpr std::array placer_table{
    description{"first-fit", "lowest node row first"},
    description{"pack", "the remainder goes to the fullest node that has room"},
    description{"spread", "the emptiest node first"},
    description{"topology", "fewest racks, then even shares, then fewest blocks and sites; or by weights"},
    description{"block", "the smallest aligned group of racks that has room, as Slurm's topology/block"},
};

bool is_wrapper(std::string_view name) {
    return name == "round" || name == "explain" || name == "carbon-aware" || name == "price-aware";
}

std::unique_ptr<policy> make_waiting(const std::string& base, const signal_options& o, const policy_options& options) {
    if (is_wrapper(base)) return nullptr;
    auto inner = make_policy(base, options);
    return inner ? make_signal_aware(std::move(inner), o) : nullptr;
}

}  // namespace

std::span<const description> policies() noexcept { return policy_table; }
std::span<const description> placers() noexcept { return placer_table; }

std::unique_ptr<policy> make_policy(std::string_view name, const policy_options& options) {
    if (name == "fifo") return make_fifo();
    if (name == "fifo-skip") return make_fifo_skip();
    if (name == "sjf") return make_sjf(options.sjf_by_estimate);
    if (name == "srtf") return make_srtf(options.srtf_by_estimate);
    if (name == "las") return make_las(options.las_thresholds);
    if (name == "easy") return make_easy();
    if (name == "conservative") return make_conservative();
    if (name == "round") {
        if (options.round_policy == "round" || options.round_policy == "explain") return nullptr;
        auto inner = make_policy(options.round_policy, options);
        return inner ? make_round(std::move(inner), options.round_every) : nullptr;
    }
    if (name == "explain") {
        return options.explain_policy == "explain" ? nullptr : make_policy(options.explain_policy, options);
    }
    if (name == "carbon-aware") return make_waiting(options.carbon_aware_base, options.carbon_aware, options);
    if (name == "price-aware") return make_waiting(options.price_aware_base, options.price_aware, options);
    if (name == "srsf") return make_srsf(options.srsf_by_estimate);
    if (name == "gittins") return make_gittins(options.gittins);
    if (name == "qssf") return make_qssf(options.qssf);
    if (name == "ftf") return make_ftf(options.ftf);
    if (name == "max-min") return make_max_min(options.max_min);
    if (name == "priority") return make_priority(options.priority);
    if (name == "fair-share") return make_fair_share(options.fair_share);
    if (name == "drf") return make_drf(options.drf);
    if (name == "elastic") return make_elastic(options.elastic);
    if (name == "power-aware") return make_power_aware(options.power_aware);
    return nullptr;
}

std::unique_ptr<placer> make_placer(std::string_view name, const policy_options& options) {
    if (name == "first-fit") return make_first_fit();
    if (name == "pack") return make_pack();
    if (name == "spread") return make_spread();
    if (name == "topology") return make_topology(options.topology_keeps_racks_whole, options.topology_weights);
    if (name == "block") return make_block();
    return nullptr;
}

}  // namespace ampacity::policy
