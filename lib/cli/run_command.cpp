#include "run_command.hpp"

#include "interrupts.hpp"
#include "loading.hpp"
#include "progress.hpp"
#include "skipped_text.hpp"
#include "text_table.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/plugins.hpp>
#include <ampacity/io/prepare.hpp>
#include <ampacity/io/run_files.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/io/xxh64.hpp>
#include <ampacity/money/account.hpp>
#include <ampacity/money/years.hpp>
#include <ampacity/policy/wrappers.hpp>
#include <ampacity/report/load_history.hpp>
#include <ampacity/report/run_report.hpp>
#include <ampacity/report/sweep_report.hpp>
#include <ampacity/report/tornado_chart.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/resolved.hpp>

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace ampacity::cli {
namespace {

/// 1234567.8 as "1,234,567.80".
std::string grouped(double x, int decimals) {
    std::string text = fmt::format("{:.{}f}", x, decimals);
    const std::size_t point = std::min(text.find('.'), text.size());
    for (std::size_t at = point; at > 3 + (text[0] == '-' ? 1U : 0U); at -= 3) text.insert(at - 3, 1, ',');
    return text;
}

void print_energy(const sim::energy_result& e) {
    const auto mwh = [](double j) { return grouped(j / 3.6e9, 3); };
    fmt::print("{:<18}{:>16} kW IT on average, {} at most, {} planned\n", "power", grouped(e.mean_it_w * 1e-3, 1),
               grouped(e.peak_it_w * 1e-3, 1), grouped(e.nameplate_w * 1e-3, 1));
    std::string sum = mwh(e.it_j) + " IT + " + mwh(e.losses_j) + " losses";
    if (e.overhead_j) sum += " + " + mwh(*e.overhead_j) + " cooling and building";
    fmt::print("{:<18}{:>16} = {}\n", "energy [MWh]", mwh(e.facility_j()), sum);
    if (e.floors_j) fmt::print("{:<18}{:>16} of IT, which power floors added\n", "floors [MWh]", mwh(*e.floors_j));
    if (e.pue)
        fmt::print("{:<18}{:>16} {} without electrical losses\n", "PUE", grouped(*e.pue, 4),
                   grouped(*e.pue_without_losses, 4));
    if (e.carbon_location_kg) {
        std::string others;
        if (e.carbon_marginal_kg) others += ", " + grouped(*e.carbon_marginal_kg * 1e-3, 3) + " marginal";
        if (e.carbon_market_kg) others += ", " + grouped(*e.carbon_market_kg * 1e-3, 3) + " by contracts";
        fmt::print("{:<18}{:>16} by location{}\n", "CO2e [t]", grouped(*e.carbon_location_kg * 1e-3, 3), others);
    }
    if (e.carbon_embodied_kg)
        fmt::print("{:<18}{:>16} of making what stands there\n", "embodied [t]",
                   grouped(*e.carbon_embodied_kg * 1e-3, 3));
    if (e.energy_usd) fmt::print("{:<18}{:>16}\n", "energy [USD]", grouped(*e.energy_usd, 2));
    if (e.demand_usd) fmt::print("{:<18}{:>16}\n", "demand [USD]", grouped(*e.demand_usd, 2));
    if (e.capacity_usd) fmt::print("{:<18}{:>16}\n", "capacity [USD]", grouped(*e.capacity_usd, 2));
    if (e.water_m3) fmt::print("{:<18}{:>16}\n", "water [m3]", grouped(*e.water_m3, 1));
    if (e.swing)
        fmt::print("{:<18}{:>16} kW with all jobs in step, {} if independent; {} MW/s\n", "swing",
                   grouped(e.swing->coherent_w * 1e-3, 1), grouped(e.swing->incoherent_w * 1e-3, 1),
                   grouped(e.swing->ramp_w_per_s * 1e-6, 2));
    if (e.trips)
        fmt::print("{:<18}{:>16} trips, {} changes of limits, {} rack-hours without power\n", "feeds",
                   grouped(static_cast<double>(*e.trips), 0), grouped(static_cast<double>(*e.limits), 0),
                   grouped(*e.lost_rack_s / 3600, 1));
    if (e.trips && (e.batteries_j.value_or(0) > 0 || e.generators_j.value_or(0) > 0)) {
        fmt::print("{:<18}{:>16} MWh, {} from generators in {} hours", "batteries", mwh(*e.batteries_j),
                   mwh(*e.generators_j), grouped(*e.generators_s / 3600, 1));
        if (e.generators_usd)
            fmt::print(": {} USD, {} t CO2e", grouped(*e.generators_usd, 2),
                       grouped(*e.carbon_generators_kg * 1e-3, 3));
        fmt::print("\n");
    }
    if (e.throttles)
        fmt::print("{:<18}{:>16} nodes throttled, {} shut down\n", "heat",
                   grouped(static_cast<double>(*e.throttles), 0), grouped(static_cast<double>(*e.shutdowns), 0));
}

/// What was paid and what it was good for, in all and by year.
void print_contract(const scenario::scenario& sc, const sim::summary& s) {
    const money::account all = money::account_of(sc, s);
    const auto usd = [](const std::optional<double>& n) { return n ? grouped(*n, 2) : std::string{"-"}; };
    if (all.customer)
        fmt::print("\n{:<18}{:>16} for {} GPU-hours in service: {} each, {} each useful one; {} for what was missing\n",
                   "paid [USD]", grouped(all.customer->paid.usd, 0), grouped(all.customer->gpu_hours, 0),
                   usd(all.customer->usd_per_gpu_h), usd(all.customer->usd_per_useful_gpu_h),
                   grouped(all.customer->paid.missing_usd, 0));
    if (all.owner) {
        const money::capital_cost& c = all.owner->capital;
        fmt::print(
            "{:<18}{:>16} = {} racks + {} facility + {} interest + {} maintenance + {} energy + {} demand; {} per "
            "GPU-hour\n",
            "cost [USD]", grouped(all.owner->total_usd(), 0), grouped(c.racks_usd, 0), grouped(c.facility_usd, 0),
            grouped(c.interest_usd, 0), grouped(c.maintenance_usd, 0), grouped(all.owner->energy_usd.value_or(0), 0),
            grouped(all.owner->demand_usd.value_or(0), 0),
            all.owner->gpu_hours > 0 ? grouped(all.owner->total_usd() / all.owner->gpu_hours, 2) : "-");
        if (all.owner->margin_usd) fmt::print("{:<18}{:>16}\n", "margin [USD]", grouped(*all.owner->margin_usd, 0));
    }
    text_table table{6, {18, 18, 18, 14, 14, 20}};
    table.row({"", "GPU-h in service", "GPU-h useful", "paid [USD]", "energy [MWh]", "CO2e [t]", "tokens out"});
    const auto or_dash = [](const std::optional<double>& n, double unit) {
        return n ? grouped(*n / unit, 0) : std::string{"-"};
    };
    for (const money::year_row& y : money::years_of(sc, s)) {
        if (!y.site.empty()) continue;
        const bool knows = y.energy && y.energy->overhead_j;
        table.row({std::to_string(y.year), grouped(to_gpu_hours(y.in_service), 0),
                   grouped(to_gpu_hours((*y.books)[account::useful]), 0), or_dash(y.contract_usd, 1),
                   or_dash(knows ? std::optional{y.energy->facility_j()} : std::nullopt, 3.6e9),
                   or_dash(y.energy ? y.energy->carbon_location_kg : std::nullopt, 1000),
                   grouped(static_cast<double>(y.served->output_tokens), 0)});
    }
    table.print();
}

void print_failures(const sim::summary& s) {
    if (s.failures.empty()) return;
    std::uint64_t count = 0, stopped = 0;
    for (const sim::cause_result& c : s.failures) {
        count += c.failures;
        stopped += c.jobs_stopped;
    }
    fmt::print("{:<18}{:>16} at random, {} jobs stopped\n", "failures", count, stopped);
}

void print_cost(const sim::training_cost& c) {
    fmt::print("{:<18}{:>16} MWh IT", "", grouped(c.it_j / 3.6e9, 1));
    if (c.facility_j) fmt::print(", {} MWh of the facility", grouped(*c.facility_j / 3.6e9, 1));
    if (c.carbon_location_kg) fmt::print(", {} t CO2e", grouped(*c.carbon_location_kg / 1000, 1));
    if (c.energy_usd) fmt::print(", {} USD of energy", grouped(*c.energy_usd, 0));
    if (c.capacity_usd) fmt::print(", {} USD of capacity", grouped(*c.capacity_usd, 0));
    fmt::print("\n");
}

void print_trainings(const std::vector<sim::training_result>& list) {
    for (const sim::training_result& t : list) {
        if (t.elapsed_s == 0) continue;
        const auto share = [&t](double s) { return fmt::format("{:.2f} %", 100 * s / t.elapsed_s); };
        fmt::print("\n{:<18}{:>16} steps on {} GPUs", t.name, grouped(static_cast<double>(t.steps), 0), t.gpus);
        if (t.jobs > 1) fmt::print(" by {} jobs", t.jobs);
        if (t.step_s) fmt::print(", {:.4g} s each", t.step_s->mean);
        if (t.mfu) fmt::print(", MFU {:.1f} %", 100 * *t.mfu);
        if (t.tokens > 0) fmt::print("; {:.4g} T tokens, {} /s", t.tokens * 1e-12, grouped(t.tokens / t.elapsed_s, 0));
        fmt::print("\n{:<18}{:>16} effective training time of {} days", "", share(t.training_s),
                   grouped(t.elapsed_s / 86400, 2));
        for (const auto& [name, s] : {std::pair{"evaluations", t.evaluating_s},
                                      {"lost", t.lost_s},
                                      {"checkpoints", t.checkpoint_s},
                                      {"restarts", t.restart_s},
                                      {"stalled", t.stalled_s},
                                      {"waiting", t.waiting_s}}) {
            if (s > 0) fmt::print(", {} {}", share(s), name);
        }
        fmt::print("; {} failures", t.failures);
        if (t.preemptions != 0) fmt::print(", {} preemptions", t.preemptions);
        if (t.checkpoints) fmt::print(", {} checkpoints", *t.checkpoints);
        if (t.resizes) fmt::print(", {} resizes, {} of them by failures", *t.resizes, *t.shrunk);
        if (t.moves && *t.moves != 0) fmt::print(", {} moves to other sites", *t.moves);
        fmt::print("\n");
        if (t.cost) print_cost(*t.cost);
        if (!t.post) continue;
        const auto part = [&t](duration d) { return 100 * to_seconds(d) / to_seconds(t.post->total); };
        fmt::print(
            "{:<18}{:>16} of its steps rollouts ({:.1f} % waiting for the longest), {:.1f} % training, {:.1f} % new "
            "weights; {} T tokens rolled out\n",
            "", fmt::format("{:.1f} %", part(t.post->rollout)), part(t.post->longest_bubble), part(t.post->train),
            part(t.post->sync), grouped(static_cast<double>(t.post->tokens) * 1e-12, 4));
    }
}

std::string model_text(const sim::modelled_service& m) {
    const std::string experts =
        m.expert_imbalance > 0 ? fmt::format(", expert imbalance {:.3f}", m.expert_imbalance) : std::string{};
    return fmt::format(
        "a replica of {} GPUs: {} GB of weights per GPU{}, {} tokens of KV cache; a decode {:.4g} ms alone, {:.4g} ms "
        "among {}; {} prefilled tokens/s; steps within {:.1f} % of the model on average, {:.0f} % at most",
        m.gpus, grouped(m.weights_b / 1e9, 1), experts, grouped(static_cast<double>(m.kv_capacity_tokens), 0),
        1e3 * m.decode_alone_s, 1e3 * m.decode_full_s, m.full_decodes, grouped(m.prefill_tokens_s, 0),
        100 * m.mean_error, 100 * m.most_error);
}

void print_scaling(const sim::service_result& s) {
    const sim::scaling_result& r = *s.scaling;
    const double mean =
        r.lasted > duration::zero() ? static_cast<double>(r.serving) / static_cast<double>(ticks(r.lasted)) : 0.0;
    fmt::print(
        "{:<18}{:>16} replicas serving on average, {} at most; {} cold starts, {} failures, {} preemptions; {} "
        "requests requeued, {} failed\n",
        "", grouped(mean, 2), r.max_serving, r.cold_starts, r.failures, r.preemptions, r.requeued, s.failed);
    if (r.slowed != 0)
        fmt::print("{:<18}{:>16} % of their time slowed down; mean pace {:.4f}\n", "",
                   grouped(100 * static_cast<double>(r.slowed) / static_cast<double>(r.serving), 2), r.mean_pace());
}

void print_pools(const sim::disaggregated_result& d, duration held) {
    for (const auto& [name, p] : {std::pair{"prefill", &d.prefill}, {"decode", &d.decode}}) {
        const double all_s = to_seconds(held) * static_cast<double>(p->replicas);
        fmt::print(
            "{:<18}{:>16} {} replicas of {} GPUs: {:.1f} % of the time in steps, KV cache at most {:.1f} % full\n", "",
            p->replicas, name, p->gpus_per_replica, all_s > 0 ? 100 * to_seconds(p->busy) / all_s : 0.0,
            100 * p->kv_peak);
        if (p->modelled) fmt::print("{:<18}{}\n", "", model_text(*p->modelled));
    }
    fmt::print("{:<18}{:>16} GB of caches moved", "", grouped(d.moved_b / 1e9, 2));
    if (d.transfer_s)
        fmt::print("; {:.4g} ms on average, {:.4g} ms p99", 1e3 * d.transfer_s->mean, 1e3 * d.transfer_s->p99);
    fmt::print("\n");
}

/// Rates beside requests, window by window, and site by site.
void print_windows(const sim::service_result& s) {
    const fluid::windows_result& w = *s.fluid->windows;
    fmt::print("{:<18}{:>16} windows with requests, {} not compared; rates / requests - 1:\n", "", w.each.size(),
               w.not_compared);
    if (w.each.empty()) return;
    text_table table{18, {16, 12, 12, 12, 12, 12, 12}};
    table.row({"", "from [d]", "served", "busy", "TTFT p50", "TTFT p99", "TPOT p50", "TPOT p99"});
    const auto row = [&table](std::string_view name, std::string from, const fluid::window_values& a,
                              const fluid::window_values& b) {
        const auto error = [](std::optional<double> x, std::optional<double> y) {
            return x && y && *y > 0 ? fmt::format("{:+.1f} %", 100 * (*x / *y - 1)) : std::string{"-"};
        };
        table.row({std::string{name}, std::move(from), error(a.served_per_s, b.served_per_s), error(a.busy, b.busy),
                   error(a.ttft_p50_s, b.ttft_p50_s), error(a.ttft_p99_s, b.ttft_p99_s),
                   error(a.tpot_p50_s, b.tpot_p50_s), error(a.tpot_p99_s, b.tpot_p99_s)});
    };
    constexpr std::size_t most_rows = 12;
    for (std::size_t i = 0; i != std::min(w.each.size(), most_rows); ++i)
        row("", fmt::format("{:.4g}", w.each[i].from_s / 86'400), w.each[i].flow, w.each[i].engine);
    if (w.each.size() > most_rows) table.row({"", "..."});
    row("", "all", w.flow, w.engine);
    for (const sim::service_result& site : s.sites) {
        const fluid::windows_result& own = *site.fluid->windows;
        row(site.name, fmt::format("{} of {}", own.each.size(), own.each.size() + own.not_compared), own.flow,
            own.engine);
    }
    table.print();
}

void print_sites(const sim::service_result& s) {
    text_table table{18, {16, 16, 16, 16, 16}};
    table.row({"site", "requests", "round trip [ms]", "mean load", "replicas", "TTFT p99 [s]"});
    for (std::size_t k = 0; k != s.sites.size(); ++k) {
        const sim::service_result& site = s.sites[k];
        const double lasted = to_seconds(site.scaling->lasted);
        table.row({site.name, grouped(static_cast<double>(site.requests), 0),
                   grouped(1e3 * s.routing->sites[k].round_trip_s, 1), grouped(site.fluid->mean_load, 3),
                   grouped(lasted > 0 ? static_cast<double>(site.scaling->serving) * 1e-9 / lasted : 0, 2),
                   site.ttft_s ? grouped(site.ttft_s->p99, 4) : ""});
    }
    table.print();
    fmt::print("{:<18}{:>16} ms on the network on average; {:.2f} % of the requests beyond max_round_trip\n", "",
               grouped(1e3 * s.routing->round_trip_s, 1), 100 * s.routing->far_share);
}

void print_services(const std::vector<sim::service_result>& list) {
    for (const sim::service_result& s : list) {
        const std::string shed = s.shed == 0 ? "" : " " + std::to_string(s.shed) + " shed,";
        if (s.fluid)
            fmt::print(
                "\n{:<18}{:>16} requests on {} GPUs, as rates: {} finished, {} rejected, {} unfinished; mean load "
                "{:.3f} "
                "of {:.4g} requests/s per replica; at most {} behind\n",
                s.name, grouped(static_cast<double>(s.requests), 0), s.gpus, s.finished, s.rejected, s.unfinished,
                s.fluid->mean_load, s.fluid->capacity_per_s, grouped(s.fluid->max_backlog, 0));
        else
            fmt::print(
                "\n{:<18}{:>16} requests on {} GPUs: {} finished, {} rejected,{} {} cancelled, {} unfinished; {} "
                "preemptions; {} steps\n",
                s.name, grouped(static_cast<double>(s.requests), 0), s.gpus, s.finished, s.rejected, shed, s.cancelled,
                s.unfinished, s.preemptions, grouped(static_cast<double>(s.steps), 0));
        if (!s.skipped.empty()) fmt::print("{:<18}{:>16}\n", "", "skipped: " + skipped_text(s.skipped));
        if (s.modelled && !s.disaggregated) fmt::print("{:<18}{}\n", "", model_text(*s.modelled));
        if (s.disaggregated) print_pools(*s.disaggregated, s.held);
        if (s.scaling) print_scaling(s);
        if (s.fluid && s.fluid->windows) print_windows(s);
        if (s.routing) print_sites(s);
        if (!s.ttft_s) continue;
        text_table table{18, {16, 16, 16, 16, 16}};
        table.row({"", "mean", "p50", "p90", "p99", "max"});
        for (const auto& [name, d] : {std::pair{"TTFT [s]", &s.ttft_s},
                                      {"TPOT [s]", &s.tpot_s},
                                      {"ITL [s]", &s.itl_s},
                                      {"E2E [s]", &s.e2e_s}}) {
            if (*d)
                table.row({name, grouped((*d)->mean, 4), grouped((*d)->p50, 4), grouped((*d)->p90, 4),
                           grouped((*d)->p99, 4), grouped((*d)->max, 4)});
        }
        table.print();
        const double gpu_s =
            s.scaling ? to_gpu_hours(s.held_gpu_time()) * 3600 : to_seconds(s.held) * static_cast<double>(s.gpus);
        fmt::print("{:<18}{:>16} tokens/s of answers per GPU", "",
                   grouped(gpu_s > 0 ? static_cast<double>(s.output_tokens) / gpu_s : 0, 2));
        if (s.attainment) fmt::print("; {:.2f} % within the targets", 100 * *s.attainment);
        fmt::print("\n");
    }
}

/// The first of many, and the sum of the others.
void print_reservations(const std::vector<sim::reservation_result>& list) {
    constexpr std::size_t most = 24;
    const auto print = [](const std::string& name, gpu_time closed, gpu_time idle, std::uint64_t stopped) {
        fmt::print("{:<18}{:>16} GPU-hours closed, {} idle before it while jobs waited; {} jobs stopped\n", name,
                   grouped(to_gpu_hours(closed), 1), grouped(to_gpu_hours(idle), 1), stopped);
    };
    gpu_time closed = 0, idle = 0;
    std::uint64_t stopped = 0, others = 0;
    for (const sim::reservation_result& r : list) {
        const gpu_time taken = gpu_time{ticks(r.closed)} * r.gpus;
        if (!r.jobs && static_cast<std::size_t>(&r - list.data()) >= most) {
            closed += taken;
            idle += r.idle_before;
            stopped += r.stopped;
            ++others;
            continue;
        }
        print(r.name, taken, r.idle_before, r.stopped);
        if (!r.jobs) continue;
        fmt::print("{:<18}{:>16} jobs of its own: {} finished, {} killed, {} rejected; {} GPU-hours held, {} idle\n",
                   "", r.jobs->submitted, r.jobs->finished, r.jobs->killed, r.jobs->rejected,
                   grouped(to_gpu_hours(r.jobs->held), 1), grouped(to_gpu_hours(r.jobs->idle), 1));
    }
    if (others != 0) print("and " + std::to_string(others) + " others", closed, idle, stopped);
}

void print_summary(const scenario::scenario& sc, const sim::summary& s, std::uint64_t gpus, std::uint64_t peak_queue,
                   std::span<const workload::skipped_records> skipped) {
    fmt::print("{}  seed {}  policy {}{}  {} GPUs  {} simulated days\n", sc.name, sc.seed, sc.scheduler.policy,
               sc.fleet.pool_gpus || !sc.fleet.pools.empty() ? "" : "  placer " + sc.scheduler.placer,
               grouped(static_cast<double>(gpus), 0), grouped(to_seconds(s.simulated) / 86400, 2));
    const std::string held = s.held.value_or(0) == 0 ? std::string{} : fmt::format(" ({} not in the queue)", *s.held);
    fmt::print("{} jobs: {} finished, {} rejected, {} killed, {} unfinished{}; {} preemptions; at most {} waiting\n",
               s.submitted, s.finished, s.rejected, s.killed, s.unfinished, held, s.preemptions, peak_queue);
    if (!skipped.empty()) fmt::print("skipped records of the trace: {}\n", skipped_text(skipped));
    fmt::print("\n");
    if (s.finished == 0) {
        if (s.services.empty() || s.submitted != 0) fmt::print("no job finished: there is nothing to average\n");
        print_failures(s);
        if (s.energy) print_energy(*s.energy);
        for (const sim::site_result& r : s.sites) {
            fmt::print(
                "{:<18}{:>16} jobs: {} finished, {} killed, {} rejected, {} came and {} left when sites were dark\n",
                r.name, r.jobs.submitted, r.jobs.finished, r.jobs.killed, r.jobs.rejected, r.came, r.left);
            fmt::print("{:<18}{:>16} GPU-hours held, {} idle\n", "", grouped(to_gpu_hours(r.jobs.held), 1),
                       grouped(to_gpu_hours(r.jobs.idle), 1));
        }
        print_trainings(s.trainings);
        print_services(s.services);
        if (sc.contract) print_contract(sc, s);
        return;
    }
    text_table table{18, {16, 16, 16, 16, 16}};
    table.row({"", "mean", "p50", "p90", "p99", "max"});
    const auto row = [&table](const char* name, const sim::distribution_summary& d) {
        table.row(
            {name, grouped(d.mean, 2), grouped(d.p50, 2), grouped(d.p90, 2), grouped(d.p99, 2), grouped(d.max, 2)});
    };
    row("JCT [s]", *s.jct_s);
    row("wait [s]", *s.wait_s);
    row("bounded slowdown", *s.bounded_slowdown);
    table.print();
    fmt::print("\n{:<18}{:>16}\n", "makespan [s]", grouped(*s.makespan_s, 2));
    if (s.utilisation) fmt::print("{:<18}{:>16}\n", "utilisation", fmt::format("{:.4f}", *s.utilisation));
    const auto hours = [&s](account a) { return grouped(to_gpu_hours(s.books[a]), 1); };
    std::string overhead;
    for (const account a : {account::checkpoint, account::restart, account::stalled}) {
        if (s.books[a] != 0)
            overhead += hours(a) + ' ' + std::string{account_names[static_cast<std::size_t>(a)]} + " + ";
    }
    std::string out_of_service;
    for (const account a : {account::draining, account::down}) {
        if (s.books[a] != 0)
            out_of_service += " + " + hours(a) + ' ' + std::string{account_names[static_cast<std::size_t>(a)]};
    }
    fmt::print("{:<18}{:>16} = {} useful + {} lost + {}{} idle{}\n", "GPU-hours",
               grouped(to_gpu_hours(s.books.capacity), 1), hours(account::useful), hours(account::lost), overhead,
               hours(account::idle), out_of_service);
    print_failures(s);
    if (s.energy) print_energy(*s.energy);
    print_reservations(s.reservations);
    print_trainings(s.trainings);
    print_services(s.services);
    if (sc.contract) print_contract(sc, s);
}

/// Of the terminal that stdout is, else 80.
std::size_t columns() {
    winsize size{};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : 80;
}

/// Does the environment promise that block characters can be seen?
bool shows_utf8() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* const value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        const std::string_view locale = value;
        return locale.ends_with("UTF-8") || locale.ends_with("utf8");
    }
    return false;
}

/// Two lines as wide as the terminal.
void print_sparklines(const report::load_history& history, instant end, std::uint64_t gpus) {
    constexpr std::size_t beside = 18 + 2 + 20;  // the name before, the scale behind
    const std::size_t wide = columns();
    const auto parts = history.parts(wide > beside + 8 ? wide - beside : 8, end);
    if (parts.empty()) return;
    std::vector<double> queued, busy;
    for (const auto& p : parts) {
        queued.push_back(p.queued);
        busy.push_back(p.busy_gpus);
    }
    const double most = *std::max_element(queued.begin(), queued.end());
    fmt::print("\n{:<18}{}  0 to {}\n", "jobs waiting", report::sparkline(queued, most), grouped(most, 1));
    fmt::print("{:<18}{}  0 to {} GPUs\n", "busy GPUs", report::sparkline(busy, static_cast<double>(gpus)),
               grouped(static_cast<double>(gpus), 0));
}

double seconds_since(std::chrono::steady_clock::time_point t) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
}

/// Runs to the end or to an interrupt. The pieces are small: a pass over a long queue can take a tenth of a second.
void run_in_pieces(sim::simulation& s, progress_line& progress) {
    constexpr std::uint64_t events = 16;
    while (!interrupted() && s.run_rounds(events) == sim::status::paused) progress.update(s);
}

/// The tornado charts of a sweep alone.
std::string tornado_picture(const experiment::result_store& store, const experiment::compare_options& options,
                            const std::string& file) {
    const auto all = experiment::compare(store, options);
    experiment::require_tornado(all, file, "--output");
    return report::tornado_svg(all);
}

}  // namespace

