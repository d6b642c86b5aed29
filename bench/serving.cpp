// How many requests per second does a replica serve on one core, and what does a step cost in which nothing happens?
//
// One replica with explicit coefficients (64 seats, 2048 tokens per step, 16-token blocks), Poisson arrivals, prompts
// and answers lognormal with means of 500 and 200 tokens, at 50, 80, 90 and 110 % of the rate that it can just serve;
// and at 80 % with answers eight times as long, at an eighth of the rate. Baseline: the same rules in a plain loop that
// goes through every running request in every step, in C++; a loop in Python is some 50 times slower still (see
// docs/serving.md). The same of published traces, where AMPACITY_DATA has them: their lengths and order, with the times
// between arrivals scaled to 50, 90 and 110 % of what the replica can just serve. The answer that a fast wrong engine
// fails: the sums of all first and last token times are the loop's to the nanosecond, and so is the number of steps.

#include "draws.hpp"
#include "support/allocations.hpp"
#include "support/data.hpp"
#include "table.hpp"

#include <ampacity/io/request_traces.hpp>
#include <ampacity/serving/replica.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/serving/token_gaps.hpp>
#include <ampacity/workload/request_source.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>
#include <vector>

namespace {

using namespace ampacity;
using namespace bench;
using workload::request;

constexpr std::int64_t max_seqs = 64;
constexpr std::int64_t max_batched_tokens = 2048;
constexpr std::int64_t usual_kv_tokens = 60000;
constexpr std::int64_t block_tokens = 16;
// 5 ms, 20 us, 30 ns, 1 ns: whole nanoseconds, so that the loop needs nothing but 64-bit integers.
constexpr std::int64_t base = 5'000'000;
constexpr std::int64_t per_token = 20'000;
constexpr std::int64_t per_kv_token = 30;
constexpr std::int64_t per_attention = 1;

struct sums {
    std::int64_t first_tokens = 0;  ///< [ns]
    std::int64_t ends = 0;          ///< [ns]
    std::int64_t steps = 0;
    std::int64_t preemptions = 0;

