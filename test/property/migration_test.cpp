// Moves of jobs between sites: held to an engine that knows one rule of each kind and looks at all jobs whenever
// something is due; and what holds under every policy.
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/failing_run.hpp"
#include "support/random_workload.hpp"

#include <ampacity/execution/training.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::test;
using hardware::site_preference;

namespace {

using ns = std::int64_t;
constexpr ns second = 1'000'000'000;
constexpr ns no_time = std::numeric_limits<ns>::max();

struct naive_site {
    std::size_t first = 0, nodes = 0;
    std::vector<std::pair<ns, double>> prices{};  ///< from each time on
};

struct naive_job {
    std::size_t gpus = 1;
    ns work = 0, submit = 0;
    int pinned = -1, home = -1;
    // What becomes of it:
    enum class is { to_come, queued, runs, moves, finished, rejected } state = is::to_come;
    std::size_t site = 0;
    std::uint64_t rank = 0;
    ns progress = 0, start = 0, arrives = 0, moved = -1, leaves = no_time;
    bool again = false;  ///< it has run before
    int to = -1;
    std::vector<std::size_t> held{};
    std::vector<std::pair<ns, std::size_t>> starts{};  ///< when, and the first node
    ns finish = -1;
    unsigned moves = 0, failures = 0;
};

struct naive_outage {
    ns start = 0, end = 0;
    std::size_t node = 0;
};

/// Nodes of one GPU; FIFO at each site; the lowest nodes.
struct world {
    std::vector<naive_site> sites{};
    std::vector<naive_job> jobs{};
    std::vector<naive_outage> outages{};
    ns every = 0, pause = 0, restart = 0;  ///< checkpoints
    ns transfer = 0, interval = 0, min_stay = 0;
    double gain = 0;
    bool balanced = false;
    std::uint64_t stayed = 0;

    void run();

private:
    using is = naive_job::is;
    std::vector<bool> up_, held_;
    std::vector<std::size_t> chosen_, on_way_;
    std::uint64_t ranks_ = 0;
    ns now_ = 0;

