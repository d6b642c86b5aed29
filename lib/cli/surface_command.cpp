#include "surface_command.hpp"

#include "loading.hpp"
#include "text_table.hpp"
#include "trials.hpp"

#include <ampacity/core/math.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/io/prepare.hpp>
#include <ampacity/io/surface_file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace ampacity::cli {
namespace {

[[noreturn]] void refuse(const std::string& option, std::string what, std::string value, std::string remedy) {
    throw scenario_error({{.file = option}, {}, std::move(what), std::move(value), std::move(remedy)});
}

/// Which of the services is meant, by its place in the workload.
std::size_t entry_of(const scenario::scenario& s, const std::string& name) {
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i != s.workload.size(); ++i) {
        if (!s.workload[i].service || (!name.empty() && s.workload[i].service->name != name)) continue;
        if (found) refuse("--service", "there are several services", {}, "name one of them");
        found = i;
    }
    if (!found) refuse("--service", "the scenario has no such service", name, "name one of its services");
    return *found;
}

std::vector<double> scales(double span, std::uint32_t steps) {
    std::vector<double> out;
    const int half = static_cast<int>(steps / 2);
    for (int i = -half; i <= half; ++i) out.push_back(i == 0 ? 1 : portable_exp(portable_log(span) * i / half));
    return out;
}

/// Calls of the loop on several threads; results do not depend on which one.
fluid::surface::loop on_threads(unsigned threads) {
    return [threads](std::size_t n, const std::function<void(std::size_t)>& call) {
        std::atomic<std::size_t> next{0};
        std::exception_ptr failed;
        std::mutex guard;
        const auto work = [&] {
            try {
                for (std::size_t i = next++; i < n; i = next++) call(i);
            } catch (...) {
                const std::lock_guard lock(guard);
                failed = std::current_exception();
                next = n;
            }
        };
        std::vector<std::thread> crew;
        for (unsigned t = 1; t < threads; ++t) crew.emplace_back(work);
        work();
        for (std::thread& t : crew) t.join();
        if (failed) std::rethrow_exception(failed);
    };
}

void print_own(const fluid::surface& s) {
    const fluid::mix_values m = s.mix(1, 1);
    fmt::print(
        "at its own lengths: {:.1f} tokens in and {:.1f} out, {:.4g} requests/s per replica, {:.4g} with a long queue, "
        "{:.2f} % rejected\n",
        m.prompt_tokens, m.output_tokens, m.capacity, m.capacity * m.queued_share, 100 * m.rejected);
    text_table table{6, {8, 9, 7, 9, 9, 10, 10, 10, 10, 8}};
    table.row({"load", "busy %", "prefill %", "KV %", "TTFT p50", "TTFT p99", "TPOT p50", "TPOT p99", "E2E p50",
               "E2E p99", "met %"});
    for (const double load : fluid::surface_loads) {
        const fluid::point_values v = load == 1 ? s.saturated(1, 1) : s.at(load, 1, 1);
        const auto percent = [](double x) { return fmt::format("{:.1f}", 100 * x); };
        const auto time = [](double x) { return fmt::format("{:.4f}", x); };
        table.row({fmt::format("{}", load), percent(v.busy), percent(v.prefilling), percent(v.kv), time(v.ttft.p50()),
                   time(v.ttft.p99()), time(v.tpot.p50()), time(v.tpot.p99()), time(v.e2e.p50()), time(v.e2e.p99()),
                   percent(v.met[0])});
    }
    table.print();
}

/// What a mix is measured by, as surface / engine - 1.
enum error_kind : std::size_t {
    throughput,
    power,
    ttft_p50,
    tpot_p50,
    e2e_p50,
    ttft_p99,
    tpot_p99,
    e2e_p99,
    growth_13,
    growth_15,
    num_kinds
};
constexpr std::array<const char*, num_kinds> kind_names{"throughput", "power",     "TTFT p50", "TPOT p50",
                                                        "E2E p50",    "TTFT p99",  "TPOT p99", "E2E p99",
                                                        "growth 1.3", "growth 1.5"};
constexpr std::array<double, num_kinds> bounds{0.03, 0.03, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.1, 0.05};

struct checked_mix {
    double prompt = 1, output = 1, load = 0;
    std::array<double, num_kinds> error{};
};

/// Of what draws power in proportion to it: without a model the time in steps.
double power_of(const fluid::point_values& v, const std::optional<sim::modelled_service>& m) {
    if (!m || m->waiting_w <= 0) return v.busy;
    return m->waiting_w + (v.busy - v.prefilling) * (m->decode_w - m->waiting_w) +
           v.prefilling * (m->prefill_w - m->waiting_w);
}

