// Services from file to file: every request of random services against the rules of a step done literally, the GPUs
// that replicas hold, and what is refused.
#include "cli/program.hpp"
#include "support/drawer.hpp"
#include "support/gzip.hpp"
#include "support/naive_serving.hpp"
#include "support/random_admission.hpp"

#include <ampacity/core/statistics.hpp>
#include <ampacity/core/stream.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using namespace ampacity::test;
using serving::exact_time;
using serving::linear_step;
using serving::step_order;
using workload::request;

/// `mantissa` x 10^-`scale`.
std::string decimal(std::int64_t mantissa, int scale) {
    std::string digits = std::to_string(mantissa);
    if (scale == 0) return digits;
    const auto decimals = static_cast<std::size_t>(scale);
    if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
    return digits.insert(digits.size() - decimals, 1, '.');
}

std::string seconds_of(std::int64_t ns) { return decimal(ns, 9); }

/// Reads exact seconds; -1: empty.
std::int64_t ns_of(const std::string& text) {
    if (text.empty()) return -1;
    const std::size_t point = std::min(text.find('.'), text.size());
    std::string fraction = point == text.size() ? "" : text.substr(point + 1);
    REQUIRE(fraction.size() <= 9);
    fraction.resize(9, '0');
    return std::stoll(text.substr(0, point)) * 1'000'000'000 + std::stoll(fraction);
}

struct service_case {
    std::string name;
    std::int64_t replicas = 1, gpus = 1;
    std::string router{};
    serving::replica_options engine{};
    std::vector<linear_step> pieces{};
    std::vector<request> requests{};
    std::string steps{};  // as they stand in the scenario
    std::optional<serving::admission_options> admission{};
    std::int64_t kv_weight = 1000;
    std::uint64_t seed = 0, entry = 0;  // of the run, and its place in the workload
};

/// A coefficient, and a text of it in some unit.
exact_time some_time(test::drawer& d, std::int64_t most, std::string& text) {
    const auto scale = static_cast<int>(d.one_in(2) ? 0 : d.between(0, 6));
    std::int64_t power = 1;
    for (int i = 0; i != scale; ++i) power *= 10;
    const exact_time t{d.one_in(5) ? 0 : d.between(0, most * power), scale};
    const std::array<std::pair<const char*, int>, 4> units{{{"ns", 0}, {"us", 3}, {"ms", 6}, {"s", 9}}};
    const auto& [unit, power_of_unit] = units.at(static_cast<std::size_t>(d.between(0, 3)));
    text += '"' + decimal(t.mantissa, scale + power_of_unit) + ' ' + unit + '"';
    return t;
}