    [[nodiscard]] ns head(const naive_job& j) const { return j.again ? restart : 0; }
    [[nodiscard]] ns end_of(const naive_job& j) const {
        const ns left = j.work - j.progress;
        return j.start + head(j) + left + (left - 1) / every * pause;
    }
    [[nodiscard]] ns kept_by(const naive_job& j) const {
        const ns worked = now_ - j.start - head(j);
        return worked <= 0 ? 0 : worked / (every + pause) * every;
    }
    [[nodiscard]] ns next_saved(const naive_job& j) const {
        const ns into = now_ - j.start - head(j);
        return into <= 0 ? now_ : j.start + head(j) + (into + every + pause - 1) / (every + pause) * (every + pause);
    }
    template <class F>
    [[nodiscard]] std::int64_t count(std::size_t s, F f) const {
        std::int64_t n = 0;
        for (std::size_t i = sites[s].first; i != sites[s].first + sites[s].nodes; ++i) n += f(i) ? 1 : 0;
        return n;
    }
    [[nodiscard]] std::int64_t up(std::size_t s) const {
        return count(s, [this](std::size_t n) { return up_[n]; });
    }
    [[nodiscard]] std::int64_t free(std::size_t s) const {
        return count(s, [this](std::size_t n) { return up_[n] && !held_[n]; });
    }
    [[nodiscard]] bool any_waits(std::size_t s) const {
        return std::any_of(jobs.begin(), jobs.end(),
                           [s](const naive_job& j) { return j.state == is::queued && j.site == s; });
    }
    [[nodiscard]] std::int64_t on_way_to(std::size_t s) const {
        std::int64_t n = 0;
        for (const std::size_t i : on_way_) n += jobs[i].site == s ? static_cast<std::int64_t>(jobs[i].gpus) : 0;
        return n;
    }
    [[nodiscard]] double price(std::size_t s) const {
        double out = 0;
        for (const auto& [from, value] : sites[s].prices) out = from <= now_ ? value : out;
        return out;
    }
    /// With so many more GPUs free than there are.
    [[nodiscard]] double cost(std::size_t s, std::int64_t more) const {
        if (!balanced) return price(s);
        return up(s) == 0 ? 0.0 : -static_cast<double>(free(s) + more) / static_cast<double>(up(s));
    }
    void enter(std::size_t i, std::size_t s) {
        jobs[i].site = s;
        jobs[i].rank = ranks_++;
        jobs[i].state = is::queued;
    }
    void stop(naive_job& j) {
        j.progress += kept_by(j);
        for (const std::size_t n : j.held) held_[n] = false;
        j.held.clear();
        j.again = true;
        forget(j);
    }
    void forget(naive_job& j) {
        j.to = -1;
        j.leaves = no_time;
        std::erase(chosen_, static_cast<std::size_t>(&j - jobs.data()));
    }
    void submit(std::size_t i);
    void depart(std::size_t i);
    void look();
    void choose(std::size_t i);
    void pass(std::size_t s);
    void fail(std::size_t node);
    bool round(bool first);
};

void world::submit(std::size_t i) {
    naive_job& j = jobs[i];
    const auto gpus = static_cast<std::int64_t>(j.gpus);
    int best = -1, best_room = 0;
    double least = 0;
    for (std::size_t s = 0; s != sites.size(); ++s) {
        const bool at_once = !any_waits(s) && on_way_to(s) == 0 && gpus <= free(s);
        const int room = at_once ? 3 : gpus <= up(s) ? 2 : j.gpus <= sites[s].nodes ? 1 : 0;
        if (room == 0 || room < best_room) continue;
        if (room == best_room && !(cost(s, 0) < least)) continue;
        best = static_cast<int>(s);
        best_room = room;
        least = cost(s, 0);
    }
    if (j.home >= 0 && gpus <= up(static_cast<std::size_t>(j.home))) best = j.home;
    if (j.pinned >= 0) best = j.pinned;
    if (best < 0 || j.gpus > sites[static_cast<std::size_t>(best)].nodes) {
        j.state = is::rejected;
        ++ranks_;
    } else {
        enter(i, static_cast<std::size_t>(best));
    }
}

void world::depart(std::size_t i) {
    naive_job& j = jobs[i];
    const auto to = static_cast<std::size_t>(j.to);
    forget(j);
    if (any_waits(to) || static_cast<std::int64_t>(j.gpus) > free(to) - on_way_to(to)) {
        ++stayed;
        return;
    }
    stop(j);
    ++j.moves;
    j.site = to;
    j.state = is::moves;
    j.arrives = now_ + transfer;
    on_way_.push_back(i);
}

void world::look() {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        const naive_job& j = jobs[i];
        if (j.state == is::runs && j.pinned < 0 && j.to < 0 && (j.moved < 0 || now_ - j.moved >= min_stay))
            all.push_back(i);
    }
    std::sort(all.begin(), all.end(), [this](std::size_t a, std::size_t b) { return jobs[a].rank < jobs[b].rank; });
    for (const std::size_t i : all) choose(i);
}

void world::choose(std::size_t i) {
    naive_job& j = jobs[i];
    const auto gpus = static_cast<std::int64_t>(j.gpus);
    const auto goes_to = [this](std::size_t s) {
        std::int64_t n = on_way_to(s);
        for (const std::size_t k : chosen_)
            n += jobs[k].to == static_cast<int>(s) ? static_cast<std::int64_t>(jobs[k].gpus) : 0;
        return n;
    };
    const auto seen = [&](std::size_t s, std::int64_t more) {
        for (const std::size_t k : chosen_) more += jobs[k].site == s ? static_cast<std::int64_t>(jobs[k].gpus) : 0;
        return cost(s, more - goes_to(s));
    };
    const double here = seen(j.site, gpus);
    const double enough = balanced ? gain : gain * std::abs(here);
    int best = -1;
    for (std::size_t s = 0; s != sites.size(); ++s) {
        const double there = seen(s, 0);
        if (s == j.site || !(there < here) || here - there < enough) continue;
        if (any_waits(s) || gpus > free(s) - goes_to(s)) continue;
        if (best < 0 || there < seen(static_cast<std::size_t>(best), 0)) best = static_cast<int>(s);
    }
    if (best < 0) return;
    j.to = best;
    chosen_.push_back(i);
    if (next_saved(j) < end_of(j)) j.leaves = next_saved(j);
}