checked_mix check_one(const fluid::surface& s, const fluid::surface_options& o,
                      const std::optional<sim::modelled_service>& model, std::uint64_t number) {
    random_stream draws(1, purpose::designs, number);
    const auto between = [&draws](std::span<const double> x) {
        const double low = portable_log(x.front()), high = portable_log(x.back());
        return portable_exp(low + (high - low) * draws.uniform01());
    };
    checked_mix out;
    out.prompt = between(s.prompt_scales());
    out.output = between(s.output_scales());
    out.load = 0.1 + 0.8 * draws.uniform01();
    const fluid::mix_values mix = s.mix(out.prompt, out.output);
    const fluid::point_values a = s.at(out.load, out.prompt, out.output);
    const fluid::measured_point b = fluid::measure_point(o, out.prompt, out.output, out.load, mix.capacity);
    const auto set = [&out](error_kind k, double surface, double engine) { out.error[k] = surface / engine - 1; };
    set(throughput, std::min(b.offered_per_s, mix.capacity), b.served_per_s);
    set(power, power_of(a, model), power_of(b.values, model));
    set(ttft_p50, a.ttft.p50(), b.values.ttft.p50());
    set(tpot_p50, a.tpot.p50(), b.values.tpot.p50());
    set(e2e_p50, a.e2e.p50(), b.values.e2e.p50());
    set(ttft_p99, a.ttft.p99(), b.values.ttft.p99());
    set(tpot_p99, a.tpot.p99(), b.values.tpot.p99());
    set(e2e_p99, a.e2e.p99(), b.values.e2e.p99());
    const auto set_growth = [&](error_kind k, double load) {
        const fluid::measured_point over = fluid::measure_point(o, out.prompt, out.output, load, mix.capacity);
        set(k, (1 - mix.rejected) * (over.offered_per_s - mix.capacity * mix.queued_share), over.growth_per_s);
    };
    set_growth(growth_13, 1.3);
    set_growth(growth_15, 1.5);
    return out;
}

void print_check(const std::vector<checked_mix>& mixes) {
    text_table table{7, {7, 6, 10, 10, 10, 10, 10, 10, 10, 10, 11, 11}};
    std::vector<std::string> head{"prompt", "answer", "load"};
    head.insert(head.end(), kind_names.begin(), kind_names.end());
    table.row(std::move(head));
    std::array<double, num_kinds> worst{};
    for (const checked_mix& m : mixes) {
        std::vector<std::string> cells{fmt::format("{:.2f}", m.prompt), fmt::format("{:.2f}", m.output),
                                       fmt::format("{:.2f}", m.load)};
        for (std::size_t k = 0; k != num_kinds; ++k) {
            cells.push_back(fmt::format("{:+.1f} %", 100 * m.error[k]));
            worst[k] = std::max(worst[k], std::abs(m.error[k]));
        }
        table.row(std::move(cells));
    }
    fmt::print("\nsurface / engine - 1, on {} mixes:\n", mixes.size());
    table.print();
    fmt::print("\n");
    for (std::size_t k = 0; k != num_kinds; ++k)
        fmt::print("{:<12} at most {:>6.1f} %  bound {:>3.0f} %  {}\n", kind_names[k], 100 * worst[k], 100 * bounds[k],
                   worst[k] <= bounds[k] ? "pass" : "short");
}

}  // namespace

int surface(const surface_command_options& o) {
    if (o.steps % 2 == 0) refuse("--steps", "must be odd", fmt::to_string(o.steps), "write 1, 3, 5, ...");
    const io::plugins more{o.of.plugins};
    scenario_options of = o.of;
    io::loaded_scenario loaded = load(of, more);
    const std::size_t entry = entry_of(loaded.value, o.service);
    const std::string key = "workload." + std::to_string(entry) + ".service";
    if (loaded.value.workload[entry].service->fidelity != scenario::service_fidelity::fluid) {
        of.set.push_back(key + ".fidelity=fluid");
        loaded = load(of, more);
    }
    if (auto& fluid = loaded.value.workload[entry].service->fluid) fluid->surface.reset();
    const io::prepared_run run = io::prepare(loaded, &more);
    const auto part = std::find_if(run.parts.services.begin(), run.parts.services.end(),
                                   [&](const sim::service_parts& p) { return p.entry == entry; });
    const std::string& name = loaded.value.workload[entry].service->name;
    fluid::surface_options from = part->fluid->from;
    from.requests = o.requests;
    const auto filling = 4 * static_cast<std::uint64_t>(from.engine.max_seqs);
    if (o.input.empty() && o.requests < filling)
        refuse("--requests", "too few to fill the seats of a replica for a while", fmt::to_string(o.requests),
               fmt::format("write at least {}, four for each of `engine.max_seqs`", filling));
    from.prompt_scales = from.output_scales = scales(o.span, o.steps);
    const fluid::surface::loop each = on_threads(threads_for(o.threads, {}));
    const auto begin = std::chrono::steady_clock::now();
    const fluid::surface made =
        o.input.empty() ? fluid::surface::build(from, each) : io::read_surface_of(from, o.input, "--from");
    const double took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (o.input.empty())
        fmt::print("{}: {} mixes x {} loads x {} requests x {} replicas in {:.1f} s; {:016x}\n", name,
                   made.mixes().size(), fluid::surface_loads.size(), from.requests, from.replicas, took_s,
                   made.made_from());
    print_own(made);
    if (!o.output.empty()) io::write_surface(o.output, made, from, {.service = name, .command = o.command});
    if (o.check == 0) return 0;
    if (o.check_seed) from.seed = *o.check_seed;
    std::vector<checked_mix> mixes(o.check);
    each(mixes.size(), [&](std::size_t i) { mixes[i] = check_one(made, from, part->modelled, i); });
    print_check(mixes);
    return 0;
}

}  // namespace ampacity::cli
