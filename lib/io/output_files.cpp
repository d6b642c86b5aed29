#include <ampacity/io/output_files.hpp>

#include <array>

namespace ampacity::io {
namespace {

constexpr std::array jobs{
    output_column{"job_id", "", "the name in the trace; synthetic jobs count from 0"},
    output_column{"submit_s", "s", "when it arrived, from the scenario's start"},
    output_column{"start_s", "s", "its first start; empty if it never started"},
    output_column{"finish_s", "s", "its end; empty if it is unfinished or was rejected"},
    output_column{"gpus", "", "GPUs that it asks for"},
    output_column{"state", "", "finished, rejected, killed or unfinished"},
    output_column{"preemptions", "", "times that it lost its GPUs to another job"},
    output_column{"restarts", "", "runs after a failure"},
    output_column{"useful_gpu_s", "GPU-s", "time of work that was kept"},
    output_column{"lost_gpu_s", "GPU-s", "time of work that was thrown away"},
    output_column{
        "eligible_s", "s",
        "only where jobs have dependencies or arrays: when it entered the queue, which its wait and JCT count "
        "from; empty if it never did"},
};

constexpr std::array requests{
    output_column{"request", "", "its row in the file, from 0, rows that are no requests not counted"},
    output_column{"arrival_s", "s", "when it arrived, from the scenario's start"},
    output_column{"ttft_s", "s", "from its arrival to its first token; empty if there was none"},
    output_column{"finish_s", "s", "when it got its last token; empty if it did not"},
    output_column{"prompt_tokens", "", "length of its prompt"},
    output_column{"output_tokens", "", "length of the answer that it asks for"},
    output_column{"preemptions", "",
                  "times that it lost its blocks of the KV cache; since it was sent anew, if it lost its replica"},
    output_column{
        "replica", "",
        "the one that it was sent to last, from 0; empty if it waits at the router. Of those that are not in use the "
        "lowest number is used next"},
    output_column{"state", "", "finished, rejected, cancelled, failed, shed or unfinished"},
    output_column{
        "transfer_s", "s",
        "from its first token until its KV cache was at the replica that goes on; empty if it was not; only with "
        "`disaggregated`"},
};

constexpr std::array placement{
    output_column{"job_id", "", "the name in the trace"},
    output_column{"attempt", "", "number of the run of this job, from 1"},
    output_column{"start_s", "s", "when this run began"},
    output_column{"nodes", "", "node:GPUs, separated by `;`, such as 0:8;1:4; empty on a pool"},
};

constexpr std::array rejected{
    output_column{"job_id", "", "the name in the trace"},
    output_column{
        "time_s", "s",
        "when it was rejected: as it arrived, later by the policy, or as a job that it waits for did not finish"},
    output_column{"gpus", "", "GPUs that it asks for"},
    output_column{"reason", "", "why it can never run, in words"},
};

constexpr std::array build_out{
    output_column{"site", "", "its name; empty of a fleet without sites"},
    output_column{"rack", "", "its number in the fleet, from 0"},
    output_column{"arrived_s", "s",
                  "when it came to the site; this and the times below as planned, also beyond the end of "
                  "the run; empty where it does not come to that"},
    output_column{"ready_s", "s", "from when it could be installed: its place free, its power block ready"},
    output_column{"installed_s", "s", "when its crew was done"},
    output_column{"burnt_in_s", "s", "when it was burnt in for the first time"},
    output_column{"in_service_s", "s", "when it took jobs"},
    output_column{"retired_s", "s", "when it left for good"},
    output_column{"attempts", "", "how often it was burnt in; 0: in service from the start"},
};

constexpr std::array telemetry{
    output_column{
        "time_s", "s",
        "when the sample was taken, at the end of a round: ends of jobs of no length may still follow at that instant"},
    output_column{"queued_jobs", "", "jobs that wait"},
    output_column{"running_jobs", "", "jobs that hold GPUs"},
    output_column{"busy_gpus", "", "GPUs that a job or a service holds"},
    output_column{"free_gpus", "", "GPUs in service that neither holds"},
    output_column{"finished_jobs", "", "jobs that have finished so far"},
    output_column{"it_w", "W", "at the AC inputs of racks or nodes; only where power is modelled"},
    output_column{"utility_w", "W",
                  "what the utility delivers for it: with the losses from there, without what batteries and generators "
                  "give"},
    output_column{"facility_w", "W",
                  "IT, losses and overhead at the sample; this and the columns below only where the scenario lets them "
                  "be known, and empty at a time when they are not"},
    output_column{"carbon_g_per_kwh", "g/kWh",
                  "CO2e of what the grid delivers at the sample, location-based; of several sites the mean by "
                  "`facility_w`"},
    output_column{"price_usd_per_mwh", "USD/MWh", "of its energy; the same"},
    output_column{"it_kwh", "kWh", "from the start to the sample, exactly, as in summary.json"},
    output_column{"facility_kwh", "kWh", "the same, with losses and overhead"},
    output_column{"carbon_kg", "kg", "the same: `carbon_kg.location`"},
    output_column{"energy_usd", "USD", "the same: `cost_usd.energy`"},
    output_column{"cost_usd", "USD", "the same: `cost_usd.total`"},
    output_column{"gpu_temperature_mean_c", "degC",
                  "of the hottest GPU of each node, the mean over the nodes that stand there and whose coolant is "
                  "known; only with power.thermal"},
    output_column{"gpu_temperature_max_c", "degC", "the same, the largest"},
};

constexpr std::array sites{
    output_column{"time_s", "s", "when the sample was taken"},
    output_column{"site", "", "its name"},
    output_column{"it_w", "W", "this and the columns below as in telemetry.csv, of this site; empty where not known"},
    output_column{"utility_w", "W", "what the utility delivers for it"},
    output_column{"facility_w", "W", "IT, losses and overhead"},
    output_column{"carbon_g_per_kwh", "g/kWh", "CO2e of what the grid delivers"},
    output_column{"price_usd_per_mwh", "USD/MWh", "of its energy"},
    output_column{"it_kwh", "kWh", "from the start to the sample"},
    output_column{"facility_kwh", "kWh", "the same, with losses and overhead"},
    output_column{"carbon_kg", "kg", "the same, location-based"},
    output_column{"energy_usd", "USD", "the same, of its energy"},
    output_column{"cost_usd", "USD", "the same, with demand charges, generators and capacity"},
};

constexpr std::array replicas{
    output_column{"time_s", "s", "when the sample was taken"},
    output_column{"service", "", "its name; of one that is `everywhere` with the site: `chat@iad`"},
    output_column{"wanted", "", "replicas that its autoscaler wants"},
    output_column{"cold", "", "that hold GPUs and do not serve yet"},
    output_column{"serving", "", "that get requests"},
    output_column{"draining", "", "that get no more, and work on"},
};

constexpr std::array services{
    output_column{"time_s", "s", "when the sample was taken; what happened did so since the one before"},
    output_column{"service", "", "its name"},
    output_column{"arrived", "", "requests that came, those that were shed included"},
    output_column{"finished", "", "requests that got their whole answer"},
    output_column{"shed", "", "requests that `admission` refused"},
    output_column{"waiting", "", "requests at the router and in the queues of replicas, now"},
    output_column{"running", "", "all others that have not left, now; caches on their way included"},
    output_column{"kv_occupancy", "", "share of KV blocks taken now, of replicas that serve or drain"},
    output_column{"prefill_tokens_per_s", "1/s", "tokens of prompts that were computed, recomputed ones included"},
    output_column{"output_tokens_per_s", "1/s", "tokens of answers that were given, whatever became of the requests"},
    output_column{"ttft_p50_s", "s", "time to the first token, of those that were given, median; empty without any"},
    output_column{"ttft_p99_s", "s", "the same, 99th percentile"},
    output_column{"slo_attainment", "", "of the requests that left, those within all targets; empty without any"},
    output_column{"goodput_per_s", "1/s", "requests that finished within all targets"},
    output_column{"prefix_hit_share", "",
                  "tokens that prefix caches had / these and all that were prefilled; empty without `prefix_cache`"},
    output_column{"power_w", "W", "mean power of all its GPUs, by what steps do; empty where no `model` says it"},
    output_column{"output_tokens_per_joule", "1/J", "output_tokens_per_s / power_w"},
};

constexpr std::array flows{
    output_column{"time_s", "s", "when the sample was taken"},
    output_column{"service", "", "its name; of one that is `everywhere` with the site: `chat@iad`"},
    output_column{"serving", "", "replicas that serve"},
    output_column{"offered_per_s", "1/s",
                  "requests that came in the last `fluid.tick`, or since replicas came or went"},
    output_column{"served_per_s", "1/s", "that were served then"},
    output_column{"load", "", "these / what replicas could have served"},
    output_column{"backlog", "", "requests that wait beyond what a load has waiting"},
    output_column{"ttft_p50_s", "s", "time to the first token, median; with a backlog that of what comes now"},
    output_column{"ttft_p99_s", "s", "the same, 99th percentile"},
};

constexpr std::array feeds{
    output_column{"time_s", "s", "when the sample was taken"},
    output_column{"feed", "",
                  "its name: `SITE`, `SITE/hall-0/source-1`, `SITE/hall-0/row-3` or `rack-17`; of generators "
                  "`SITE/generator` or `SITE/hall-0/generator-1`"},
    output_column{"load_w", "W", "at its output"},
    output_column{"limit_w", "W", "its rating, or what an event leaves of it; empty without one"},
    output_column{"gpu_limit_low", "", "limit of GPUs of jobs of low priority, of that of their maker; of racks"},
    output_column{"gpu_limit_high", "", "the same of high priority"},
    output_column{"charge", "",
                  "left in the battery of a source, or of the fuel of a generator, 0 to 1; empty without"},
};

constexpr std::array years{
    output_column{"year", "", "of the calendar (UTC); the first and the last as long as the run lies in them"},
    output_column{"site", "", "all, or the name of one, where there are several"},
    output_column{"hours", "h", "of the run in that year"},
    output_column{"gpu_hours_in_service", "GPU-h", "time of GPUs that have come, those that have failed included"},
    output_column{"gpu_hours_useful", "GPU-h",
                  "as `gpu_hours` of summary.json, as are those that follow: time of work that was kept, as far as is "
                  "known by the end of the year; of a site only with `scheduler.sites`"},
    output_column{"gpu_hours_lost", "GPU-h", "time of work that was thrown away, where it was; the same"},
    output_column{"gpu_hours_checkpoint", "GPU-h", "time of writing checkpoints; the same"},
    output_column{"gpu_hours_restart", "GPU-h", "time of restarts; the same"},
    output_column{"gpu_hours_stalled", "GPU-h", "time in which jobs hung; the same"},
    output_column{"gpu_hours_idle", "GPU-h", "time unallocated; the same"},
    output_column{"gpu_hours_draining", "GPU-h", "time unallocated in draining racks; the same"},
    output_column{"gpu_hours_down", "GPU-h", "time of nodes that have failed or are reserved; the same"},
    output_column{"gpu_hours_uncommissioned", "GPU-h", "time of GPUs that are still to come"},
    output_column{"interruptions", "",
                  "times that a job or a replica lost GPUs to a failure; of a site only with `scheduler.sites`"},
    output_column{"it_kwh", "kWh", "this and those up to `rent_usd` only where power is modelled"},
    output_column{"facility_kwh", "kWh", "with losses and overhead"},
    output_column{"pue", "", "of the year"},
    output_column{"carbon_location_kg", "kg", "CO2e of its energy from the grid, by location"},
    output_column{"carbon_marginal_kg", "kg", "the same at what one more kilowatt-hour emits"},
    output_column{"carbon_market_kg", "kg", "the same after the operator's contracts"},
    output_column{"carbon_embodied_kg", "kg", "of making what stands there, over its life"},
    output_column{"energy_usd", "USD", "of its energy from the grid"},
    output_column{"demand_usd", "USD", "demand charges of its months"},
    output_column{"rent_usd", "USD", "`cost_usd.capacity`"},
    output_column{"contract_usd", "USD", "paid under `contract`; of a site for what was in service there"},
    output_column{"capital_usd", "USD", "depreciation, interest and maintenance by `contract.capex`, without energy"},
    output_column{"requests", "",
                  "that arrived at services; this and those below of a site only with `scheduler.sites`, and where "
                  "every service is everywhere or bound to a site"},
    output_column{"finished", "", "requests that got their whole answer"},
    output_column{"prompt_tokens", "", "of finished requests"},
    output_column{"output_tokens", "", "of finished requests"},
};

constexpr std::array explain{
    output_column{"job_id", "", "the name in the trace"},
    output_column{"from_s", "s",
                  "when the stretch of waiting begins: the submit, a preemption, or a change of the reason"},
    output_column{"to_s", "s", "its end: a start, or a change of the reason; the stretches of a job cover its waiting"},
    output_column{"passes", "", "scheduling passes that left the job waiting for this reason"},
    output_column{
        "reason", "",
        "gpus: too few are free; placement: enough, but no place; order: it stands behind `blocker`, which has "
        "no place, and the policy starts nothing behind such a job; reservation: it fits, but would delay "
        "`blocker`; round: the next decision is due at `until_s`; quota: it does not fit, and its group would exceed "
        "its quota, so it takes none from others; lease: it does not fit, and the GPUs in use are offered again at "
        "`until_s`; closing: it fits, but is planned to run beyond `until_s`, when nodes that it needs close; closed: "
        "nodes that it needs are out of service, some until `until_s`; signal: it is held back until `until_s` for a "
        "lower signal; power: it fits, but the feed `blocker` could not carry it, which is limited until `until_s`; "
        "unknown: it fits, and the policy says no more"},
    output_column{"ahead", "", "waiting jobs before it in the policy's order, at the first of these passes"},
    output_column{"gpus", "", "GPUs that it needs"},
    output_column{"least_free", "", "fewest GPUs free when it was its turn, over these passes"},
    output_column{"most_free", "", "most GPUs free when it was its turn"},
    output_column{"blocker", "", "the job, or the feed, in its way; empty where there is none"},
    output_column{
        "until_s", "s",
        "as planned in the first of these passes: when `blocker` is to start, or the job itself where it holds a "
        "reservation, or the next round; empty where nothing is planned"},
};

constexpr std::array table{
    output_description{"summary.json", "always", "the metrics: the same bytes for the same inputs", {}},
    output_description{"jobs.csv", "output.jobs", "one row per job, in file order; exact decimals", jobs},
    output_description{"rejected.csv", "output.jobs", "one row per rejected job, if there is one, in order of time",
                       rejected},
    output_description{
        "requests.csv", "output.requests",
        "one row per request that has arrived, in file order; exact decimals; of each of several services "
        "in requests-NAME.csv",
        requests},
    output_description{
        "build_out.csv", "fleet.build_out",
        "one row per rack of the sites where racks come or leave, by site and in the order of its groups", build_out},
    output_description{"placement.csv", "output.placement", "one row per start of a job, in order of time", placement},
    output_description{"telemetry.csv", "output.telemetry", "one row per interval", telemetry},
    output_description{"sites.csv", "output.telemetry",
                       "one row per site and interval, where there are several sites and power is modelled", sites},
    output_description{"replicas.csv", "output.telemetry",
                       "one row per service and interval, where replicas of one come and go", replicas},
    output_description{"services.csv", "output.telemetry", "one row per service with requests and interval", services},
    output_description{"flows.csv", "output.telemetry", "one row per fluid service and interval", flows},
    output_description{"feeds.csv", "output.feeds", "one row per feed and interval", feeds},
    output_description{
        "explain.csv", "scheduler.policy",
        "why the jobs of scheduler.explain.jobs waited, one row per stretch; written by the policy explain", explain},
    output_description{"events.json",
                       "output.events",
                       "a timeline of all runs, for Perfetto or chrome://tracing: a slice for each",
                       {}},
    output_description{"years.csv", "output.years",
                       "one row per calendar year, and per site of several; written with `contract`, too", years},
    output_description{
        "resolved.yaml", "always", "the scenario with every default spelt out; running it gives the same results", {}},
    output_description{
        "run.json", "always", "facts of this execution: speed, memory, version, host, hashes of all inputs", {}},
};

}  // namespace

std::span<const output_description> output_files() noexcept { return table; }

}  // namespace ampacity::io
