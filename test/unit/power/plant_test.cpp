// The power of a running fleet: the tree over its racks, failover of each topology, limits, trips, feeds that are lost;
// against hand arithmetic and against a plant that is built anew.
#include "support/catch.hpp"
#include "support/random_workload.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/power/plant.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::power;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

const hardware::rack& gb300() {
    static const auto rack = io::read_model<hardware::rack>("gb300-nvl72").value;
    return rack;
}

/// Racks of 18 nodes of 4 GPUs on one site, in rows of so many.
plant_plan racks(std::uint32_t count, const std::string& topology, std::uint32_t per_row, bool trips = false) {
    plant_plan p;
    p.models = {{.node = gb300().node, .rack = gb300()}};
    for (std::uint32_t i = 0; i != count; ++i) p.units.push_back({.first_node = 18 * i, .nodes = 18});
    p.sites = {{.name = "iad",
                .units = count,
                .halls = {.topology = io::read_model<hardware::power_topology>(topology).value,
                          .units_per_row = per_row,
                          .trips = trips}}};
    return p;
}

std::vector<fleet::gpu_share> whole_racks(std::uint32_t first, std::uint32_t last) {
    std::vector<fleet::gpu_share> out;
    for (std::uint32_t n = 18 * first; n != 18 * last; ++n) out.push_back({.node = node_id{n}, .gpus = 0xF});
    return out;
}

/// Does all that is due until `to`, in the order of the simulation; names what was lost.
struct driver {
    plant p;
    std::set<std::uint32_t> lost{};
    std::uint64_t repaced = 0;

    explicit driver(plant_plan plan) : p(std::move(plan)) {}
    void run(instant to) {
        while (true) {
            const instant next = std::min(p.next_change(), p.next_control());
            if (next > to) return;
            if (p.next_change() == next) {
                const auto& o = p.change(next);
                for (const node_id n : o.lost) CHECK(lost.insert(static_cast<std::uint32_t>(n)).second);
                for (const node_id n : o.back) CHECK(lost.erase(static_cast<std::uint32_t>(n)) == 1);
            }
            if (p.next_control() == next) repaced += p.control(next).repaced.size();
        }
    }
    [[nodiscard]] double load_of(const std::string& name) const {
        return static_cast<double>(p.tree().devices().output(*p.tree().find(name))) * 1e-6;
    }
};

instant at(duration d) { return start_of_time + d; }

}  // namespace