int validate(const scenario_options& options) {
    const io::plugins more{options.plugins};
    const auto loaded = load(options, more);
    io::checked_inputs checked;
    with_places(loaded, [&] { checked = io::check_inputs(loaded, &more); });
    fmt::print("{}{}", scenario::write_resolved(loaded.value), more.comment());
    for (const auto& [name, of] : checked.modelled) fmt::print("# {}: {}\n", name, model_text(of));
    for (const auto& [key, records] : checked.skipped)
        fmt::print("# skipped records of {}: {}\n", key, skipped_text(records));
    for (const std::string& note : checked.notes) fmt::print("# note: {}\n", note);
    return 0;
}

int run(const run_options& options) {
    catch_interrupts();
    const auto begun = std::chrono::steady_clock::now();
    const io::plugins more{options.of.plugins};
    const auto loaded = load(options.of, more);
    const auto& sc = loaded.value;
    auto prepared = io::prepare(loaded, &more);
    const std::uint64_t gpus = prepared.parts.fleet.installed_gpus();
    std::vector<std::filesystem::path> inputs{loaded.file};
    for (const auto* trace : prepared.traces) inputs.emplace_back(trace->path());
    for (const auto* trace : prepared.request_traces) inputs.emplace_back(trace->path());
    for (const auto& plugin : more.files()) inputs.emplace_back(plugin.path);
    for (const auto& model : prepared.models) inputs.emplace_back(model.path);
    io::run_files files(
        options.directory.empty() ? std::filesystem::path{"out"} / sc.name : std::filesystem::path{options.directory},
        sc, inputs);
    prepared.parts.observers.push_back(&files);
    const bool draws = options.sparklines.value_or(isatty(STDOUT_FILENO) != 0 && shows_utf8());
    report::load_history history;
    if (draws) prepared.parts.observers.push_back(&history);
    if (auto* const to = files.passes()) sim::explain_to(prepared.parts, *to);
    sim::simulation s(std::move(prepared.parts));
    files.watch(s);
    io::run_facts facts{
        .wall_s = 0, .load_s = seconds_since(begun), .command = options.command, .inputs = {}, .more = &more};
    facts.filled = std::move(prepared.filled);
    facts.surfaces = std::move(prepared.surfaces);
    facts.notes = std::move(prepared.notes);
    const double read_before = s.reading_s();

    const auto start = std::chrono::steady_clock::now();
    {
        progress_line progress(options.progress, sc.until);
        with_places(loaded, [&] { run_in_pieces(s, progress); });
    }
    const auto& result = s.results();
    const double reading_s = s.reading_s() - read_before;
    facts.wall_s = std::max(0.0, seconds_since(start) - reading_s - files.writing_s());
    facts.load_s += reading_s;
    const bool cut_short = interrupted();
    facts.inputs.emplace_back(loaded.file, io::digest_text(loaded.digest));
    for (const auto& model : prepared.models) facts.inputs.emplace_back(model.path, io::digest_text(model.digest));
    for (auto* trace : prepared.traces) {
        if (!cut_short) facts.inputs.emplace_back(trace->path(), io::digest_text(trace->finish_digest()));
    }
    for (auto* trace : prepared.request_traces) {
        if (!cut_short) facts.inputs.emplace_back(trace->path(), io::digest_text(trace->finish_digest()));
    }
    files.finish(s, cut_short, facts);
    print_summary(sc, result, gpus, s.peak_queue(), io::skipped_in(s, sc, cut_short));
    for (const std::string& note : facts.notes) fmt::print("\nnote: {}\n", note);
    if (draws) print_sparklines(history, start_of_time + result.simulated, gpus);
    if (cut_short)
        fmt::print(stderr, "ampacity: interrupted at {} s of simulated time; partial results are saved\n",
                   to_seconds(s.now()));
    return cut_short ? 4 : 0;
}

int report(const report_options& options) {
    namespace fs = std::filesystem;
    const auto& [results, output, by, baseline, metrics] = options;
    std::error_code ignored;
    const bool is_store = fs::is_regular_file(results, ignored);
    fs::path page = output;
    if (output.empty())
        page = is_store ? fs::path{results}.replace_extension(".html") : fs::path{results} / "report.html";
    const bool is_picture = page.extension() == ".svg";
    if (is_store) {
        const auto store = experiment::result_store::open(results);
        const experiment::compare_options compared{.by = by, .baseline = baseline, .metrics = metrics};
        io::write_file(page,
                       is_picture ? tornado_picture(store, compared, page.string()) : report::html(store, compared));
    } else {
        const auto run = report::read_run(results);
        for (const auto& [option, given] : {std::pair{"--by", !by.empty()}, std::pair{"--baseline", !baseline.empty()},
                                            std::pair{"--metric", !metrics.empty()}}) {
            if (given)
                throw scenario_error(
                    {{results, 0, 0}, option, "a run has no variants", {}, "give the file of a sweep"});
        }
        io::write_file(page, is_picture ? report::overview_svg(run) : report::html(run));
    }
    fmt::print("{}\n", page.string());
    return 0;
}

}  // namespace ampacity::cli