    friend bool operator==(const sums&, const sums&) = default;
};

std::uint32_t tokens(draws& d, double mean) {
    const double normal = std::sqrt(2 * d.exponential()) * std::cos(6.283185307179586 * d.uniform());
    const double x = mean * std::exp(0.8 * normal - 0.32);
    return static_cast<std::uint32_t>(std::clamp(x, 1.0, 20'000.0));
}

std::vector<request> draw_requests(std::size_t n, double rate_per_s, double answer) {
    draws d(3);
    std::vector<request> out(n);
    double now_ns = 0;
    for (std::size_t i = 0; i != n; ++i) {
        now_ns += d.exponential() / rate_per_s * 1e9;
        out[i] = {.row = i,
                  .arrival = instant{duration{std::llround(now_ns)}},
                  .prompt_tokens = tokens(d, 500),
                  .output_tokens = tokens(d, answer)};
    }
    return out;
}

/// The rules, step by step.
sums step_by_step(const std::vector<request>& requests, std::int64_t kv_tokens) {
    struct one {
        const request* r;
        std::int64_t computed, produced, known, blocks, scheduled;
    };
    sums out;
    std::deque<one> waiting;
    std::vector<one> running;
    std::int64_t free = kv_tokens / block_tokens;
    std::int64_t now = 0;
    std::size_t next = 0;
    const auto take = [&](one& x, std::int64_t n) {
        const std::int64_t more = (x.computed + n + block_tokens - 1) / block_tokens - x.blocks;
        if (more > free) return false;
        free -= more;
        x.blocks += more;
        x.scheduled = n;
        return true;
    };
    while (next != requests.size() || !waiting.empty() || !running.empty()) {
        if (waiting.empty() && running.empty()) now = std::max(now, ticks(requests[next].arrival));
        for (; next != requests.size() && ticks(requests[next].arrival) <= now; ++next)
            waiting.push_back({&requests[next], 0, 0, requests[next].prompt_tokens, 0, 0});
        std::int64_t budget = max_batched_tokens;
        bool preempted = false;
        for (std::size_t i = 0; i < running.size() && budget > 0; ++i) {
            const std::int64_t n = std::min(running[i].known - running[i].computed, budget);
            while (i < running.size() && !take(running[i], n)) {
                one last = running.back();
                running.pop_back();
                free += last.blocks;
                last.blocks = last.computed = last.scheduled = 0;
                waiting.push_front(last);
                preempted = true;
                ++out.preemptions;
            }
            if (i < running.size()) budget -= n;
        }
        while (!preempted && !waiting.empty() && budget > 0 && running.size() < max_seqs) {
            one& x = waiting.front();
            const std::int64_t n = std::min(x.known - x.computed, budget);
            if (!take(x, n)) break;
            budget -= n;
            running.push_back(x);
            waiting.pop_front();
        }
        std::int64_t d = base;
        for (const one& x : running) {
            const std::int64_t n = x.scheduled;
            const bool decode = n == 1 && x.produced >= 1 && x.computed == x.known - 1;
            d += per_token * n +
                 (decode ? per_kv_token * x.computed : per_attention * (n * x.computed + n * (n + 1) / 2));
        }
        now += d;
        ++out.steps;
        std::size_t kept = 0;
        for (one& x : running) {
            x.computed += x.scheduled;
            const bool gains = x.scheduled != 0 && x.computed == x.known;
            x.scheduled = 0;
            if (gains) {
                ++x.known;
                if (++x.produced == 1) out.first_tokens += now;
                if (x.produced == x.r->output_tokens) {
                    out.ends += now;
                    free += x.blocks;
                    continue;
                }
            }
            running[kept++] = x;
        }
        running.resize(kept);
    }
    return out;
}

struct engine_run {
    sums result;
    double ns = 0;
    std::uint64_t allocations = 0;  ///< in the second half, but where the queue was longer than ever before
    std::size_t peak_live = 0;
    instant last_end = start_of_time;
};

engine_run through_engine(const std::vector<request>& requests, std::int64_t kv_tokens,
                          serving::token_gaps* gaps = nullptr) {
    engine_run out;
    const stopwatch watch;
    const auto ns = [](std::int64_t t) { return serving::exact_time{t, 0}; };
    serving::replica replica(
        {.max_seqs = max_seqs,
         .max_batched_tokens = max_batched_tokens,
         .kv_capacity_tokens = kv_tokens,
         .kv_block_tokens = block_tokens},
        serving::iteration_time(serving::linear_step{ns(base), ns(per_token), ns(per_kv_token), ns(per_attention)}));
    if (gaps != nullptr) replica.measure_gaps(*gaps);
    std::size_t next = 0;
    for (;;) {
        const instant arrival = next == requests.size() ? never : requests[next].arrival;
        const instant now = std::min(arrival, replica.next());
        if (now == never) break;
        const std::uint64_t before = test::allocations();
        replica.advance(now);
        for (; next != requests.size() && requests[next].arrival == now; ++next) {
            replica.submit(requests[next], now);
        }
        replica.start(now);
        for (const serving::request_record& r : replica.records()) {
            out.result.first_tokens += ticks(r.first_token);
            out.result.ends += ticks(r.end);
            out.last_end = r.end;
        }
        replica.clear_records();
        if (replica.num_live() > out.peak_live)
            out.peak_live = replica.num_live();
        else if (next > requests.size() / 2)
            out.allocations += test::allocations() - before;
    }
    out.ns = watch.ns();
    out.result.steps = replica.counts().steps;
    out.result.preemptions = replica.counts().preemptions;
    return out;
}

/// Requests per second that it serves with a queue that never empties.
double capacity(std::vector<request> all, std::int64_t kv_tokens) {
    for (request& r : all) r.arrival = start_of_time;
    return static_cast<double>(all.size()) / to_seconds(through_engine(all, kv_tokens).last_end);
}
double capacity(double answer) { return capacity(draw_requests(20'000, 1, answer), usual_kv_tokens); }

void ask(table& t, const std::string& of, double load, const std::vector<request>& requests, std::int64_t kv_tokens) {
    const std::size_t n = requests.size();
    constexpr int repeats = 5;
    std::vector<double> loop;
    std::vector<double> engine;
    sums expected;
    engine_run run;
    for (int i = 0; i != repeats; ++i) {
        const stopwatch watch;
        expected = step_by_step(requests, kv_tokens);
        loop.push_back(watch.ns());
        run = through_engine(requests, kv_tokens);
        engine.push_back(run.ns);
    }
    const auto rate = [n](double ns) { return static_cast<double>(n) / ns * 1e9; };
    char what[96];
    std::snprintf(what, sizeof what, "%.0f %% load, %s, requests per second", load * 100, of.c_str());
    const double ours = rate(median(engine));
    t.row(what, cell{rate(median(loop)), "/s"}, cell{ours, "/s"}, load == 0.8 ? at_least(500'000) : multiple());
    t.expect(run.result == expected, std::string{what} + ": sums of token times, steps, preemptions");
    t.expect(run.allocations == 0, std::string{what} + ": allocations");
    std::snprintf(what, sizeof what, "%lld steps (%.1f M/s), %lld preemptions, %zu live at most, %llu allocations",
                  static_cast<long long>(run.result.steps),
                  static_cast<double>(run.result.steps) / median(engine) * 1e3,
                  static_cast<long long>(run.result.preemptions), run.peak_live,
                  static_cast<unsigned long long>(run.allocations));
    t.note(what);
}

void ask(table& t, double load, double answer, double rate_per_s, std::size_t n) {
    ask(t, std::to_string(static_cast<int>(answer)) + " output tokens", load,
        draw_requests(n, load * rate_per_s, answer), usual_kv_tokens);
}

/// The same requests as `ask`, and the time of each token after the one before.
void ask_with_gaps(table& t, double load, double answer, double rate_per_s, std::size_t n) {
    const std::vector<request> requests = draw_requests(n, load * rate_per_s, answer);
    std::uint64_t expected = 0;
    for (const request& r : requests) expected += r.output_tokens - 1;
    const engine_run without = through_engine(requests, usual_kv_tokens);
    std::vector<double> times;
    engine_run run;
    std::uint64_t count = 0;
    for (int i = 0; i != 5; ++i) {
        serving::token_gaps gaps;
        run = through_engine(requests, usual_kv_tokens, &gaps);
        times.push_back(run.ns);
        count = gaps.count();
    }
    char what[96];
    std::snprintf(what, sizeof what, "%.0f %% load, %.0f output tokens, with their gaps, requests per second",
                  load * 100, answer);
    t.row(what, {}, {static_cast<double>(n) / median(times) * 1e9, "/s"}, at_least(200'000));
    t.expect(run.result == without.result, std::string{what} + ": what is served");
    t.expect(count == expected, std::string{what} + ": gaps");
    t.expect(run.allocations == 0, std::string{what} + ": allocations");
}

/// The lengths and gaps of a trace, over and over.
void ask_of_trace(table& t, const std::string& name, const char* path, const char* format, std::int64_t kv_tokens) {
    const auto file = test::real_data(path);
    if (!file) return t.note(name + " is not there");
    const auto source = io::open_request_trace({.path = *file, .format = format});
    std::vector<request> trace(50'000);
    trace.resize(source->next(trace));
    const double rate = capacity(trace, kv_tokens);
    const double length_s =
        to_seconds(trace.back().arrival - start_of_time) * (1 + 1.0 / static_cast<double>(trace.size()));
    for (const double load : {0.5, 0.9, 1.1}) {
        // Sessions and tenants change nothing here.
        const double stretch = static_cast<double>(trace.size()) / length_s / (load * rate);
        std::vector<request> requests;
        for (int again = 0; again != 3; ++again) {
            for (const request& r : trace) {
                const double s = (again * length_s + to_seconds(r.arrival - start_of_time)) * stretch;
                requests.push_back({.row = requests.size(),
                                    .arrival = start_of_time + duration{std::llround(s * 1e9)},
                                    .prompt_tokens = r.prompt_tokens,
                                    .output_tokens = r.output_tokens});
            }
        }
        ask(t, name, load, requests, kv_tokens);
    }
}

/// Eight replicas that keep the prefixes of sessions of ten requests each; half of every prompt is the session's.
void ask_with_prefixes(table& t, const char* router, double rate_per_s, std::size_t n) {
    std::vector<request> requests = draw_requests(n, 8 * 0.8 * rate_per_s, 200);
    std::uint64_t asked = 0;
    for (std::size_t i = 0; i != n; ++i) {
        requests[i].session = static_cast<std::uint32_t>(1 + i / 1000 * 100 + i % 100);
        requests[i].prefix_tokens = requests[i].prompt_tokens / 2;
        asked += requests[i].output_tokens;
    }
    const auto ns = [](std::int64_t x) { return serving::exact_time{x, 0}; };
    const serving::iteration_time step(
        serving::linear_step{ns(base), ns(per_token), ns(per_kv_token), ns(per_attention)});
    std::vector<double> times;
    serving::replica_counts counts;
    std::uint64_t finished = 0;
    for (int i = 0; i != 3; ++i) {
        workload::vector_request_source source(requests);
        serving::service s({.replicas = 8,
                            .engine = {.max_seqs = max_seqs,
                                       .max_batched_tokens = max_batched_tokens,
                                       .kv_capacity_tokens = usual_kv_tokens,
                                       .kv_block_tokens = block_tokens,
                                       .prefix_cache = true},
                            .router = router,
                            .random = {.seed = 1}},
                           step);
        finished = 0;
        const stopwatch watch;
        serving::serve(source, s, never, [&](const serving::request_record& r) {
            finished += r.state == serving::request_state::finished ? 1 : 0;
        });
        times.push_back(watch.ns());
        counts = s.counts();
    }
    const std::string what = std::string{"prefix cache, 8 replicas, "} + router + ", requests per second";
    t.row(what, {}, {static_cast<double>(n) / median(times) * 1e9, "/s"}, at_least(100'000));
    t.expect(finished == n && counts.produced_tokens == static_cast<std::int64_t>(asked), what + ": answers");
    t.expect(counts.cached_tokens > 0, what + ": hits");
    t.note(std::to_string(counts.steps) + " steps, " + std::to_string(counts.cached_tokens) + " of " +
           std::to_string(counts.cached_tokens + counts.prefill_tokens) + " tokens of prompts from the cache, " +
           std::to_string(counts.preemptions) + " preemptions");
}

}  // namespace

int main() {
    table t;
    const double rate = capacity(200);
    for (const double load : {0.5, 0.8, 0.9, 1.1}) ask(t, load, 200, rate, 100'000);
    ask(t, 0.8, 1600, capacity(1600), 20'000);
    ask_with_gaps(t, 0.8, 200, rate, 100'000);
    ask_with_gaps(t, 0.8, 1600, capacity(1600), 20'000);
    for (const char* const router : {"session", "least-kv", "prefix-aware", "kv-aware"})
        ask_with_prefixes(t, router, rate, 100'000);
    ask_of_trace(t, "Azure 2023 conversations", "requests/AzureLLMInferenceTrace_2023_conv.csv.gz", "azure-llm",
                 usual_kv_tokens);
    ask_of_trace(t, "Mooncake conversations", "requests/mooncake_conversation_trace.jsonl.gz", "mooncake-jsonl",
                 400'000);
    const auto bytes = static_cast<double>(serving::replica::bytes_per_request());
    t.row("state of a live request", {}, {bytes, "B"}, at_most(256));
    return t.exit_status();
}