TEST_CASE("a hall's sources are planned for the same power and carry the loss of one", "[power][plant]") {
    struct topology {
        std::string name;
        std::uint32_t rows;
        double before, after;  // load of a source over what it is built for, all racks at nameplate
    };
    // 2N: half, then all. 3N/2: two thirds. 4N/3: three quarters, each survivor a third more. N+1: 4 of 5.
    for (const auto& [name, rows, before, after] : std::vector<topology>{{"single", 2, 1.0, 0.0},
                                                                         {"2n", 3, 0.5, 1.0},
                                                                         {"3n2", 6, 2.0 / 3, 1.0},
                                                                         {"4n3", 6, 0.75, 1.0},
                                                                         {"n-plus-1", 4, 0.8, 1.0}}) {
        CAPTURE(name);
        power_tree t{{{.node = gb300().node, .rack = gb300()}},
                     racks(rows * 2, name, 2).units,
                     {racks(rows * 2, name, 2).sites[0]}};
        REQUIRE(t.rows().size() == rows);
        for (std::uint32_t u = 0; u != t.units().size(); ++u)
            t.devices().set_load(at({}), t.device_of(u), 142'000'000'000);
        const auto& sources = t.halls()[0].sources;
        const auto share = [&](std::size_t i) {
            const double load = static_cast<double>(t.devices().output(sources[i]));
            return load / (load + static_cast<double>(t.devices().headroom(sources[i])));
        };
        for (std::size_t i = 0; i != sources.size(); ++i) CHECK(share(i) == Approx(before).margin(0.01));
        t.devices().set_failed(at(seconds{1}), sources[0], true, [](device_id, bool) {});
        CHECK(share(0) == 0);
        for (std::size_t i = 1; i != sources.size(); ++i) CHECK(share(i) == Approx(after).margin(0.01));
        // No rack loses power, but of a single source all do.
        for (std::uint32_t u = 0; u != t.units().size(); ++u)
            CHECK(t.devices().is_live(t.device_of(u)) == (sources.size() > 1));
    }
}

TEST_CASE("a spare block takes the whole load of a lost one, and none before", "[power][plant]") {
    driver d{racks(8, "block-redundant", 1)};
    d.p.start(at({}), {.where = whole_racks(0, 8)});
    const double each = d.load_of("iad/hall-0/source-0");
    for (int i = 1; i != 4; ++i) CHECK(d.load_of("iad/hall-0/source-" + std::to_string(i)) == Approx(each));
    CHECK(d.load_of("iad/hall-0/source-4") == 0);
    plant_plan p = racks(8, "block-redundant", 1);
    p.events.push_back({.start = at(hours{1}), .end = at(hours{2}), .device = "iad/hall-0/source-2"});
    driver e{std::move(p)};
    e.p.start(at({}), {.where = whole_racks(0, 8)});
    e.run(at(hours{1}));
    CHECK(e.load_of("iad/hall-0/source-2") == 0);
    CHECK(e.load_of("iad/hall-0/source-4") == Approx(each));
    e.run(at(hours{2}));
    CHECK(e.load_of("iad/hall-0/source-2") == Approx(each));
    CHECK(e.lost.empty());
}

TEST_CASE("devices are found by the names that they have", "[power][plant]") {
    plant_plan p = racks(10, "4n3", 2);
    p.sites[0].units = 6;
    p.sites[0].halls.rows_per_hall = 2;
    p.sites.push_back(p.sites[0]);
    p.sites[1].name = "dub";
    p.sites[1].units = 4;
    const power_tree t{p.models, p.units, p.sites};
    CHECK(t.halls().size() == 3);
    CHECK(t.rows().size() == 5);
    std::set<device_id> seen;
    for (const std::string& name : t.names()) {
        CAPTURE(name);
        REQUIRE(t.find(name));
        CHECK(t.name_of(*t.find(name)) == name);
        CHECK(seen.insert(*t.find(name)).second);
    }
    CHECK(t.names().size() == 2 + 3 * 4 + 5);
    CHECK(t.name_of(t.device_of(7)) == "rack-7");
    CHECK(t.find("rack-7") == t.device_of(7));
    for (const char* wrong : {"", "lhr", "iad/hall-2", "iad/hall-0/source-4", "iad/hall-0/row-2", "rack-10", "rack-1x",
                              "hall-0/row-0", "iadx", "iad/", "iad/hall-0/row-0/"})
        CHECK_FALSE(t.find(wrong));
    // Every device has a place, and every unit is in its row, hall and site.
    for (std::size_t i = 0; i != t.devices().size(); ++i)
        CHECK_FALSE(t.name_of(device_id{static_cast<std::uint32_t>(i)}).empty());
    for (std::uint32_t u = 0; u != 10; ++u) {
        const auto& row = t.rows()[t.row_of(u)];
        CHECK((row.units.first <= u && u < row.units.last));
        CHECK(t.site_of(u) == (u < 6 ? 0U : 1U));
    }
}

TEST_CASE("a row that is appended has power and leaves the others as they were", "[power][plant]") {
    const plant_plan p = racks(4, "2n", 2);
    power_tree t{p.models, p.units, p.sites};
    const auto before = t.devices().output(t.sites()[0].bus);
    const auto row = t.append_row(0, 3);
    CHECK(row == 2);
    CHECK(t.num_nodes() == 7 * 18);
    CHECK(t.unit_of(7 * 18 - 1) == 6);
    CHECK(t.devices().is_live(t.device_of(6)));
    CHECK(t.devices().output(t.sites()[0].bus) == before);
    t.devices().set_load(at({}), t.device_of(6), 1'000'000);
    CHECK(t.devices().output(t.sites()[0].bus) > before);
    CHECK(t.find("iad/hall-1/row-0") == t.rows()[2].device);
}

TEST_CASE("what jobs leave behind is what was there before them, at every level", "[power][plant]") {
    for (std::uint64_t seed = 0; seed != 20; ++seed) {
        CAPTURE(seed);
        naive::test_random random(seed);
        driver d{racks(6, "4n3", 1)};
        const plant fresh{racks(6, "4n3", 1)};
        struct job {
            plant::load l;
            std::vector<fleet::gpu_share> where;
        };
        std::vector<job> jobs;
        std::vector<std::uint64_t> held(6 * 18, 0);
        std::int64_t now = 0;
        for (int i = 0; i != 300; ++i) {
            now += random.between(0, 5);
            if (!jobs.empty() && random.between(0, 2) == 0) {
                const auto k = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(jobs.size()) - 1));
                std::swap(jobs[k], jobs.back());
                jobs.back().l.where = jobs.back().where;
                d.p.stop(at(seconds{now}), jobs.back().l);
                for (const auto& s : jobs.back().where) held[index(s.node)] &= ~s.gpus;
                jobs.pop_back();
                continue;
            }
            job j;
            j.l.what = static_cast<phase>(random.between(0, 9));
            j.l.priority = static_cast<std::int32_t>(random.between(0, 1));
            for (auto n = static_cast<std::uint32_t>(random.between(0, 100)); n < 108; n += 7) {
                const std::uint64_t free = ~held[n] & 0xF;
                const std::uint64_t gpus = free & static_cast<std::uint64_t>(random.between(1, 15));
                if (gpus == 0) continue;
                held[n] |= gpus;
                j.where.push_back({.node = node_id{n}, .gpus = gpus});
            }
            j.l.where = j.where;
            d.p.start(at(seconds{now}), j.l);
            jobs.push_back(std::move(j));
            // Books: what the utility delivers is what arrives and what is lost on the way.
            microwatts losses = 0;
            for (std::size_t k = 0; k != d.p.tree().devices().size(); ++k)
                losses += d.p.tree().devices().loss(device_id{static_cast<std::uint32_t>(k)});
            CHECK(d.p.drawn(0) == d.p.it(0) + losses);
        }
        for (job& j : jobs) {
            j.l.where = j.where;
            d.p.stop(at(seconds{now}), j.l);
        }
        CHECK(d.p.it(0) == fresh.it(0));
        CHECK(d.p.drawn(0) == fresh.drawn(0));
        for (std::size_t k = 0; k != fresh.tree().devices().size(); ++k) {
            const device_id id{static_cast<std::uint32_t>(k)};
            CHECK(d.p.tree().devices().output(id) == fresh.tree().devices().output(id));
        }
    }
}