void world::pass(std::size_t s) {
    for (;;) {
        naive_job* first = nullptr;
        for (naive_job& j : jobs) {
            if (j.state == is::queued && j.site == s && (first == nullptr || j.rank < first->rank)) first = &j;
        }
        if (first == nullptr || static_cast<std::int64_t>(first->gpus) > free(s)) return;
        for (std::size_t n = sites[s].first; first->held.size() != first->gpus; ++n) {
            if (!up_[n] || held_[n]) continue;
            held_[n] = true;
            first->held.push_back(n);
        }
        first->state = is::runs;
        first->start = now_;
        first->starts.emplace_back(now_, first->held.front());
    }
}

void world::fail(std::size_t node) {
    up_[node] = false;
    for (naive_job& j : jobs) {
        if (j.state != is::runs || std::find(j.held.begin(), j.held.end(), node) == j.held.end()) continue;
        stop(j);
        ++j.failures;
        j.state = is::queued;
    }
}

/// Has anything happened?
bool world::round(bool first) {
    bool any = false;
    for (naive_job& j : jobs) {
        if (j.state != is::runs || end_of(j) != now_) continue;
        for (const std::size_t n : j.held) held_[n] = false;
        j.state = is::finished;
        j.finish = now_;
        forget(j);
        any = true;
    }
    const std::vector<std::size_t> chosen = chosen_, on_way = on_way_;
    for (const std::size_t i : chosen) {
        if (jobs[i].leaves != now_) continue;
        depart(i);
        any = true;
    }
    for (const naive_outage& o : outages) {
        if (first && o.start == now_) fail(o.node);
        if (first && o.end == now_) up_[o.node] = true;
    }
    for (const std::size_t i : on_way) {
        if (jobs[i].arrives != now_) continue;
        std::erase(on_way_, i);
        enter(i, jobs[i].site);
        jobs[i].moved = now_;
        any = true;
    }
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        if (first && jobs[i].submit == now_) submit(i);
    }
    if (first && now_ % interval == 0) look();
    for (std::size_t s = 0; s != sites.size(); ++s) pass(s);
    return any;
}

void world::run() {
    up_.assign(sites.back().first + sites.back().nodes, true);
    held_.assign(up_.size(), false);
    for (now_ = -1;;) {
        ns next = no_time;
        const auto due = [&](ns t) { next = t > now_ ? std::min(next, t) : next; };
        bool any = false;
        for (const naive_job& j : jobs) {
            if (j.state == is::to_come) due(j.submit);
            if (j.state == is::runs) due(end_of(j));
            if (j.state == is::moves) due(j.arrives);
            due(j.leaves);
            any = any || (j.state != is::finished && j.state != is::rejected);
        }
        if (!any) return;
        for (const naive_outage& o : outages) {
            due(o.start);
            due(o.end);
        }
        due((now_ / interval + (now_ < 0 ? 0 : 1)) * interval);
        now_ = next;
        round(true);
        while (round(false)) {
        }
    }
}

world random_world(std::uint64_t seed) {
    naive::test_random random(seed ^ 0x6D6F766573U);
    world w;
    const auto odd = [&random](ns low, ns high) { return random.between(low * second, high * second); };
    const std::int64_t count = random.between(2, 4);
    for (std::int64_t s = 0; s != count; ++s) {
        naive_site& made = w.sites.emplace_back();
        made.first =
            s == 0 ? 0
                   : w.sites[static_cast<std::size_t>(s) - 1].first + w.sites[static_cast<std::size_t>(s) - 1].nodes;
        made.nodes = static_cast<std::size_t>(random.between(2, 9));
        for (ns from = 0; from < 4000 * second; from += odd(50, 800))
            made.prices.emplace_back(from, static_cast<double>(random.between(1, 12)) - (seed % 5 == 0 ? 4 : 0));
        for (std::size_t n = 1; n != made.nodes; ++n) {  // a site never goes dark
            if (random.chance(70)) continue;
            const ns start = odd(1, 1500);
            w.outages.push_back({.start = start, .end = start + odd(1, 300), .node = made.first + n});
        }
    }
    ns submit = 0;
    for (std::int64_t i = random.between(1, 40); i != 0; --i) {
        naive_job& j = w.jobs.emplace_back();
        submit += odd(0, seed % 3 == 0 ? 20 : 120);
        j.submit = submit;
        j.gpus = static_cast<std::size_t>(random.between(1, random.chance(30) ? 9 : 3));
        j.work = odd(1, 600);
        if (random.chance(15)) j.pinned = static_cast<int>(random.between(0, count - 1));
        if (random.chance(25)) j.home = static_cast<int>(random.between(0, count - 1));
    }
    w.every = odd(5, 60);
    w.pause = random.chance(30) ? 0 : odd(1, 10);
    w.restart = random.chance(30) ? 0 : odd(1, 20);
    w.transfer = random.chance(30) ? 0 : odd(1, 120);
    w.interval = odd(10, 100);
    w.min_stay = random.chance(30) ? 0 : odd(1, 300);
    w.gain = static_cast<double>(random.between(0, 4)) / 10;
    w.balanced = seed % 2 == 1;
    return w;
}