service_case random_service(test::drawer& d, const std::string& name) {
    service_case c{.name = name, .replicas = d.between(1, 4), .gpus = d.between(1, 3)};
    c.router = std::array{"round-robin",  "random",  "least-requests", "least-kv",
                          "power-of-two", "session", "prefix-aware",   "kv-aware"}
                   .at(static_cast<std::size_t>(d.between(0, 7)));
    serving::replica_options& o = c.engine;
    o.max_seqs = d.between(1, 20);
    o.max_batched_tokens = d.between(1, 300);
    o.kv_block_tokens = d.between(1, 20);
    o.kv_capacity_tokens = d.between(50, 1500);
    o.order = static_cast<step_order>(d.between(0, 2));
    if (o.order == step_order::prefill_first) o.max_batched_tokens = std::max(o.max_batched_tokens, o.max_seqs);
    o.priorities = d.one_in(3);
    o.prefix_cache = d.one_in(3);
    if (d.one_in(3)) {
        const std::int64_t drafts = d.between(1, 4);
        o.max_batched_tokens = std::max(o.max_batched_tokens, o.max_seqs * (drafts + 1));
        o.kv_block_tokens = std::max(o.kv_block_tokens, drafts + 1);
        // Half of the steps accept all drafts, the others none; all drafts take 4 us x drafts.
        o.speculation = {.drafts = drafts, .gain = 1000 + 500 * drafts, .draft = {4000 * drafts, 0}};
    }
    if (d.one_in(4)) o.timeout = duration{d.between(1, 50'000'000)};
    if (d.one_in(4)) o.max_wait = duration{d.between(1, 20'000'000)};
    if (o.prefix_cache && !d.one_in(3)) {
        const std::int64_t bytes = d.between(1, 5'000);
        for (std::int64_t n = d.between(1, 3); n != 0; --n)
            o.tiers.push_back({.capacity_tokens = o.kv_block_tokens * d.between(1, 60),
                               .link = {.latency = duration{d.one_in(2) ? 0 : d.between(0, 1'000'000)},
                                        .bytes_per_token = bytes,
                                        .bandwidth_b_s = d.between(1, 50) * 1'000'000}});
        o.tiers.back().shared = d.one_in(2);
        if (d.one_in(3)) o.recompute_per_token = duration{d.between(0, 100'000)};
    }
    if (d.one_in(3)) o.adapters = {.slots = d.between(1, 4), .load = duration{d.between(1, 5'000'000)}};
    const std::int64_t base = d.between(0, 200'000);
    const std::int64_t pieces = d.one_in(2) ? 1 : d.between(2, 3);
    c.steps = pieces == 1 ? "" : "[";
    for (std::int64_t i = 0; i != pieces; ++i) {
        if (i != 0) c.steps += ", ";
        linear_step& p = c.pieces.emplace_back();
        c.steps += "{ base: ";
        p.base = some_time(d, base, c.steps);
        c.steps += ", per_token: ";
        p.per_token = some_time(d, base / 10 + 1, c.steps);
        c.steps += ", per_kv_token: ";
        p.per_kv_token = some_time(d, base / 100 + 1, c.steps);
        c.steps += ", per_prefill_attention: ";
        p.per_prefill_attention = some_time(d, base / 500 + 1, c.steps);
        c.steps += " }";
    }
    if (pieces != 1) c.steps += ']';
    std::int64_t now = d.between(0, 1) * 1'000'000;
    const std::int64_t gap = d.between(1, 4'000'000);
    const auto count = static_cast<std::uint64_t>(d.between(1, 150));
    for (std::uint64_t i = 0; i != count; ++i) {
        if (!d.one_in(4)) now += d.between(0, gap);
        const std::int64_t prompt = d.one_in(30) ? d.between(1, 3000) : d.between(1, 200);
        c.requests.push_back({.row = i,
                              .arrival = instant{duration{now}},
                              .prompt_tokens = static_cast<std::uint32_t>(prompt),
                              .output_tokens = static_cast<std::uint32_t>(d.one_in(8) ? 1 : d.between(1, 100)),
                              .prefix_tokens = static_cast<std::uint32_t>(d.between(0, prompt)),
                              .tenant = static_cast<std::uint32_t>(d.between(0, 5)),
                              .session = static_cast<std::uint32_t>(d.between(0, 4)),
                              .priority = static_cast<std::uint8_t>(d.between(0, 7))});
    }
    return c;
}

/// Does each of its steps take a nanosecond or more?
bool takes_time(const service_case& c) {
    return std::any_of(c.pieces.begin(), c.pieces.end(), [](const linear_step& p) {
        std::int64_t power = 1;
        for (int i = 0; i != p.base.scale; ++i) power *= 10;
        return p.base.mantissa >= power;
    });
}

/// Some rows step back in time; `requests` get the rows that they stand in.
std::string trace_of(test::drawer& d, service_case& c) {
    std::vector<std::size_t> order(c.requests.size());
    for (std::size_t i = 0; i != order.size(); ++i) order[i] = i;
    for (std::size_t i = 1; i < order.size(); ++i) {
        const bool same = c.requests[order[i]].arrival == c.requests[order[i - 1]].arrival;
        if (!same && d.one_in(5)) std::swap(order[i - 1], order[i]);
    }
    std::string text = "prompt_tokens,arrival_s,output_tokens,session,prefix_tokens,tenant,priority\n";
    // Names are numbered as they appear, the session before the tenant.
    std::map<std::string, std::uint32_t> numbers{{"", 0}};
    const auto number = [&](const std::string& name) {
        return numbers.emplace(name, static_cast<std::uint32_t>(numbers.size())).first->second;
    };
    for (std::size_t row = 0; row != order.size(); ++row) {
        request& r = c.requests[order[row]];
        const std::string session = r.session == 0 ? "" : "s" + std::to_string(r.session);
        const std::string tenant = r.tenant == 0 ? "" : "t" + std::to_string(r.tenant);
        r.row = row;
        r.session = number(session);
        r.tenant = number(tenant);
        text += std::to_string(r.prompt_tokens) + ',' + seconds_of(ticks(r.arrival)) + ',' +
                std::to_string(r.output_tokens) + ',' + session + ',' + std::to_string(r.prefix_tokens) + ',' + tenant +
                ',' + std::to_string(r.priority) + '\n';
    }
    std::stable_sort(c.requests.begin(), c.requests.end(), [](const request& a, const request& b) {
        return a.arrival != b.arrival ? a.arrival < b.arrival : a.row < b.row;
    });
    return text;
}

std::string speculation_of(const serving::replica_options& o) {
    if (!o.speculation) return {};
    const std::int64_t drafts = o.speculation->drafts;
    std::string text = ", speculation: { tokens: " + std::to_string(drafts) + ", draft: \"4 us\", accepted: [ 0.5";
    for (std::int64_t k = 1; k <= drafts; ++k) text += k == drafts ? ", 0.5" : ", 0";
    return text + " ] }";
}

std::string ns_text(duration d) { return '"' + std::to_string(ticks(d)) + " ns\""; }

/// Of its memory below the GPUs' own.
std::string memories_of(const serving::replica_options& o) {
    std::string text;
    for (const serving::cache_tier& t : o.tiers)
        text += (text.empty() ? ", tiers: [" : ", ") + std::string{"{ name: t"} + std::to_string(&t - o.tiers.data()) +
                ", capacity: \"" + std::to_string(t.capacity_tokens * t.link.bytes_per_token) + " B\", bandwidth: \"" +
                std::to_string(t.link.bandwidth_b_s) + " B/s\", latency: " + ns_text(t.link.latency) +
                (t.shared ? ", shared: true }" : " }");
    if (!o.tiers.empty())
        text += "], kv_bytes_per_token: \"" + std::to_string(o.tiers[0].link.bytes_per_token) + " B\"";
    if (o.recompute_per_token) text += ", recompute_per_token: " + ns_text(*o.recompute_per_token);
    // A byte takes a nanosecond.
    const std::int64_t latency = o.adapters ? ticks(o.adapters->load) / 3 : 0;
    if (o.adapters)
        text += ", adapters: { slots: " + std::to_string(o.adapters->slots) + ", size: \"" +
                std::to_string(ticks(o.adapters->load) - latency) +
                " B\", bandwidth: \"1 GB/s\", latency: " + ns_text(duration{latency}) + " }";
    return text;
}

std::string bounds_of(const serving::admission_bounds& b) {
    std::string text;
    for (const auto& [key, value] : {std::pair{"max_waiting", b.max_waiting},
                                     {"max_waiting_tokens", b.max_waiting_tokens},
                                     {"max_requests", b.max_requests}})
        if (value) text += ", " + std::string{key} + ": " + std::to_string(*value);
    return text;
}

std::string admission_of(const service_case& c) {
    if (!c.admission) return {};
    std::string text;
    for (const serving::request_class& k : c.admission->classes)
        text += (text.empty() ? ", classes: [" : ", ") + std::string{"{ name: c"} + std::to_string(k.priority) +
                ", priority: " + std::to_string(k.priority) + bounds_of(k.bounds) + " }";
    text = bounds_of(c.admission->all) + text + (text.empty() ? "" : "]");
    return text.empty() ? "" : "      admission: {" + text.substr(1) + " }\n";
}

std::string entry_of(const service_case& c, const std::string& path, const std::string& more = {}) {
    const serving::replica_options& o = c.engine;
    const auto span = [](const char* key, const std::optional<duration>& value) {
        return value ? ", " + std::string{key} + ": " + ns_text(*value) : std::string{};
    };
    return "  - service:\n      name: " + c.name + "\n      replicas: " + std::to_string(c.replicas) +
           "\n      gpus_per_replica: " + std::to_string(c.gpus) + "\n      router: " + c.router + '\n' +
           (c.router == "kv-aware" ? "      kv_weight: " + decimal(c.kv_weight, 3) + '\n' : "") +
           "      engine: { max_seqs: " + std::to_string(o.max_seqs) +
           ", max_batched_tokens: " + std::to_string(o.max_batched_tokens) +
           ", kv_capacity_tokens: " + std::to_string(o.kv_capacity_tokens) +
           ", kv_block_tokens: " + std::to_string(o.kv_block_tokens) +
           ", order: " + std::string{serving::step_order_names.at(static_cast<std::size_t>(o.order))} +
           ", priorities: " + (o.priorities ? "true" : "false") +
           ", prefix_cache: " + (o.prefix_cache ? "true" : "false") + span("timeout", o.timeout) +
           span("max_wait", o.max_wait) + memories_of(o) + speculation_of(o) + ", step: " + c.steps + " }\n" +
           admission_of(c) + more + "      requests: { path: " + path + " }\n";
}

using table_lines = std::map<std::uint64_t, std::vector<std::string>>;

/// By row, which rise.
table_lines lines_by_row(const std::string& table) {
    table_lines lines;
    const auto all = lines_of(table);
    REQUIRE(all.front() == "request,arrival_s,ttft_s,finish_s,prompt_tokens,output_tokens,preemptions,replica,state");
    std::uint64_t before = 0;
    for (std::size_t i = 1; i != all.size(); ++i) {
        const auto f = fields_of(all[i]);
        REQUIRE(f.size() == 9);
        const std::uint64_t row = std::stoull(f[0]);
        REQUIRE((i == 1 || row > before));
        before = row;
        lines[row] = f;
    }
    return lines;
}

/// What all of a service's replicas have done, step by step, and its requests by row of its file.
struct naive_run {
    std::vector<serving::request_record> records{};
    std::int64_t steps = 0, preemptions = 0, loads = 0, adapter_loads = 0;
    std::vector<std::int64_t> gaps{};

    void add(const naive_serving_result& r) {
        steps += r.steps;
        preemptions += r.preemptions;
        for (const std::int64_t n : r.loads) loads += n;
        adapter_loads += r.adapter_loads;
        gaps.insert(gaps.end(), r.gaps.begin(), r.gaps.end());
    }
};

/// Requests that arrive at once are told apart by their rows, which are in order.
std::vector<request> in_order(const std::vector<request>& requests) {
    std::vector<request> out = requests;
    for (std::size_t k = 0; k != out.size(); ++k) out[k].row = k;
    return out;
}

/// With the replicas that they were sent to. \pre nothing is shed
naive_run serve_as_sent(const service_case& c, table_lines& lines, instant until) {
    std::vector<std::vector<request>> of(static_cast<std::size_t>(c.replicas));
    std::uint64_t arrived = 0;
    for (const request& r : c.requests) {
        if (r.arrival > until) continue;
        const std::uint64_t replica = std::stoull(lines[r.row][7]);
        REQUIRE(replica < of.size());
        if (c.router == "round-robin") REQUIRE(replica == arrived % of.size());
        ++arrived;
        of[replica].push_back(r);
    }
    naive_run out;
    for (std::size_t i = 0; i != of.size(); ++i) {
        if (of[i].empty()) continue;
        const naive_serving_result naive = serve_naively(in_order(of[i]), c.engine, c.pieces, until);
        out.add(naive);
        for (serving::request_record r : naive.records) {
            r.row = of[i][r.row].row;
            r.replica = static_cast<std::uint32_t>(i);
            out.records.push_back(r);
        }
    }
    return out;
}

/// With every choice and every refusal. \pre takes_time(c)
naive_pools_result serve_whole(const service_case& c, instant until, const naive_scaling* scaling = nullptr) {
    serving::service_options o{.replicas = static_cast<std::uint32_t>(c.replicas),
                               .engine = c.engine,
                               .router = c.router,
                               .random = {.seed = c.seed, .entity = c.entry, .kv_weight = c.kv_weight},
                               .scaled = scaling != nullptr,
                               .admission = c.admission};
    if (scaling != nullptr) o.replicas = scaling->autoscale.max;
    return serve_pools_naively(c.requests, o, c.pieces, {}, until, scaling);
}

/// Each line of the table is what becomes of its request when the rules are done literally.
void check_requests(const service_case& c, const table_lines& lines, const document& summary, const naive_run& naive) {
    REQUIRE(lines.size() == naive.records.size());
    std::map<std::string, std::uint64_t> states;
    std::uint64_t output = 0;
    for (const serving::request_record& r : naive.records) {
        const auto& f = lines.at(r.row);
        const bool finished = r.state == serving::request_state::finished;
        const std::string state{serving::request_state_names.at(static_cast<std::size_t>(r.state))};
        INFO("request " << f[0]);
        ++states[state];
        if (finished) output += r.output_tokens;
        REQUIRE(ns_of(f[1]) == ticks(r.arrival));
        REQUIRE(ns_of(f[2]) == (r.first_token == never ? -1 : ticks(r.first_token - r.arrival)));
        REQUIRE(ns_of(f[3]) == (finished ? ticks(r.end) : -1));
        REQUIRE(f[4] == std::to_string(r.prompt_tokens));
        REQUIRE(f[5] == std::to_string(r.output_tokens));
        REQUIRE(f[6] == std::to_string(r.preemptions));
        REQUIRE(f[7] == (r.replica == serving::no_replica ? "" : std::to_string(r.replica)));
        REQUIRE(f[8] == state);
    }
    const std::string at = "services." + c.name + '.';
    CHECK(summary.number(at + "requests") == static_cast<double>(naive.records.size()));
    CHECK(summary.number(at + "steps") == static_cast<double>(naive.steps));
    CHECK(summary.number(at + "output_tokens") == static_cast<double>(output));
    for (const char* state : {"finished", "rejected", "unfinished"})
        CHECK(summary.number(at + state) == static_cast<double>(states[state]));
    if (c.admission && !admission_of(c).empty())
        CHECK(summary.number(at + "shed") == static_cast<double>(states["shed"]));
    std::int64_t loads = 0;
    for (std::size_t t = 0; t != c.engine.tiers.size(); ++t)
        loads += static_cast<std::int64_t>(summary.number(at + "tiers.t" + std::to_string(t) + ".loads"));
    CHECK(loads == naive.loads);
    if (c.engine.adapters) CHECK(summary.number(at + "adapters.loads") == static_cast<double>(naive.adapter_loads));
    std::vector<std::int64_t> gaps = naive.gaps;
    std::sort(gaps.begin(), gaps.end());
    CHECK(summary.has(at + "itl_s") == !gaps.empty());
    for (const auto& [name, share] : {std::pair{"p50", 500U}, {"p99", 990U}, {"max", 1000U}}) {
        if (gaps.empty()) break;
        const auto exact = static_cast<double>(gaps[exact_rank(per_mille{share}, gaps.size()) - 1]);
        const double within = share == 1000U ? 1.001 : 1.001 + (exact + 1) / 2048;
        INFO(name << ", rather " << exact << " ns");
        CHECK(std::abs(summary.number(at + "itl_s." + name) * 1e9 - exact) <= within);
    }
}

const std::string chat = R"(ampacity: 1
name: c
seed: 4
fleet: { pool_gpus: 8 }
workload:
  - service:
      name: chat
      gpus_per_replica: 4
      engine:
        kv_capacity_tokens: 4000
        step: { base: "1 ms", per_token: "1 us" }
      requests: { path: requests.csv }
scheduler: { policy: fifo }
output: { requests: true }
)";

/// One answer of 3 tokens and one of 1: steps of 1010, 1001 us, then an idle time, and 1020 us.
const std::string two_requests = "arrival_s,prompt_tokens,output_tokens\n0.5,10,3\n2,20,1\n";
const std::string their_table =
    "request,arrival_s,ttft_s,finish_s,prompt_tokens,output_tokens,preemptions,replica,state\n"
    "0,0.5,0.00101,0.503012,10,3,0,0,finished\n"
    "1,2,0.00102,2.00102,20,1,0,0,finished\n";

void refused_at(const std::string& scenario, const std::string& place_and_fault) {
    const workspace here{scenario, small_trace};
    here.write("requests.csv", two_requests);
    const auto run = here.run();
    INFO(run.err);
    CHECK(run.status == 2);
    CHECK(run.err == place_and_fault + '\n');
}

}  // namespace

TEST_CASE("each request of random services comes out to the nanosecond as step by step") {
    std::map<std::string, std::uint64_t> seen;
    std::int64_t loads = 0, adapter_loads = 0, whole = 0;
    const std::size_t cases = 60;
    for (std::uint64_t number = 0; number != cases; ++number) {
        test::drawer d(31, number);
        std::vector<service_case> services;
        std::string text = "ampacity: 1\nname: r\nseed: " + std::to_string(number) + "\n";
        instant until = never;
        if (d.one_in(3)) {
            until = instant{duration{d.between(0, 100'000'000)}};
            text += "until: \"" + std::to_string(ticks(until)) + " ns\"\n";
        }
        text += d.one_in(2) ? "fleet: { pool_gpus: 40 }\n" : "fleet: { nodes: { gpus: 4, count: 12 } }\n";
        text += "scheduler: { policy: easy, placer: first-fit }\noutput: { requests: true, itl: true }\nworkload:\n";
        const workspace here;
        const bool has_jobs = d.one_in(2);
        if (has_jobs) text += "  - trace: { path: jobs.csv }\n";
        const std::int64_t count = d.between(1, 3);
        for (std::int64_t i = 0; i != count; ++i) {
            service_case& c = services.emplace_back(random_service(d, "s" + std::to_string(i)));
            c.seed = number;
            c.entry = static_cast<std::uint64_t>(i) + (has_jobs ? 1 : 0);
            c.kv_weight = 500 * d.between(0, 4);
            if (takes_time(c) && d.one_in(2))
                c.admission = random_admission(3 * number + static_cast<std::uint64_t>(i));
            const std::string trace = trace_of(d, c);
            const bool packed = d.one_in(2);
            const std::string path = c.name + (packed ? ".csv.gz" : ".csv");
            here.write(path, packed ? gzip(trace) : trace);
            text += entry_of(c, path);
        }
        here.write("s.yaml", text);
        INFO(text);
        here.run_well();
        const document summary = here.summary();
        check_books(summary);
        for (const service_case& c : services) {
            const std::string table = here.read(count == 1 ? "out/requests.csv" : "out/requests-" + c.name + ".csv");
            table_lines lines = lines_by_row(table);
            naive_run naive;
            if (takes_time(c)) {
                const naive_pools_result all = serve_whole(c, until);
                naive.add(all.prefill);
                naive.records = all.records;
                ++whole;
            } else {
                naive = serve_as_sent(c, lines, until);
            }
            check_requests(c, lines, summary, naive);
            for (const auto& [row, fields] : lines) ++seen[fields.back()];
            loads += naive.loads;
            adapter_loads += naive.adapter_loads;
        }
    }
    for (const char* state : {"finished", "rejected", "cancelled", "unfinished", "shed"}) {
        INFO(state);
        CHECK(seen[state] > 30);
    }
    CHECK(loads > 30);
    CHECK(adapter_loads > 100);
    CHECK(whole > 40);
}

namespace {

/// Replicas of a whole node each, some of which fail.
naive_scaling random_scaling(test::drawer& d, const service_case& c) {
    const std::int64_t last = ticks(c.requests.back().arrival - start_of_time) + 10'000'000;
    naive_scaling out{.cold_start = duration{d.between(1, 20'000'000)},
                      .requeues = !d.one_in(3),
                      .ttft = duration{d.between(100'000, 20'000'000)},
                      .nodes = static_cast<std::uint32_t>(d.between(1, 5))};
    serving::autoscaler_options& a = out.autoscale;
    a = {.policy = static_cast<serving::scaling_policy>(d.between(0, 4)),
         .max = static_cast<std::uint32_t>(d.between(1, out.nodes)),
         .interval = duration{d.between(500'000, 30'000'000)},
         .up_delay = duration{d.one_in(2) ? 0 : d.between(0, 40'000'000)},
         .down_delay = duration{d.one_in(2) ? 0 : d.between(0, 40'000'000)},
         .target = 0.01 * static_cast<double>(d.between(10, 100)),
         .seats = c.engine.max_seqs};
    a.first = static_cast<std::uint32_t>(d.between(1, a.max));
    if (a.policy == serving::scaling_policy::schedule) {
        for (std::int64_t t = 0; t < last; t += d.between(1, last / 6 + 1))
            a.schedule.push_back({duration{t}, static_cast<std::uint32_t>(d.between(1, a.max))});
    }
    if (d.one_in(2)) out.drain_limit = duration{d.between(0, 20'000'000)};
    std::int64_t start = 0;
    for (std::int64_t n = d.between(0, 5); n != 0; --n) {
        start += d.between(1, last / 4);
        const std::int64_t end = start + d.between(1, last / 4);
        out.outages.push_back({instant{duration{start}}, instant{duration{end}},
                               static_cast<std::uint32_t>(d.between(0, out.nodes - 1))});
        start = end;
    }
    return out;
}

std::string autoscale_of(const naive_scaling& s) {
    const serving::autoscaler_options& a = s.autoscale;
    using policy = serving::scaling_policy;
    std::string text = "      autoscale: { policy: " +
                       std::string{serving::scaling_policy_names.at(static_cast<std::size_t>(a.policy))} +
                       ", max: " + std::to_string(a.max) + ", start: " + ns_text(s.cold_start) +
                       ", on_failure: " + (s.requeues ? "requeue" : "fail");
    if (s.drain_limit) text += ", drain: " + ns_text(*s.drain_limit);
    if (a.policy != policy::fixed && a.policy != policy::schedule)
        text += ", interval: " + ns_text(a.interval) + ", up_delay: " + ns_text(a.up_delay) +
                ", down_delay: " + ns_text(a.down_delay) + ", target: " + std::to_string(a.target);
    std::string steps;
    for (const serving::scheduled_replicas& k : a.schedule)
        steps += (steps.empty() ? "" : ", ") + std::string{"{ at: "} + ns_text(k.at) +
                 ", replicas: " + std::to_string(k.replicas) + " }";
    if (!steps.empty()) text += ", schedule: [ " + steps + " ]";
    return text + " }\n      slo: { ttft: " + ns_text(s.ttft) + " }\n";
}

std::string outages_of(const naive_scaling& s) {
    std::string text;
    for (const naive_scaling::outage& o : s.outages)
        text += (text.empty() ? "" : ", ") + std::string{"{ nodes: "} + std::to_string(o.node) +
                ", start: " + ns_text(o.start - start_of_time) + ", duration: " + ns_text(o.end - o.start) + " }";
    return text.empty() ? "" : "faults: { outages: [ " + text + " ] }\n";
}

}  // namespace

TEST_CASE("each request of random replicas that come and go and fail comes out as step by step") {
    std::map<std::string, std::uint64_t> seen;
    std::uint64_t failures = 0, requeued = 0, cold_starts = 0;
    std::int64_t loads = 0, adapter_loads = 0, all = 0;
    for (std::uint64_t number = 0; number != 60; ++number) {
        test::drawer d(31, 9000 + number);
        service_case c = random_service(d, "chat");
        if (!takes_time(c)) continue;
        ++all;
        c.seed = number;
        c.kv_weight = 500 * d.between(0, 4);
        if (d.one_in(3)) c.admission = random_admission(number);
        const workspace here;
        here.write("r.csv", trace_of(d, c));
        const naive_scaling scaling = random_scaling(d, c);
        c.replicas = scaling.autoscale.policy == serving::scaling_policy::schedule ? 1 : scaling.autoscale.first;
        const std::string text = "ampacity: 1\nname: r\nseed: " + std::to_string(number) +
                                 "\nfleet: { nodes: { gpus: " + std::to_string(c.gpus) +
                                 ", count: " + std::to_string(scaling.nodes) + " } }\n" + outages_of(scaling) +
                                 "scheduler: { policy: fifo, placer: first-fit }\n"
                                 "output: { requests: true, itl: true }\nworkload:\n" +
                                 entry_of(c, "r.csv", autoscale_of(scaling));
        here.write("s.yaml", text);
        INFO(text);
        here.run_well();
        const document summary = here.summary();
        check_books(summary);
        const naive_pools_result naive = serve_whole(c, never, &scaling);
        naive_run run;
        run.add(naive.prefill);
        run.records = naive.records;
        check_requests(c, lines_by_row(here.read("out/requests.csv")), summary, run);
        const std::string at = "services.chat.";
        CHECK(summary.number(at + "replicas.failures") == static_cast<double>(naive.failures));
        CHECK(summary.number(at + "replicas.cold_starts") == static_cast<double>(naive.cold_starts));
        CHECK(summary.number(at + "requeued") == static_cast<double>(naive.requeued));
        CHECK(summary.number(at + "lost_tokens") == static_cast<double>(naive.lost_tokens));
        for (const serving::request_record& r : naive.records)
            ++seen[std::string{serving::request_state_names.at(static_cast<std::size_t>(r.state))}];
        failures += naive.failures;
        requeued += naive.requeued;
        cold_starts += naive.cold_starts;
        loads += run.loads;
        adapter_loads += run.adapter_loads;
    }
    CHECK(all > 40);
    for (const char* state : {"finished", "rejected", "cancelled", "shed", "failed"}) {
        INFO(state);
        CHECK(seen[state] > 20);
    }
    CHECK(failures > 20);
    CHECK(requeued > 100);
    CHECK(cold_starts > 100);
    CHECK(loads > 10);
    CHECK(adapter_loads > 100);
}

namespace {

/// What a service has done by an instant, with all steps done one by one.
struct counted {
    naive_serving_result naive{};
    std::uint64_t arrived = 0, finished = 0, left = 0, met = 0;
    std::vector<std::int64_t> first_tokens{};  ///< times to those given after `since` [ns]
};

counted count_until(const service_case& c, instant at, instant since, duration ttft) {
    counted out{.naive = serve_naively(c.requests, c.engine, c.pieces, at)};
    for (const serving::request_record& r : out.naive.records) {
        const bool finished = r.state == serving::request_state::finished;
        ++out.arrived;
        if (finished) ++out.finished;
        if (r.end != never) ++out.left;
        if (finished && r.first_token - r.arrival <= ttft) ++out.met;
        if (r.first_token != never && r.first_token > since)
            out.first_tokens.push_back(ticks(r.first_token - r.arrival));
    }
    std::sort(out.first_tokens.begin(), out.first_tokens.end());
    return out;
}

}  // namespace

TEST_CASE("services.csv is what one counts of the steps one by one") {
    std::uint64_t seen_waiting = 0, seen_running = 0, seen_latencies = 0;
    for (std::uint64_t number = 0; number != 12; ++number) {
        test::drawer d(31, 5000 + number);
        service_case c = random_service(d, "s");
        c.replicas = 1;
        c.engine.timeout.reset();
        c.engine.max_wait.reset();
        const workspace here;
        here.write("s.csv", trace_of(d, c));
        for (std::size_t k = 0; k != c.requests.size(); ++k) c.requests[k].row = k;
        const std::int64_t interval =
            std::max<std::int64_t>(1'000'000, ticks(c.requests.back().arrival - start_of_time) / 9) + 7;
        const duration ttft{d.between(1'000, 5'000'000)};
        here.write("s.yaml",
                   "ampacity: 1\nname: r\nseed: 1\nfleet: { pool_gpus: 3 }\nscheduler: { policy: fifo }\n"
                   "output: { telemetry: \"" +
                       std::to_string(interval) + " ns\" }\nworkload:\n" + entry_of(c, "s.csv") +
                       "      slo: { ttft: \"" + std::to_string(ticks(ttft)) + " ns\" }\n");
        here.run_well();
        const auto rows = lines_of(here.read("out/services.csv"));
        REQUIRE(rows.size() > 5);
        const auto blocks = static_cast<double>(c.engine.kv_capacity_tokens / c.engine.kv_block_tokens);
        counted before;
        instant since = instant::min();
        for (std::size_t i = 1; i != rows.size(); ++i) {
            INFO("case " << number << ": " << rows[i]);
            const auto f = fields_of(rows[i]);
            REQUIRE(f.size() == 17);
            const instant at{duration{ns_of(f[0])}};
            const counted now = count_until(c, at, since, ttft);
            const auto near = [&](std::size_t column, double value) {
                if (std::stod(f[column]) != Approx(value).epsilon(1e-5).margin(1e-9))
                    FAIL("column " << column << ", rather " << value);
            };
            near(2, static_cast<double>(now.arrived - before.arrived));
            near(3, static_cast<double>(now.finished - before.finished));
            near(4, 0);
            // What is done at the very start comes before the first row.
            if (i != 1) {
                near(5, static_cast<double>(now.naive.num_waiting_at_until));
                near(6, static_cast<double>(now.arrived - now.left - now.naive.num_waiting_at_until));
                if (blocks > 0) near(7, static_cast<double>(now.naive.blocks_at_until) / blocks);
                near(9, static_cast<double>(now.naive.produced_tokens - before.naive.produced_tokens) * 1e9 /
                            static_cast<double>(interval));
            }
            CHECK(f[10].empty() == now.first_tokens.empty());
            for (const auto& [column, share] : {std::pair{std::size_t{10}, 500U}, {std::size_t{11}, 990U}}) {
                if (!now.first_tokens.empty())
                    near(column, static_cast<double>(
                                     now.first_tokens[exact_rank(per_mille{share}, now.first_tokens.size()) - 1]) *
                                     1e-9);
            }
            CHECK(f[12].empty() == (now.left == before.left));
            if (i != 1) near(13, static_cast<double>(now.met - before.met) * 1e9 / static_cast<double>(interval));
            CHECK((f[15].empty() && f[16].empty()));
            if (now.left != before.left)
                near(12, static_cast<double>(now.met - before.met) / static_cast<double>(now.left - before.left));
            seen_waiting += now.naive.num_waiting_at_until;
            seen_running += now.arrived - now.left - now.naive.num_waiting_at_until;
            seen_latencies += now.first_tokens.size();
            before = now;
            since = at;
        }
    }
    CHECK(seen_waiting > 50);
    CHECK(seen_running > 50);
    CHECK(seen_latencies > 100);
}

TEST_CASE("a small service is what one reckons by hand") {
    const workspace here{chat};
    here.write("requests.csv", two_requests);
    const auto run = here.run_well();
    CHECK(contains(run.out, "2 requests on 4 GPUs: 2 finished"));
    CHECK(here.read("out/requests.csv") == their_table);
    const auto s = here.summary();
    CHECK(s.number("simulated_s") == 2.00102);
    CHECK(s.number("services.chat.ttft_s.max") == 0.00102);
    CHECK(s.number("services.chat.tpot_s.mean") == Approx(0.001001));
    CHECK(s.number("services.chat.slo_attainment") == 1);
    CHECK(s.number("services.chat.tokens_per_s_per_gpu") == Approx(4 / (2.00102 * 4)));
    CHECK(s.number("gpu_hours.useful") == Approx(2.00102 * 4 / 3600));
    CHECK(s.number("gpu_hours.idle") == Approx(2.00102 * 4 / 3600));
    check_books(s);
    CHECK_FALSE(s.has("services.chat.itl_s"));
    here.run_well({"--set", "output.itl=true"}, "with gaps");
    CHECK(here.read("with gaps/requests.csv") == their_table);
    const auto gaps = here.summary("with gaps");
    CHECK(gaps.number("services.chat.itl_s.mean") == Approx(0.001001));
    CHECK(gaps.number("services.chat.itl_s.max") == Approx(0.001001));
    here.run_well({"--set", "workload.0.service.slo={ ttft: 1015 us }"}, "out");
    CHECK(here.summary().number("services.chat.slo_attainment") == 0.5);
    here.run_well({"--until", "1 s"});
    CHECK(here.summary().number("services.chat.requests") == 1);
    CHECK(here.summary().number("gpu_hours.useful") == Approx(4.0 / 3600));
    CHECK(lines_of(here.read("out/requests.csv")).size() == 2);
}

TEST_CASE("a load of an adapter of 61 bytes at 1 GB per s takes 61 ns") {
    const workspace here{with(chat, "kv_capacity_tokens: 4000",
                              "kv_capacity_tokens: 4000\n        adapters: { slots: 1, size: \"61 B\", bandwidth: "
                              "\"1 GB/s\" }")};
    here.write("requests.csv", "arrival_s,prompt_tokens,output_tokens,tenant\n0.5,10,1,a\n1,10,1,a\n");
    here.run_well();
    const auto rows = lines_of(here.read("out/requests.csv"));
    CHECK(rows[1] == "0,0.5,0.001010061,0.501010061,10,1,0,0,finished");
    CHECK(rows[2] == "1,1,0.00101,1.00101,10,1,0,0,finished");
}

TEST_CASE("requests of a small service are shed by class as one reckons by hand") {
    const workspace here{
        with(chat, "      requests:",
             "      slo: { ttft: \"10 ms\" }\n      admission:\n        classes:\n          - { name: "
             "interactive, priority: 4, max_requests: 3, slo: { ttft: \"1 ms\" } }\n          - { name: "
             "batch, priority: 0, max_waiting: 1 }\n      requests:")};
    here.write("requests.csv",
               "arrival_s,prompt_tokens,output_tokens,priority\n0.5,10,3,5\n0.5,10,3,0\n0.5,9,3,3\n0.5,20,1,7\n"
               "0.501,5,1,1\n0.501,6,1,1\n");
    const auto run = here.run_well();
    CHECK(contains(run.out, "6 requests on 4 GPUs: 3 finished, 0 rejected, 3 shed, 0 cancelled"));
    // Steps of 1030 us, of 1006 us for a decode beside five tokens, and of 1001 us.
    CHECK(here.read("out/requests.csv") ==
          "request,arrival_s,ttft_s,finish_s,prompt_tokens,output_tokens,preemptions,replica,state\n"
          "0,0.5,0.00103,0.503037,10,3,0,0,finished\n"
          "1,0.5,,,10,3,0,,shed\n"
          "2,0.5,,,9,3,0,,shed\n"
          "3,0.5,0.00103,0.50103,20,1,0,0,finished\n"
          "4,0.501,0.001036,0.502036,5,1,0,0,finished\n"
          "5,0.501,,,6,1,0,,shed\n");
    const auto s = here.summary();
    const std::string at = "services.chat.";
    CHECK(s.number(at + "shed") == 3);
    CHECK(s.number(at + "rejected") == 0);
    CHECK(s.number(at + "classes.interactive.requests") == 2);
    CHECK(s.number(at + "classes.interactive.finished") == 2);
    CHECK(s.number(at + "classes.interactive.shed") == 0);
    CHECK(s.number(at + "classes.interactive.slo_attainment") == 0);
    CHECK(s.number(at + "classes.interactive.ttft_s.max") == 0.00103);
    CHECK(s.number(at + "classes.batch.requests") == 4);
    CHECK(s.number(at + "classes.batch.finished") == 1);
    CHECK(s.number(at + "classes.batch.shed") == 3);
    CHECK(s.number(at + "classes.batch.slo_attainment") == 0.25);
    CHECK(s.number(at + "classes.batch.ttft_s.mean") == 0.001036);
    CHECK(s.number(at + "classes.batch.queueing_s.max") == 0.00003);
    CHECK(s.number(at + "classes.batch.prompt_tokens") == 5);
    CHECK(s.number(at + "classes.batch.output_tokens") == 1);
    CHECK(s.number(at + "classes.interactive.prompt_tokens") == 30);
    CHECK(s.number(at + "classes.interactive.output_tokens") == 4);
    CHECK(s.number(at + "classes.batch.goodput_per_s") == Approx(1 / 0.503037));
    CHECK(s.number(at + "slo_attainment") == Approx(1.0 / 6));
    CHECK(s.number(at + "goodput_per_s") == Approx(1 / 0.503037));
    CHECK_FALSE(s.has(at + "classes.interactive.itl_s"));
    here.run_well({"--set", "output.itl=true", "--set", "workload.0.service.engine.priorities=true"}, "gaps");
    const auto gaps = here.summary("gaps");
    for (const char* of : {"classes.interactive.", "priorities.5.", ""}) {
        INFO(of);
        CHECK(gaps.number(at + of + "itl_s.max") == Approx(0.001006));
        CHECK(gaps.number(at + of + "itl_s.mean") == Approx(0.0010035));
    }
    CHECK_FALSE(gaps.has(at + "classes.batch.itl_s"));
    CHECK_FALSE(gaps.has(at + "priorities.7.itl_s"));
    CHECK(gaps.number(at + "priorities.5.queueing_s.max") == 0);
}

TEST_CASE("a small service with prompts and answers apart is what one reckons by hand") {
    // The prompt of 10 takes 1.010 ms; its cache 10 x 10 us and 50 us; two more tokens 1.001 ms each.
    const workspace here{
        with(chat, "requests: {",
             "disaggregated:\n        transfer: { bandwidth: \"1 GB/s\", bytes_per_token: \"0.01 MB\", "
             "latency: \"50 us\" }\n      requests: {")};
    here.write("requests.csv", two_requests);
    const auto run = here.run_well();
    CHECK(contains(run.out, "2 requests on 8 GPUs: 2 finished"));
    CHECK(contains(run.out, "GB of caches moved; 0.15 ms on average"));
    CHECK(here.read("out/requests.csv") ==
          "request,arrival_s,ttft_s,finish_s,prompt_tokens,output_tokens,preemptions,replica,state,transfer_s\n"
          "0,0.5,0.00101,0.503162,10,3,0,1,finished,0.00015\n"
          "1,2,0.00102,2.00102,20,1,0,0,finished,\n");
    const auto s = here.summary();
    const std::string at = "services.chat.";
    CHECK(s.number(at + "steps") == 4);
    CHECK(s.number(at + "pools.prefill.steps") == 2);
    CHECK(s.number(at + "pools.decode.steps") == 2);
    CHECK(s.number(at + "pools.prefill.gpus") == 4);
    CHECK(s.number(at + "pools.decode.busy_share") == Approx(0.002002 / 2.00102));
    CHECK(s.number(at + "busy_share") == Approx((0.00203 + 0.002002) / (2 * 2.00102)));
    CHECK(s.number(at + "transfers.begun") == 1);
    CHECK(s.number(at + "transfers.received") == 1);
    CHECK(s.number(at + "transfers.moved_gb") == Approx(1e-4));
    CHECK(s.number(at + "transfers.time_s.max") == 0.00015);
    CHECK(s.number(at + "held_gpu_hours") == Approx(2.00102 * 8 / 3600));
    CHECK(s.number("gpu_hours.useful") == Approx(2.00102 * 8 / 3600));
    check_books(s);

    const auto refused = [&](const std::string& set) {
        return check_refused(here.run({"--set", "workload.0.service." + set}), 2).what;
    };
    CHECK(refused("autoscale={ policy: fixed }") ==
          "replicas that compute prompts or answers alone cannot come and go yet");
    CHECK(refused("replicas=2") == "is said of either kind of replicas");
    CHECK(refused("disaggregated={ transfer: { bandwidth: 1 GB/s } }") == "required key is missing");
    CHECK(refused("disaggregated={ transfer: { bytes_per_token: 1 MB } }") == "required key is missing");
    CHECK(refused("disaggregated.decode={ parallel: { tp: 2 } }") == "is for a model");
    CHECK(refused("disaggregated.decode={ engine: { kv_capacity_tokens: 9 } }") ==
          "does not say how long a step takes");
    CHECK(refused("disaggregated.decode={ replicas: 2 }") ==
          "only 1 of 2 replicas of 4 GPUs have a place on the fleet");
    CHECK(refused("disaggregated.decode={ router: best }") == "unknown router");
    CHECK(refused("disaggregated.prefill={ engine: { kv_capacity_tokens: 99, step: { base: 1 ms }, speculation: { "
                  "acceptance: 1 } } }") == "is not for replicas that compute prompts alone");
    CHECK(refused("disaggregated.decode={ engine: { kv_capacity_tokens: 99, step: { base: 1 ms }, prefix_cache: true, "
                  "kv_bytes_per_token: 1 B, tiers: [ { name: a, capacity: 1 GB, bandwidth: 1 GB/s } ] } }") ==
          "are not for replicas that compute answers alone");
    // A chunk without drafts gives the second token, 1.203 ms with two drafts the rest.
    here.run_well({"--set", "workload.0.service.engine.speculation={ tokens: 2, acceptance: 1, draft: 100 us }"});
    CHECK(lines_of(here.read("out/requests.csv"))[1] == "0,0.5,0.00101,0.503364,10,3,0,1,finished,0.00015");
    // Of 3 blocks the second prompt takes all, and the first one's comes back: 16 bytes in 16 ns.
    here.write("requests.csv",
               "arrival_s,prompt_tokens,output_tokens,session,prefix_tokens\n0,20,1,a,20\n1,47,1,b,40\n2,20,1,a,20\n");
    here.run_well(
        {"--set",
         "workload.0.service.engine={ kv_capacity_tokens: 48, prefix_cache: true, kv_bytes_per_token: 1 B, "
         "tiers: [ { name: a, capacity: 1 GB, bandwidth: 1 GB/s } ], step: { base: 1 ms, per_token: 1 us } }"},
        "tiers");
    CHECK(lines_of(here.read("tiers/requests.csv"))[3] == "2,2,0.001004016,2.001004016,20,1,0,0,finished,");
    CHECK(here.summary("tiers").number(at + "tiers.a.loads") == 1);
    CHECK(here.summary("tiers").number(at + "tiers.a.loaded_tokens") == 16);
    CHECK(here.summary("tiers").number(at + "tiers.a.busy_share") == Approx(16e-9 / 2.001004016));
}

TEST_CASE("jobs never get the GPUs of a service, and all of them when its last request has left") {
    for (const std::string fleet :
         {"pool_gpus: 8", "nodes: { gpus: 4, count: 2 }", "racks: { nodes_per_rack: 1, gpus_per_node: 4, count: 2 }"}) {
        for (const std::string policy : {"fifo", "fifo-skip", "sjf", "srtf", "las", "easy", "conservative", "gittins",
                                         "fair-share", "priority", "elastic", "max-min", "drf", "srsf", "ftf"}) {
            INFO(fleet << ' ' << policy);
            // `small` fits beside the service, `large` only behind it; `never` is larger than the fleet.
            const workspace here{
                with(with(chat, "pool_gpus: 8", fleet), "  - service:", "  - trace: { path: jobs.csv }\n  - service:"),
                header + "small,0,4,0.25\nlarge,0.25,6,10\nsecond,0.5,3,2.5\nnever,0.75,9,1\n"};
            here.write("requests.csv", two_requests);
            here.run_well({"--policy", policy, "--set", "output.placement=true"});
            CHECK(here.read("out/requests.csv") == their_table);
            std::map<std::string, std::vector<std::string>> jobs;
            for (const auto& line : lines_of(here.read("out/jobs.csv"))) jobs[fields_of(line)[0]] = fields_of(line);
            CHECK(jobs["small"][2] == "0");
            CHECK(ns_of(jobs["large"][2]) >= 2'001'020'000);
            CHECK(jobs["large"][5] == "finished");
            CHECK(jobs["second"][5] == "finished");
            CHECK(jobs["never"][5] == "rejected");
            if (policy == "fifo") {
                CHECK(jobs["large"][2] == "2.00102");
                CHECK(jobs["second"][2] == "12.00102");
            }
            if (policy == "fifo-skip") CHECK(jobs["second"][2] == "0.5");
            if (policy == "easy") CHECK(jobs["second"][2] == "0.5");
            check_books(here.summary());
        }
    }
}

TEST_CASE("a service takes the power of a job that holds its GPUs as long") {
    const std::string energy = "energy: { region: us-east-1 }\n";
    const auto text = with(chat, "pool_gpus: 8", "nodes: { model: dgx-h100, count: 2 }") + energy;
    const workspace here{with(text, "gpus_per_replica: 4", "gpus_per_replica: 8"), header + "a,0,8,2.00102\n"};
    here.write("requests.csv", two_requests);
    here.run_well({"--set", "workload.0.phase=decode-gemm"});
    here.run_well(
        {"--set", "workload=[{ trace: { path: jobs.csv }, phase: decode-gemm }]", "--set", "output.requests=false"},
        "job");
    CHECK(here.summary("job").number("simulated_s") == 2.00102);
    for (const char* key : {"energy_kwh.it", "energy_kwh.facility", "power_w.peak", "gpu_hours.useful"}) {
        INFO(key);
        CHECK(here.summary().number(key) == here.summary("job").number(key));
    }
}

TEST_CASE("nothing that only looks changes what becomes of requests, and resolved scenarios run alike") {
    const workspace here;
    std::filesystem::copy_file(source_directory() / "scenarios/serving/chat.yaml", here.path("s.yaml"),
                               std::filesystem::copy_options::overwrite_existing);
    const std::vector<std::string> fewer{"--set", "workload.0.service.synthetic.requests=2000"};
    here.run_well(fewer, "plain");
    auto more = fewer;
    for (const char* set : {"output.telemetry=\"3 s\"", "output.events=true"}) {
        more.emplace_back("--set");
        more.emplace_back(set);
    }
    here.run_well(more);
    for (const char* file : {"summary.json", "requests.csv", "jobs.csv"})
        CHECK(here.read(std::string{"out/"} + file) == here.read(std::string{"plain/"} + file));
    CHECK(here.call({"run", "plain/resolved.yaml", "-o", "again"}).status == 0);
    check_same(here.results("again"), here.results("plain"));
    CHECK(lines_of(here.read("plain/requests.csv")).size() == 2001);
}

TEST_CASE("the example of prompts and answers apart moves each prompt once, and runs alike when it is resolved") {
    const workspace here;
    std::filesystem::copy_file(source_directory() / "scenarios/serving/disaggregated.yaml", here.path("s.yaml"),
                               std::filesystem::copy_options::overwrite_existing);
    here.run_well({"--set", "workload.0.service.synthetic.requests=500", "--set", "output.requests=true"}, "plain");
    CHECK(here.call({"run", "plain/resolved.yaml", "-o", "again"}).status == 0);
    check_same(here.results("again"), here.results("plain"));
    const auto s = here.summary("plain");
    std::int64_t tokens = 0, moved = 0;
    for (const auto& line : lines_of(here.read("plain/requests.csv"))) {
        const auto f = fields_of(line);
        if (f[0] == "request" || f[5] == "1") continue;
        ++moved;
        tokens += std::stoll(f[4]);
        CHECK(std::stoi(f[7]) >= 3);
        CHECK(ns_of(f[9]) > 0);
    }
    CHECK(moved > 400);
    CHECK(s.number("services.chat.transfers.received") == static_cast<double>(moved));
    // 80 layers with 8 heads of 128 numbers for keys and for values, of 2 bytes each.
    CHECK(s.number("services.chat.transfers.moved_gb") ==
          Approx(static_cast<double>(tokens) * 80 * 8 * 128 * 2 * 2e-9));
    CHECK(s.number("services.chat.pools.prefill.gpus") == 12);
    CHECK(s.number("services.chat.gpu_energy_kwh") > 0);
    check_books(s);
}

TEST_CASE("files of requests of an earlier run go, and no other file") {
    const workspace here{chat};
    here.write("requests.csv", two_requests);
    here.run_well();
    here.write("out/requests-old.csv", their_table);
    here.write("out/requests-mine.csv", two_requests);
    here.run_well({"--set", "output.requests=false"});
    CHECK_FALSE(here.has("out/requests.csv"));
    CHECK_FALSE(here.has("out/requests-old.csv"));
    CHECK(here.has("out/requests-mine.csv"));
    const auto m = check_refused(here.run({}, "."), 2);
    CHECK(m.what == "is an input of this run, which would write over it");
    CHECK(here.read("requests.csv") == two_requests);
}

TEST_CASE("the trace of Azure is aligned, and what it skips is counted") {
    const workspace here{with(chat, "{ path: requests.csv }", "{ path: a.csv, format: azure-llm }")};
    here.write("a.csv",
               "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.5,10,3\n2023-11-16 18:15:47,0,3\n"
               "2023-11-16 18:15:48.0000001,20,1\n");
    const auto run = here.run_well();
    CHECK(contains(run.out, "no_prompt_tokens"));
    CHECK(here.summary().number("services.chat.skipped.no_prompt_tokens") == 1);
    CHECK(lines_of(here.read("out/requests.csv"))[2] == "1,1.5000001,0.00102,1.5010201,20,1,0,0,finished");
    const auto valid = here.call({"validate", "s.yaml"});
    CHECK(contains(valid.out, "# skipped records of workload.0.service.requests: "));
}

TEST_CASE("services without requests, and faults of their files") {
    const workspace here{chat};
    here.write("requests.csv", "arrival_s,prompt_tokens,output_tokens\n");
    here.run_well();
    CHECK(here.summary().number("services.chat.requests") == 0);
    CHECK_FALSE(here.summary().has("services.chat.ttft_s"));
    CHECK_FALSE(here.summary().has("services.chat.slo_attainment"));
    here.write("requests.csv", "arrival_s,prompt_tokens,output_tokens\n1,5,0\n");
    const auto run = here.run();
    CHECK(run.status == 3);
    INFO(run.err);
    CHECK(contains(run.err,
                   "requests.csv:2:5: error: output_tokens: no tokens, at byte 42 (0); give a whole number of tokens"));
    std::filesystem::remove(here.path("requests.csv"));
    CHECK(here.run().status == 3);
}

TEST_CASE("services that cannot be are refused with their place and a remedy") {
    refused_at(with(chat, "gpus_per_replica: 4", "gpus_per_replica: 9"),
               "s.yaml:8:25: error: workload.0.service.gpus_per_replica: only 0 of 1 replicas of 9 GPUs have a place "
               "on the fleet (9); write fewer, or a larger fleet");
    refused_at(with(chat, "gpus_per_replica: 4", "gpus_per_replica: 4\n      replicas: 3"),
               "s.yaml:9:17: error: workload.0.service.replicas: only 2 of 3 replicas of 4 GPUs have a place on the "
               "fleet (3); write fewer, or a larger fleet");
    refused_at(with(chat, "name: chat", "name: chat\n      router: least-request"),
               "s.yaml:8:15: error: workload.0.service.router: unknown router (least-request); did you mean "
               "`least-requests`?");
    refused_at(with(chat, "name: chat", "name: chat\n      kv_weight: 2"),
               "s.yaml:8:18: error: workload.0.service.kv_weight: is for another router (round-robin); write `router: "
               "kv-aware`, or remove it");
    refused_at(with(chat, "\"1 us\"", "\"-1 us\""),
               "s.yaml:11:42: error: workload.0.service.engine.step.per_token: must not be negative (-1 us); write 0 "
               "or more");
    refused_at(with(chat, "\"1 us\"", "0.001"),
               "s.yaml:11:42: error: workload.0.service.engine.step.per_token: expected a duration, found a bare "
               "number (0.001); write the unit, such as \"60 s\" (units: ns, us, ms, s, min, h, d, w, y)");
    refused_at(with(chat, "\"1 us\"", "\"0.0000000000000000001 ns\""),
               "s.yaml:11:42: error: workload.0.service.engine.step.per_token: too many decimals "
               "(0.0000000000000000001 ns); write at most 18 decimals of a nanosecond");
    refused_at(with(chat, "kv_capacity_tokens: 4000",
                    "kv_capacity_tokens: 4000\n        order: prefill-first\n"
                    "        max_batched_tokens: 8"),
               "s.yaml:12:29: error: workload.0.service.engine.max_batched_tokens: below max_seqs, with prefill-first "
               "(8); give at least 64, or a smaller `max_seqs`");
    const std::string speculates = "kv_capacity_tokens: 4000\n        speculation: { tokens: 2, ";
    refused_at(with(chat, "kv_capacity_tokens: 4000", speculates + "draft: \"1 ms\" }"),
               "s.yaml:11:22: error: workload.0.service.engine.speculation: does not say how many are accepted; give "
               "one of: acceptance, accepted");
    refused_at(with(chat, "kv_capacity_tokens: 4000", speculates + "accepted: [ 0.5, 0.5 ] }"),
               "s.yaml:11:45: error: workload.0.service.engine.speculation.accepted: has not one share for each number "
               "of drafts that may be accepted (2); write 3");
    refused_at(with(chat, "kv_capacity_tokens: 4000", speculates + "accepted: [ 0.5, 0.4, 0.2 ] }"),
               "s.yaml:11:45: error: workload.0.service.engine.speculation.accepted: shares do not sum to 1 (1.1); "
               "write shares of all steps");
    refused_at(with(chat, "kv_capacity_tokens: 4000", speculates + "acceptance: 0.7 }\n        max_batched_tokens: 99"),
               "s.yaml:12:29: error: workload.0.service.engine.max_batched_tokens: fewer than `max_seqs` requests with "
               "their drafts decode (99); give at least 192, or smaller `max_seqs` or `speculation.tokens`");
    refused_at(with(chat, "      requests: { path: requests.csv }\n", ""),
               "s.yaml:7:7: error: workload.0.service: does not say which requests it gets (chat); give one of: "
               "requests, synthetic");
    const std::string classes = "name: chat\n      admission: { classes: [ { name: a, priority: 1 }, ";
    refused_at(with(chat, "name: chat", classes + "{ name: a, priority: 2 } ] }"),
               "s.yaml:8:65: error: workload.0.service.admission.classes.1.name: another class has this name (a); name "
               "each once");
    refused_at(with(chat, "name: chat", classes + "{ name: b, priority: 1 } ] }"),
               "s.yaml:8:78: error: workload.0.service.admission.classes.1.priority: another class has this priority "
               "(1); give each class another one");
    refused_at(with(chat, "name: chat", "name: a/b"),
               "s.yaml:7:13: error: workload.0.service.name: contains a slash, a backslash or a control character "
               "(a/b); write a name that can be part of a file's, such as chat");
}

TEST_CASE("what could take a service's nodes away is refused beside it") {
    const std::string nodes = with(chat, "pool_gpus: 8", "nodes: { gpus: 4, count: 2 }");
    const auto refused_as = [](const std::string& text, const std::string& key, const std::string& what,
                               const std::string& remedy) {
        const workspace here{text};
        here.write("requests.csv", two_requests);
        const auto m = check_refused(here.run(), 2);
        CHECK(m.line != 0);
        CHECK(m.key == key);
        CHECK(m.what == what);
        CHECK(contains(m.remedy, remedy));
    };
    const auto refused = [&](const std::string& text, const std::string& key) {
        refused_as(text, key, "not supported together with services yet", "or the services");
    };
    const auto needs_scaling = [&](const std::string& text, const std::string& key) {
        refused_as(text, key, "not supported together with services that hold their GPUs for good", "add `autoscale`");
    };
    needs_scaling(nodes + "faults: { outages: [ { nodes: 0, start: \"1 s\", duration: \"1 s\" } ] }\n",
                  "faults.outages");
    needs_scaling(nodes + "faults: { processes: [ { cause: a, mtbf: \"1 d\" } ] }\n", "faults.processes");
    needs_scaling(nodes + "faults: { maintenance: [ { name: a, start: \"1 h\", duration: \"1 h\" } ] }\n",
                  "faults.maintenance");
    refused(with(nodes, "policy: fifo",
                 "policy: fifo, reservations: [ { name: a, start: \"1 s\", duration: \"1 s\", nodes: 0 } ]"),
            "scheduler.reservations");
    needs_scaling(with(nodes, "count: 2 }",
                       "count: 2 }, slowdowns: [ { nodes: 0, start: \"1 s\", duration: \"1 s\", speed: 0.5 } ]"),
                  "fleet.slowdowns");
    needs_scaling(with(nodes, "count: 2 }", "count: 2 }, deliveries: [ { nodes: 0, at: \"1 s\" } ]"),
                  "fleet.deliveries");
    needs_scaling(with(chat, "pool_gpus: 8", "nodes: { model: dgx-h100, count: 2 }") + "power: {}\n", "power");
    refused(with(chat, "pool_gpus: 8", "pools: [ { gpu: a, count: 8 }, { gpu: b, count: 8 } ]"), "fleet");
}