TEST_CASE("changes of one instant that are gathered come to what each of them comes to", "[power][plant]") {
    constexpr std::uint32_t num_racks = 12;
    struct job {
        phase what = phase::gemm_bf16;
        std::int32_t priority = 0;
        std::vector<fleet::gpu_share> where;
    };
    std::size_t differing = 0, busy = 0;
    for (const char* const topology : {"4n3", "2n", "block-redundant"}) {
        naive::test_random random(std::string{topology}.size());
        plant one(racks(num_racks, topology, 4)), many(racks(num_racks, topology, 4));
        many.gather();
        std::vector<job> jobs;
        std::vector<std::uint64_t> taken(18U * num_racks, 0);
        const auto compare = [&](instant now) {
            differing += one.it(0) != many.it(0) || one.drawn(0) != many.drawn(0);
            const delivery &a = one.tree().devices(), &b = many.tree().devices();
            for (std::uint32_t d = 0; d != a.size(); ++d) {
                const device_id id{d};
                differing += a.output(id) != b.output(id) || a.input(id) != b.input(id) ||
                             a.energy_in(id, now) != b.energy_in(id, now) ||
                             a.energy_lost(id, now) != b.energy_lost(id, now);
            }
            for (std::uint32_t n = 0; n != taken.size(); ++n)
                differing += one.node_input(node_id{n}) != many.node_input(node_id{n});
        };
        instant now = start_of_time;
        for (int step = 0; step != 150; ++step) {
            now += seconds{random.between(1, 5000)};
            for (std::int64_t change = random.between(1, 6); change != 0; --change) {
                if (!jobs.empty() && random.chance(50)) {
                    const auto i =
                        static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(jobs.size()) - 1));
                    const plant::load l{.what = jobs[i].what, .priority = jobs[i].priority, .where = jobs[i].where};
                    one.stop(now, l);
                    many.stop(now, l);
                    for (const auto& s : jobs[i].where) taken[index(s.node)] &= ~s.gpus;
                    jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(i));
                } else {
                    job j{.what = random.chance(50) ? phase::gemm_fp8 : phase::decode_gemm,
                          .priority = random.chance(50) ? 0 : 5,
                          .where = {}};
                    const auto first = static_cast<std::uint32_t>(random.between(0, 18 * num_racks - 1));
                    for (std::uint32_t n = first; n < 18 * num_racks && n != first + 40; ++n) {
                        const std::uint64_t mask = random.chance(80) ? 0xFU : random.next() & 0xFU;
                        if (const std::uint64_t gpus = mask & ~taken[n]; gpus != 0)
                            j.where.push_back({.node = node_id{n}, .gpus = gpus});
                    }
                    for (const auto& s : j.where) taken[index(s.node)] |= s.gpus;
                    const plant::load l{.what = j.what, .priority = j.priority, .where = j.where};
                    one.start(now, l);
                    many.start(now, l);
                    busy += j.where.size();
                    jobs.push_back(std::move(j));
                }
                for (std::uint32_t u = 0; u != num_racks; ++u) differing += one.used(u, now) != many.used(u, now);
            }
            many.settle();
            compare(now);
            const instant later = now + seconds{1};
            compare(later);
            for (std::uint32_t u = 0; u != num_racks; ++u) differing += one.used(u, later) != many.used(u, later);
        }
    }
    CHECK(differing == 0);
    CHECK(busy > 3000);
}

