// Services of several replicas: each replica serves what it was sent as the rules say, and every router's choice
// follows from what can be recounted.
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/naive_serving.hpp"
#include "support/random_admission.hpp"

#include <ampacity/core/stream.hpp>
#include <ampacity/serving/service.hpp>
#include <ampacity/workload/request_source.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace ampacity;
using serving::request_record;
using workload::request;

struct load {
    serving::service_options options;
    std::vector<serving::linear_step> pieces;
    std::vector<request> requests;
};

load random_load(std::uint64_t number, const std::string& router) {
    random_stream d(22, purpose::test, number);
    const auto between = [&d](std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(d.below(static_cast<std::uint64_t>(high - low + 1)));
    };
    load l;
    l.options.replicas = static_cast<std::uint32_t>(between(1, 9));
    l.options.engine = {.max_seqs = between(1, 8),
                        .max_batched_tokens = between(8, 100),
                        .kv_capacity_tokens = between(60, 200),
                        .kv_block_tokens = between(1, 16)};
    l.options.engine.prefix_cache = number % 2 == 0;
    if (number % 3 == 0) l.options.engine.timeout = duration{between(1, 20'000)};
    l.options.router = router;
    l.options.random = {.seed = number, .entity = 5, .kv_weight = between(0, 4) * 500};
    l.pieces = {{.base = {between(2, 100), 0},
                 .per_token = {between(0, 200), 1},
                 .per_kv_token = {between(0, 300), 2},
                 .per_prefill_attention = {between(0, 10), 2}}};
    std::int64_t now = 0;
    for (std::uint64_t row = 0; row != 120; ++row) {
        if (between(0, 3) != 0) now += between(0, 300);
        const std::int64_t prompt = between(1, 60);
        l.requests.push_back({.row = row,
                              .arrival = instant{duration{now}},
                              .prompt_tokens = static_cast<std::uint32_t>(prompt),
                              .output_tokens = static_cast<std::uint32_t>(between(1, 40)),
                              .prefix_tokens = static_cast<std::uint32_t>(between(0, prompt)),
                              .session = static_cast<std::uint32_t>(between(0, 6))});
    }
    return l;
}

std::vector<request_record> serve(const load& l) {
    serving::service service(l.options, serving::iteration_time{l.pieces});
    workload::vector_request_source source(l.requests);
    std::vector<request_record> records;
    serving::serve(source, service, never, [&](const request_record& r) { records.push_back(r); });
    std::sort(records.begin(), records.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    return records;
}

/// The requests that went to one replica, of the first `count`.
std::vector<request> sent_to(const load& l, const std::vector<request_record>& records, std::size_t replica,
                             std::size_t count) {
    std::vector<request> out;
    for (std::size_t i = 0; i != count; ++i) {
        if (records[i].replica == replica) out.push_back(l.requests[i]);
    }
    return out;
}

/// Requests at each replica when request `i` arrives: those before it that have not left.
std::vector<std::size_t> recount(const load& l, const std::vector<request_record>& records, std::size_t i) {
    std::vector<std::size_t> live(l.options.replicas, 0);
    for (std::size_t j = 0; j != i; ++j) {
        const request_record& r = records[j];
        // Cancellations come after the arrivals of their instant, completions before.
        const bool left =
            r.state == serving::request_state::cancelled ? r.end < records[i].arrival : r.end <= records[i].arrival;
        if (!left) ++live[r.replica];
    }
    return live;
}

template <class Choice>
void check_choices(const std::string& router, Choice choice) {
    const std::size_t cases = test::random_cases(150);
    for (std::size_t number = 0; number != cases; ++number) {
        const load l = random_load(number, router);
        const std::vector<request_record> records = serve(l);
        REQUIRE(records.size() == l.requests.size());
        for (std::size_t i = 0; i != records.size(); ++i) {
            INFO("case " << number << ", request " << i);
            REQUIRE(records[i].replica == choice(l, records, i));
        }
    }
}

std::size_t first_least(const std::vector<std::size_t>& values) {
    return static_cast<std::size_t>(std::min_element(values.begin(), values.end()) - values.begin());
}

}  // namespace

TEST_CASE("services: each replica serves what it was sent as if alone") {
    for (const serving::router_description& router : serving::router_descriptions()) {
        const std::size_t cases = test::random_cases(150);
        for (std::size_t number = 0; number != cases; ++number) {
            const load l = random_load(number, std::string{router.name});
            const std::vector<request_record> records = serve(l);
            for (std::size_t replica = 0; replica != l.options.replicas; ++replica) {
                const auto alone =
                    test::serve_naively(sent_to(l, records, replica, records.size()), l.options.engine, l.pieces);
                for (request_record expected : alone.records) {
                    expected.replica = static_cast<std::uint32_t>(replica);
                    INFO(router.name << ", case " << number << ", request " << expected.row);
                    REQUIRE(records[expected.row] == expected);
                }
            }
        }
    }
}

TEST_CASE("services: round-robin takes replicas in turn") {
    check_choices("round-robin", [](const load& l, const auto&, std::size_t i) { return i % l.options.replicas; });
}

TEST_CASE("services: least-requests takes the first with the fewest") {
    check_choices("least-requests", [](const load& l, const auto& records, std::size_t i) {
        return first_least(recount(l, records, i));
    });
}

TEST_CASE("services: least-kv takes the first with the fewest blocks") {
    check_choices("least-kv", [](const load& l, const auto& records, std::size_t i) {
        std::vector<std::size_t> blocks;
        for (std::size_t replica = 0; replica != l.options.replicas; ++replica) {
            const auto alone =
                test::serve_naively(sent_to(l, records, replica, i), l.options.engine, l.pieces, l.requests[i].arrival);
            blocks.push_back(static_cast<std::size_t>(alone.blocks_at_until));
        }
        return first_least(blocks);
    });
}

namespace {

/// What a replica is when request `i` comes, from the steps done one by one.
struct seen_replica {
    std::int64_t cached = 0;  ///< tokens of the request's prompt
    std::int64_t waiting = 0, blocks = 0;
};

std::vector<seen_replica> look(const load& l, const std::vector<request_record>& records, std::size_t i) {
    const request& r = l.requests[i];
    const std::int64_t block = l.options.engine.kv_block_tokens;
    std::vector<seen_replica> out;
    for (std::size_t replica = 0; replica != l.options.replicas; ++replica) {
        const auto alone = test::serve_naively(sent_to(l, records, replica, i), l.options.engine, l.pieces, r.arrival);
        seen_replica& s = out.emplace_back();
        s.waiting = alone.waiting_at_until;
        s.blocks = alone.blocks_at_until;
        const std::int64_t most = std::min<std::int64_t>(r.prefix_tokens, r.prompt_tokens - 1);
        while (r.session != 0 && s.cached + block <= most &&
               alone.known_at_until.contains({r.session, s.cached / block}))
            s.cached += block;
    }
    return out;
}

}  // namespace

TEST_CASE("services: prefix-aware takes the longest prefix and of several the fewest requests") {
    std::size_t hits = 0, moved = 0;
    check_choices("prefix-aware", [&](const load& l, const auto& records, std::size_t i) {
        const std::vector<seen_replica> all = look(l, records, i);
        const auto live = recount(l, records, i);
        std::size_t best = 0;
        for (std::size_t k = 1; k != all.size(); ++k) {
            if (all[k].cached > all[best].cached || (all[k].cached == all[best].cached && live[k] < live[best]))
                best = k;
        }
        if (all[best].cached != 0) ++hits;
        if (best != first_least(live)) ++moved;
        return best;
    });
    CHECK(hits > 100);
    CHECK(moved > 100);
}

TEST_CASE("services: kv-aware takes the least of tokens to compute and tokens in the cache") {
    std::size_t by_cache = 0;
    check_choices("kv-aware", [&](const load& l, const auto& records, std::size_t i) {
        std::vector<std::int64_t> costs, without;
        for (const seen_replica& s : look(l, records, i)) {
            const std::int64_t held = l.options.random.kv_weight * s.blocks * l.options.engine.kv_block_tokens;
            costs.push_back(1000 * (l.requests[i].prompt_tokens - s.cached + s.waiting) + held);
            without.push_back(costs.back() + 1000 * s.cached);
        }
        const auto least = [](const std::vector<std::int64_t>& of) {
            return static_cast<std::size_t>(std::min_element(of.begin(), of.end()) - of.begin());
        };
        if (least(costs) != least(without)) ++by_cache;
        return least(costs);
    });
    CHECK(by_cache > 30);
}

TEST_CASE("services: power-of-two takes the emptier of two that the request's own draws name") {
    check_choices("power-of-two", [](const load& l, const auto& records, std::size_t i) -> std::size_t {
        const std::uint64_t n = l.options.replicas;
        if (n == 1) return 0;
        random_stream stream(l.options.random.seed, purpose::placement, 5);
        stream.seek(4 * i);
        const std::size_t first = stream.below(n);
        std::size_t second = stream.below(n - 1);
        if (second >= first) ++second;
        const auto live = recount(l, records, i);
        return live[second] < live[first] ? second : first;
    });
}

TEST_CASE("services: random takes every replica about as often") {
    load l = random_load(1, "random");
    l.options.replicas = 4;
    l.requests.clear();
    for (std::uint64_t row = 0; row != 8000; ++row)
        l.requests.push_back({.row = row, .arrival = instant{duration{static_cast<std::int64_t>(row)}}});
    std::map<std::uint32_t, int> counts;
    for (const request_record& r : serve(l)) ++counts[r.replica];
    REQUIRE(counts.size() == 4);
    // Five standard deviations of a binomial count.
    for (const auto& [replica, count] : counts) CHECK(std::abs(count - 2000) < 194);
}

TEST_CASE("services: session keeps a session at one replica, others go to the fewest requests") {
    std::map<std::uint32_t, std::uint32_t> home;
    std::size_t last_case = 0;
    check_choices("session", [&](const load& l, const auto& records, std::size_t i) -> std::size_t {
        if (i == 0) {
            home.clear();
            ++last_case;
        }
        const std::uint32_t session = l.requests[i].session;
        if (session == 0) return first_least(recount(l, records, i));
        return home.try_emplace(session, records[i].replica).first->second;
    });
    CHECK(last_case > 0);
}

namespace {

/// A service that looks at every replica for every request.
std::vector<request_record> serve_by_scan(const load& l, bool by_blocks) {
    const serving::iteration_time time{l.pieces};
    std::vector<serving::replica> replicas;
    for (std::uint32_t i = 0; i != l.options.replicas; ++i) replicas.emplace_back(l.options.engine, time);
    std::vector<request_record> out;
    const auto collect = [&](std::size_t i) {
        for (request_record r : replicas[i].records()) {
            r.replica = static_cast<std::uint32_t>(i);
            out.push_back(r);
        }
        replicas[i].clear_records();
    };
    for (std::size_t next = 0;;) {
        instant now = next == l.requests.size() ? never : l.requests[next].arrival;
        for (const serving::replica& r : replicas) now = std::min(now, r.next());
        if (now == never) break;
        for (serving::replica& r : replicas) {
            if (r.next() == now) r.advance(now);
        }
        const serving::replica_view view{replicas, now};
        for (; next != l.requests.size() && l.requests[next].arrival == now; ++next) {
            std::size_t best = 0;
            for (std::size_t i = 1; i != replicas.size(); ++i) {
                if (by_blocks ? view.kv_blocks(i) < view.kv_blocks(best) : view.requests(i) < view.requests(best))
                    best = i;
            }
            replicas[best].submit(l.requests[next], now);
        }
        for (std::size_t i = 0; i != replicas.size(); ++i) {
            replicas[i].start(now);
            collect(i);
        }
    }
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    return out;
}

}  // namespace

TEST_CASE("services: the trees of many replicas choose as a scan does") {
    const std::size_t cases = test::random_cases(300);
    for (std::size_t number = 0; number != cases; ++number) {
        for (const bool by_blocks : {false, true}) {
            load l = random_load(1000 + number, by_blocks ? "least-kv" : "least-requests");
            random_stream d(24, purpose::test, number);
            l.options.replicas = static_cast<std::uint32_t>(1 + d.below(70));
            l.options.engine.kv_capacity_tokens = static_cast<std::int64_t>(200 + d.below(3000));
            l.options.engine.prefix_cache = number % 2 == 0;
            // Many more requests than replicas, so that all of them are busy and blocks grow in all.
            for (std::uint64_t row = l.requests.size(); row != 600; ++row) {
                request r = l.requests[row % 120];
                r.row = row;
                r.arrival = l.requests.back().arrival + duration{static_cast<std::int64_t>(d.below(30))};
                r.prefix_tokens = static_cast<std::uint32_t>(d.below(r.prompt_tokens + 1));
                l.requests.push_back(r);
            }
            INFO("case " << number << ", " << l.options.router);
            REQUIRE(serve(l) == serve_by_scan(l, by_blocks));
        }
    }
}

TEST_CASE("services: requests are shed where the bounds say so of what is counted one by one") {
    std::size_t shed = 0, finished = 0, cancelled = 0, all = 0;
    const std::size_t cases = test::random_cases(900);
    for (std::size_t number = 0; number != cases; ++number) {
        load l = random_load(number, std::array{"round-robin", "least-requests", "least-kv"}[number % 3]);
        random_stream d(25, purpose::test, number);
        l.options.engine.priorities = d.below(2) == 0;
        l.options.admission = test::random_admission(number);
        for (request& r : l.requests) r.priority = static_cast<std::uint8_t>(d.below(8));
        const std::vector<request_record> records = serve(l);
        const auto naive = test::serve_pools_naively(l.requests, l.options, l.pieces, {});
        REQUIRE(records.size() == naive.records.size());
        for (std::size_t i = 0; i != records.size(); ++i) {
            INFO("case " << number << ", request " << i);
            REQUIRE(records[i] == naive.records[i]);
            ++all;
            if (records[i].state == serving::request_state::shed) ++shed;
            if (records[i].state == serving::request_state::finished) ++finished;
            if (records[i].state == serving::request_state::cancelled) ++cancelled;
        }
    }
    CHECK(shed > all / 5);
    CHECK(finished > all / 5);
    CHECK(cancelled > all / 50);
}

TEST_CASE("services: requests in the system over time are those of their records") {
    // Little's law, exactly: the integral of their number is the sum of their times, cancelled ones included.
    const std::size_t cases = test::random_cases(200);
    for (std::size_t number = 0; number != cases; ++number) {
        const load l = random_load(number, "least-kv");
        serving::service service(l.options, serving::iteration_time{l.pieces});
        int128 integral = 0, times = 0;
        instant last = start_of_time;
        std::size_t next = 0;
        const auto live = [&] {
            std::int64_t sum = 0;
            for (const serving::replica& r : service.replicas()) sum += static_cast<std::int64_t>(r.num_live());
            return sum;
        };
        for (;;) {
            const instant now = std::min(next == l.requests.size() ? never : l.requests[next].arrival, service.next());
            if (now == never) break;
            integral += static_cast<int128>(live()) * ticks(now - last);
            last = now;
            service.advance(now);
            for (; next != l.requests.size() && l.requests[next].arrival == now; ++next)
                service.submit(l.requests[next], now);
            service.start(now);
        }
        for (const request_record& r : service.records()) times += ticks(r.end - r.arrival);
        REQUIRE(integral == times);
        CHECK(times > 0);
    }
}