/// When each job started, and on which node first.
struct start_list final : sim::observer {
    void on_start(const sim::job_start& s) override {
        std::size_t node = std::numeric_limits<std::size_t>::max();
        for (const fleet::gpu_share& share : s.where) node = std::min(node, static_cast<std::size_t>(share.node));
        of.at(s.source).emplace_back(ticks(s.at), node);
    }
    std::vector<std::vector<std::pair<ns, std::size_t>>> of{};
};

std::vector<node_id> nodes_of(const naive_site& s) {
    std::vector<node_id> out;
    for (std::size_t n = 0; n != s.nodes; ++n) out.push_back(node_id{static_cast<std::uint32_t>(s.first + n)});
    return out;
}

sim::parts parts_of(const world& w) {
    const std::size_t nodes = w.sites.back().first + w.sites.back().nodes;
    sim::parts p{
        .fleet = fleet::fleet_state::flat_nodes(static_cast<std::uint32_t>(nodes), 1),
        .policy = policy::make_policy("fifo", {}),
        .placer = policy::make_placer("first-fit"),
        .preemption = {
            .checkpoint_interval = duration{w.every}, .checkpoint = duration{w.pause}, .restart = duration{w.restart}}};
    for (const naive_outage& o : w.outages)
        p.outages.push_back({.start = instant{duration{o.start}},
                             .end = instant{duration{o.end}},
                             .nodes = {node_id{static_cast<std::uint32_t>(o.node)}}});
    for (const naive_site& s : w.sites) {
        std::vector<instant> begins;
        std::vector<double> values;
        for (const auto& [from, value] : s.prices) {
            begins.push_back(instant{duration{from}});
            values.push_back(value);
        }
        const auto series = std::make_shared<const step_series<double>>(begins, values, never, outside::held);
        p.sites.sites.push_back({.name = "s", .nodes = nodes_of(s), .price = power::signal{series, {}}});
    }
    p.sites.place = w.balanced ? site_preference::balanced : site_preference::cheapest;
    p.sites.transfer = duration{w.transfer};
    p.sites.migrate = {.interval = duration{w.interval}, .gain = w.gain, .min_stay = duration{w.min_stay}};
    p.sites.make_policy = [] { return policy::make_policy("fifo", {}); };
    p.sites.make_placer = [] { return policy::make_placer("first-fit"); };
    for (std::size_t i = 0; i != w.jobs.size(); ++i) {
        // A source for each, as homes are those of sources.
        const naive_job& j = w.jobs[i];
        workload::job_request r = gpu_job(static_cast<std::uint32_t>(j.gpus), duration{j.work}, duration{j.submit});
        r.name = static_cast<std::int64_t>(i);
        p.sources.push_back(std::make_unique<workload::vector_source>(std::vector{r}));
        p.sites.pinned.push_back(static_cast<std::uint16_t>(1 + j.pinned));
        p.sites.homes.push_back(static_cast<std::uint16_t>(1 + j.home));
    }
    return p;
}

std::string text_of(const std::vector<std::pair<ns, std::size_t>>& starts) {
    std::string out;
    for (const auto& [when, node] : starts) out += std::to_string(when) + " on " + std::to_string(node) + "; ";
    return out;
}