TEST_CASE("a uniform limit holds a feed at its target from the tick and the latency on", "[power][plant][caps]") {
    plant_plan p = racks(8, "single", 8);
    p.controls.push_back({.at = power_tree::level::row,
                          .policy = make_cap_policy("uniform", {}),
                          .period = seconds{3},
                          .latency = milliseconds{100}});
    p.events.push_back({.start = at(minutes{10}),
                        .end = at(minutes{20}),
                        .what = feed_event::kind::limit,
                        .device = "hall-0/row-0",
                        .limit_w = 0.8e6});
    driver d{std::move(p)};
    d.p.in_pass(true);
    const auto where = whole_racks(0, 8);
    const plant::load all{.where = where};
    d.p.start(at({}), all);
    d.p.in_pass(false);
    const double uncapped = d.load_of("hall-0/row-0");
    CHECK(uncapped > 0.95e6);
    d.run(at(minutes{10} + milliseconds{99}));
    CHECK(d.load_of("hall-0/row-0") == uncapped);
    CHECK(d.p.pace(all) == 1);
    // 10 min is a multiple of the period: seen at once, in force 100 ms later.
    d.run(at(minutes{10} + milliseconds{100}));
    CHECK(d.load_of("hall-0/row-0") < 0.95 * 0.8e6 + 1);
    d.run(at(minutes{19}));
    const double capped = d.load_of("hall-0/row-0");
    CHECK(capped <= 0.8e6);
    CHECK(capped > 0.70e6);
    // The pace is that of the fit, at the limit over what the GPU draws within its module.
    const permille k = d.p.limits_of(0)[0];
    const hardware::gpu_power& gpu = gb300().node.gpu.power;
    const double bound =
        std::min(gpu.phases.gemm_bf16_w,
                 (gb300().node.modules->count * gb300().node.modules->limit_w - gb300().node.power.cpus_w) / 4);
    const double share = std::max(gpu.lowest_limit_w.value_or(0), std::floor(gpu.limit_w * k / 1000)) / bound;
    CHECK(d.p.pace(all) == Approx(1 - gpu.compute_bound.loss * std::pow(1 - share, gpu.compute_bound.exponent)));
    CHECK(d.p.pace(all) < 1);
    // Decode of attention draws less than the limit: it does not feel it.
    if (gpu.phases.decode_attention_w < share * bound)
        CHECK(d.p.pace({.what = phase::decode_attention, .where = all.where}) == 1);
    // The limit is over: all power is back.
    d.run(at(minutes{21}));
    CHECK(d.load_of("hall-0/row-0") == uncapped);
    CHECK(d.p.pace(all) == 1);
    // Nothing changes any more, so nobody looks.
    CHECK(d.p.next_control() == never);
    CHECK(d.p.trips().empty());
}

TEST_CASE("jobs of low priority give first, and a demand response takes its share of the load",
          "[power][plant][caps]") {
    const auto run = [](const std::string& policy, double cut) {
        plant_plan p = racks(8, "2n", 4);
        p.controls.push_back(
            {.at = power_tree::level::site, .policy = make_cap_policy(policy, {}), .period = seconds{9}});
        p.events.push_back(
            {.start = at(hours{1}), .end = at(hours{3}), .what = feed_event::kind::cut, .device = "iad", .share = cut});
        return std::make_unique<driver>(std::move(p));
    };
    const auto low = whole_racks(0, 4);
    const auto high = whole_racks(4, 8);
    const plant::load of_low{.priority = 0, .where = low};
    const plant::load of_high{.priority = 1, .where = high};
    const auto start = [&](driver& d) {
        d.p.start(at({}), of_low);
        d.p.start(at({}), of_high);
    };
    auto d = run("priority", 0.10);
    start(*d);
    const double before = d->load_of("iad");
    d->run(at(hours{2}));
    CHECK(d->load_of("iad") < 0.9 * before);
    CHECK(d->load_of("iad") > 0.80 * before);
    CHECK(d->p.pace(of_low) < 1);
    CHECK(d->p.pace(of_high) == 1);
    auto u = run("uniform", 0.10);
    start(*u);
    u->run(at(hours{2}));
    CHECK(u->load_of("iad") < 0.9 * before);
    CHECK(u->p.pace(of_low) == u->p.pace(of_high));
    CHECK(u->p.pace(of_high) < 1);
    CHECK(u->p.pace(of_low) > d->p.pace(of_low));
    // More than the low ones can give: the others give, too.
    auto deep = run("priority", 0.5);
    start(*deep);
    deep->run(at(hours{2}));
    CHECK(deep->load_of("iad") < 0.5 * before);
    CHECK(deep->p.pace(of_high) < 1);
    CHECK(deep->p.pace(of_low) < deep->p.pace(of_high));
    deep->run(at(hours{4}));
    CHECK(deep->load_of("iad") == before);
}

TEST_CASE("two thresholds limit by steps, with hysteresis", "[caps]") {
    const auto policy = make_cap_policy("two-threshold", {});
    class_limits now{no_limit, no_limit};
    const auto look = [&](double load) {
        now = policy->decide({.load_w = load, .limit_w = 1, .now = now, .gpus = {}});
        return now;
    };
    CHECK(look(0.79) == class_limits{1000, 1000});
    CHECK(look(0.80) == class_limits{904, 1000});
    CHECK(look(0.76) == class_limits{904, 1000});
    CHECK(look(0.90) == class_limits{787, 926});
    CHECK(look(0.85) == class_limits{787, 926});
    CHECK(look(0.83) == class_limits{904, 1000});
    CHECK(look(0.74) == class_limits{1000, 1000});
    CHECK(look(0.95) == class_limits{787, 926});
    CHECK(look(0.10) == class_limits{1000, 1000});
}

TEST_CASE("a lower target never leaves a GPU more power", "[caps]") {
    naive::test_random random(7);
    for (int round = 0; round != 200; ++round) {
        std::vector<gpu_load> gpus;
        for (int i = 0; i != 4; ++i) {
            gpu_load g{.of = static_cast<priority_class>(random.between(0, 1)),
                       .gpus = static_cast<double>(random.between(1, 100)),
                       .draw_w = static_cast<double>(random.between(200, 1400)),
                       .limit_w = 1400,
                       .lowest_w = 200};
            g.now_w = g.draw_w;
            gpus.push_back(g);
        }
        double drawn = 0;
        for (const auto& g : gpus) drawn += g.gpus * g.draw_w;
        for (const std::string name : {"uniform", "priority"}) {
            const auto policy = make_cap_policy(name, {.bands = {.trigger = 1, .target = 1, .release = 1}});
            double last = drawn + 1;
            for (double limit = 0.95 * drawn; limit > 0.2 * drawn; limit *= 0.95) {
                const capped_feed f{.load_w = drawn, .limit_w = limit, .gpus = gpus};
                const double left = f.gpus_w(policy->decide(f));
                CHECK(left <= last);
                double least = 0;
                for (const auto& g : gpus) least += g.gpus * std::min(g.draw_w, 200.0);
                CHECK(left <= std::max(limit, least) + 1e-6);
                // By at most a step of every GPU below what is asked for.
                CHECK((left >= limit - 2 * 401 || name == "priority"));
                last = left;
            }
        }
    }
}