/// Number of moves, and of those that came to nothing.
std::pair<std::uint64_t, std::uint64_t> compare(std::uint64_t seed) {
    INFO("seed " << seed);
    world w = random_world(seed);
    start_list seen;
    seen.of.resize(w.jobs.size());
    sim::parts p = parts_of(w);
    p.observers = {&seen};
    sim::simulation s{std::move(p)};
    s.run();
    const sim::summary& sums = s.results();
    w.run();
    std::uint64_t moves = 0;
    for (std::size_t i = 0; i != w.jobs.size(); ++i) {
        INFO("job " << i);
        const naive_job& j = w.jobs[i];
        const sim::job_record& r = s.records(i)[0];
        REQUIRE(text_of(seen.of[i]) == text_of(j.starts));
        REQUIRE((r.state == sim::outcome::rejected) == (j.state == naive_job::is::rejected));
        if (r.state == sim::outcome::rejected) continue;
        REQUIRE(ticks(r.finish) == j.finish);
        REQUIRE(r.preemptions == j.moves);
        REQUIRE(r.restarts == j.failures);
        moves += j.moves;
    }
    CHECK(sums.migrations->moves == moves);
    CHECK(sums.migrations->stayed == w.stayed);
    return {moves, w.stayed};
}

}  // namespace

TEST_CASE("jobs move between sites as the rule reads") {
    std::uint64_t all = 0, none = 0;
    const std::size_t cases = random_cases(2000);
    for (std::uint64_t seed = 0; seed != cases; ++seed) {
        const auto [moves, stayed] = compare(seed);
        all += moves;
        none += stayed;
    }
    CHECK(all > 2 * cases);
    CHECK(none > cases / 20);
}

TEST_CASE("whatever moves between sites no job and no GPU-time is lost, and runs repeat") {
    using std::chrono::hours;
    using std::chrono::minutes;
    using std::chrono::seconds;
    std::uint64_t moved = 0;
    for (const auto& d : policy::policies()) {
        const std::string policy{d.name};
        if (policy == "explain" || policy == "round") continue;
        for (std::uint64_t seed = 1; seed != 4; ++seed) {
            INFO(policy << " seed " << seed);
            const auto run = [&] {
                sim::parts p = test::parts_of(random_jobs(seed, 150, seed == 2), policy);
                const std::vector<std::pair<std::uint32_t, std::uint32_t>> all{{0, 12}, {12, 18}, {18, 30}};
                for (const auto& [first, last] : all) {
                    p.sites.sites.push_back({.name = "s", .nodes = {}});
                    for (std::uint32_t n = first; n != last; ++n) p.sites.sites.back().nodes.push_back(node_id{n});
                }
                p.sites.make_policy = [policy] { return policy::make_policy(policy, {}); };
                p.sites.make_placer = [] { return policy::make_placer("first-fit"); };
                p.preemption = {.checkpoint_interval = minutes{5}, .checkpoint = seconds{5}, .restart = seconds{30}};
                p.sites.transfer = minutes{seed == 3 ? 17 : 0};
                p.sites.migrate = {.interval = minutes{45}, .gain = 0.05, .min_stay = hours{2}};
                random_stream draw{seed, purpose::test, 1};
                instant when = start_of_time;
                for (int i = 0; i != 30; ++i) {
                    when += minutes{draw.below(200)};
                    const auto n = static_cast<std::uint32_t>(draw.below(27));
                    p.outages.push_back({.start = when,
                                         .end = when + minutes{1 + draw.below(600)},
                                         .nodes = {node_id{n}, node_id{n + 1}, node_id{n + 2}}});
                }
                sim::simulation s{std::move(p)};
                s.run();
                const sim::summary sums = s.results();  // or an exception: the books do not balance
                const auto records = s.records(0);
                return std::pair{sums, std::vector<sim::job_record>(records.begin(), records.end())};
            };
            const auto [sums, records] = run();
            sim::reserved_jobs of;
            std::uint64_t came = 0, left = 0, outside = 0;
            for (const sim::site_result& r : sums.sites) {
                of.held += r.jobs.held;
                of.idle += r.jobs.idle;
                of.down += r.jobs.down;
                came += r.came;
                left += r.left;
                CHECK(r.jobs.submitted + r.came == r.jobs.finished + r.left);
            }
            for (const sim::job_record& r : records) outside += r.state == sim::outcome::rejected ? 1U : 0U;
            CHECK(sums.finished + outside == sums.submitted);
            CHECK(came == left);
            CHECK(came >= sums.migrations->moves);
            CHECK(sums.preemptions >= sums.migrations->moves);
            CHECK(of.held + of.idle + of.down == sums.books.capacity);
            CHECK(of.held == sums.books[account::useful] + sums.books[account::lost] + sums.books[account::checkpoint] +
                                 sums.books[account::restart] + sums.books[account::stalled]);
            moved += sums.migrations->moves;

            const auto [again, same] = run();
            CHECK(again.books == sums.books);
            CHECK(std::equal(records.begin(), records.end(), same.begin(), same.end(),
                             [](const sim::job_record& a, const sim::job_record& b) {
                                 return a.first_start == b.first_start && a.finish == b.finish &&
                                        a.useful == b.useful && a.preemptions == b.preemptions;
                             }));
        }
    }
    CHECK(moved > 500);
}