TEST_CASE("a cap policy that leaves a feed unseen decides to leave it", "[power][plant][caps]") {
    naive::test_random random(23);
    for (const std::string name : {"uniform", "priority", "two-threshold"}) {
        const auto policy = make_cap_policy(name, {});
        int left = 0, changed = 0;
        for (int round = 0; round != 2000; ++round) {
            const auto limit = [&] {
                constexpr std::array<permille, 5> some{no_limit, 926, 904, 787, 500};
                return some.at(static_cast<std::size_t>(random.between(0, 4)));
            };
            std::vector<gpu_load> gpus(3);
            for (gpu_load& g : gpus)
                g = {.of = static_cast<priority_class>(random.between(0, 1)),
                     .gpus = static_cast<double>(random.between(1, 100)),
                     .draw_w = 1000,
                     .limit_w = 1200,
                     .lowest_w = 200,
                     .now_w = 900};
            capped_feed f{
                .load_w = static_cast<double>(random.between(70, 110)), .limit_w = 100, .now = {limit(), limit()}};
            const bool leaves = policy->leaves(f);
            f.gpus = gpus;
            const bool same = policy->decide(f) == f.now;
            if (leaves) CHECK(same);
            left += leaves ? 1 : 0;
            changed += same ? 0 : 1;
        }
        CHECK(left > 100);
        CHECK(changed > 100);
    }
}

TEST_CASE("a limit that is slower than the tolerance of a source trips it, a faster one does not",
          "[power][plant][caps]") {
    // Full load on a hall that is built for less: sources at 4/3 of their load when one is lost.
    const auto run = [](duration latency) {
        plant_plan p = racks(12, "4n3", 2, true);
        p.sites[0].halls.oversubscription = 1.25;
        p.controls.push_back({.at = power_tree::level::source,
                              .policy = make_cap_policy("uniform", {}),
                              .period = seconds{3},
                              .latency = latency});
        p.events.push_back({.start = at(hours{1}), .end = at(hours{5}), .device = "hall-0/source-0"});
        auto d = std::make_unique<driver>(std::move(p));
        d->p.start(at({}), {.where = whole_racks(0, 12)});
        return d;
    };
    auto fast = run(milliseconds{100});
    fast->run(at(hours{1} - seconds{1}));
    const double before = fast->load_of("hall-0/source-1");
    fast->run(at(hours{1}));
    // Each survivor takes a third of what the lost one carried.
    CHECK(fast->load_of("hall-0/source-1") == Approx(before * 4 / 3).epsilon(0.02));
    const auto source = *fast->p.tree().find("hall-0/source-1");
    const double rating =
        static_cast<double>(fast->p.tree().devices().output(source) + fast->p.headroom(source)) * 1e-6;
    const auto busway = io::read_model<hardware::power_device>("busway-415v").value;
    CHECK(rating == Approx(12 * 142e3 / 1.25 / 3 / busway.efficiency.at(1)));
    // So are all stages of a source: each is built for what those below it lose, too.
    const double overload = fast->load_of("hall-0/source-1") / rating;
    CHECK(overload > 1);
    fast->run(at(hours{4}));
    CHECK(fast->p.trips().empty());
    CHECK(fast->lost.empty());
    CHECK(fast->load_of("hall-0/source-1") <= rating);
    CHECK(fast->p.pace({.where = whole_racks(0, 1)}) < 1);

    const auto ups = io::read_model<hardware::power_device>("ups-generic").value;
    const double tolerated_s = trip_curve{*ups.overload}.time_s(overload);
    CAPTURE(overload, tolerated_s);
    auto slow = run(hours{3});
    slow->run(at(hours{4} - seconds{1}));
    REQUIRE(slow->p.trips().size() >= 3);
    CHECK(to_seconds(slow->p.trips()[0].at - at(hours{1})) == Approx(tolerated_s).epsilon(0.001));
    CHECK(slow->p.trips()[0].load == Approx(overload).epsilon(0.001));
    // One after the other all are lost, and all racks with them.
    CHECK(slow->lost.size() == 12 * 18);
    CHECK(slow->p.it(0) == 0);
}