TEST_CASE("campaigns that move lose nothing, share what they write to, and take all of their bytes along") {
    using std::chrono::seconds;
    std::uint64_t moved = 0, lost = 0;
    const std::size_t cases = random_cases(200);
    for (std::uint64_t seed = 0; seed != cases; ++seed) {
        INFO("seed " << seed);
        naive::test_random random(seed ^ 0x63616D70U);
        world w = random_world(2 * seed);  // by price
        w.jobs.clear();
        const bool fails = random.chance(50);
        if (!fails) w.outages.clear();
        sim::parts p = parts_of(w);
        p.store_b_s = 50;
        p.sites.migrate->bandwidth_b_s = 20;
        std::vector<workload::job_request> jobs;
        std::vector<double> bytes;
        const std::int64_t count = random.between(2, 6);
        for (std::int64_t row = 0; row != count; ++row) {
            const bool elastic = random.chance(30);
            execution::training_terms t{.name = std::to_string(row),
                                        .steps = static_cast<std::uint64_t>(random.between(200, 2000)),
                                        .step = seconds{1},
                                        .checkpoint = {.interval = seconds{random.between(10, 90)},
                                                       .blocking = seconds{random.between(0, 5)},
                                                       .bytes = static_cast<double>(random.between(0, 3) * 300),
                                                       .asynchronous = random.chance(60)},
                                        .restart = seconds{random.between(0, 20)}};
            if (elastic)
                t.elastic = {.gpus_min = 1,
                             .gpus_max = 4,
                             .reconfigure = seconds{random.between(0, 9)},
                             .on_loss = execution::node_loss::reloads};
            workload::job_request j = gpu_job(2, execution::work_of(t), seconds{random.between(0, 300)});
            j.row = static_cast<std::uint64_t>(row);
            j.training = static_cast<std::uint16_t>(1 + row);
            if (elastic) {
                j.kind = workload::job_kind::elastic;
                j.gpus_min = 1;
                j.gpus_max = 4;
            }
            bytes.push_back(t.checkpoint.bytes);
            p.trainings.push_back(std::move(t));
            jobs.push_back(j);
        }
        std::stable_sort(jobs.begin(), jobs.end(), [](const auto& a, const auto& b) { return a.submit < b.submit; });
        for (std::size_t i = 0; i != jobs.size(); ++i) jobs[i].row = i;
        p.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
        const std::string policy = seed % 2 == 0 ? "fifo" : "elastic";
        p.policy = policy::make_policy(policy, {});
        p.sites.make_policy = [policy] { return policy::make_policy(policy, {}); };
        sim::simulation s{std::move(p)};
        s.run();
        const sim::summary& sums = s.results();  // or an exception: the books do not balance
        CHECK(sums.finished == sums.submitted);
        std::uint64_t moves = 0;
        double carried = 0;
        for (std::size_t i = 0; i != sums.trainings.size(); ++i) {
            moves += *sums.trainings[i].moves;
            carried += static_cast<double>(*sums.trainings[i].moves) * bytes[i];
        }
        CHECK(moves == sums.migrations->moves);
        CHECK(moves == sums.preemptions);
        CHECK(carried == sums.migrations->bytes);
        if (!fails) CHECK(sums.books[account::lost] == 0);
        lost += sums.books[account::lost] != 0 ? 1U : 0U;
        moved += moves;
    }
    CHECK(moved > cases);
    CHECK(lost != 0);
}