TEST_CASE("nodes that lose their power come back when they have booted", "[power][plant]") {
    plant_plan p = racks(4, "single", 2);
    p.boot = minutes{10};
    p.events.push_back({.start = at(hours{1}), .end = at(hours{2}), .device = "hall-0/row-1"});
    // Again, before all have booted, and the whole site meanwhile.
    p.events.push_back({.start = at(hours{2} + minutes{5}), .end = at(hours{3}), .device = "hall-0/row-1"});
    p.events.push_back({.start = at(hours{2} + minutes{30}), .end = at(hours{4}), .device = "iad"});
    driver d{std::move(p)};
    const double all = d.load_of("iad");
    d.run(at(hours{1}));
    CHECK(d.lost.size() == 36);
    CHECK(*d.lost.begin() == 36);
    CHECK(d.load_of("iad") < 0.51 * all);
    d.run(at(hours{2} + minutes{9}));
    CHECK(d.lost.size() == 36);
    d.run(at(hours{2} + minutes{29}));
    CHECK(d.lost.size() == 36);
    d.run(at(hours{2} + minutes{30}));
    CHECK(d.lost.size() == 72);
    CHECK(d.p.drawn(0) == 0);
    d.run(at(hours{4}));
    CHECK(d.load_of("iad") == all);
    CHECK(d.lost.size() == 72);
    d.run(at(hours{4} + minutes{10} - duration{1}));
    CHECK(d.lost.size() == 72);
    d.run(at(hours{4} + minutes{10}));
    CHECK(d.lost.empty());
    CHECK(d.p.next_change() == never);
}

TEST_CASE("a GPU of which no fit is known works as fast as it draws", "[power][plant]") {
    plant_plan p;
    hardware::node node{.gpus = 1};
    node.gpu.power = {.limit_w = 1000, .idle_w = 100, .context_w = 100};
    node.gpu.power.phases.gemm_bf16_w = 1000;
    node.power.nameplate_w = 1000;
    p.models = {{.node = node}};
    p.units = {{}};
    p.sites = {{.name = "iad", .units = 1}};
    p.controls.push_back({.at = power_tree::level::unit, .policy = make_cap_policy("uniform", {})});
    p.events.push_back({.start = at(hours{1}), .what = feed_event::kind::limit, .device = "rack-0", .limit_w = 500});
    driver d{std::move(p)};
    const std::vector<fleet::gpu_share> where{{.node = node_id{0}, .gpus = 1}};
    d.p.start(at({}), {.where = where});
    CHECK(d.p.pace({.where = where}) == 1);
    d.run(at(hours{2}));
    const permille k = d.p.limits_of(0)[0];
    CHECK(k < no_limit);
    CHECK(d.p.pace({.where = where}) == Approx(k * 1e-3));
    CHECK(d.p.pace({.what = phase::decode_mla, .where = where}) == 1);
}

TEST_CASE("of several limits of a feed the lowest holds, until each is over", "[power][plant]") {
    plant_plan p = racks(8, "single", 8);
    p.controls.push_back({.at = power_tree::level::row, .policy = make_cap_policy("uniform", {})});
    const auto limit = [&](duration from, duration to, double w) {
        p.events.push_back({.start = at(from),
                            .end = at(to),
                            .what = feed_event::kind::limit,
                            .device = "hall-0/row-0",
                            .limit_w = w});
    };
    limit(hours{1}, hours{5}, 0.9e6);
    limit(hours{2}, hours{3}, 0.7e6);
    driver d{std::move(p)};
    const auto where = whole_racks(0, 8);
    d.p.start(at({}), {.where = where});
    const double full = d.load_of("hall-0/row-0");
    d.run(at(hours{2} - seconds{1}));
    CHECK(d.load_of("hall-0/row-0") <= 0.9e6);
    d.run(at(hours{3} - seconds{1}));
    CHECK(d.load_of("hall-0/row-0") <= 0.7e6);
    d.run(at(hours{5} - seconds{1}));
    CHECK(d.load_of("hall-0/row-0") <= 0.9e6);
    CHECK(d.load_of("hall-0/row-0") > 0.7e6);
    d.run(at(hours{6}));
    CHECK(d.load_of("hall-0/row-0") == full);
}
