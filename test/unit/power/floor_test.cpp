// Power floors of jobs that swing: what they add at each level, by hand; under limits, modules and temperatures; and on
// random plants against sums over all GPUs, and against GPUs that draw as much by themselves.
#include "support/catch.hpp"
#include "support/powered_run.hpp"
#include "support/random_workload.hpp"

#include <ampacity/power/plant.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::power;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::gb300;
using test::plant_of;

namespace {

/// 4-bit GEMM at 800 W on average, idle at 178 W for a quarter of the time: 0.25 x (600 - 178) W more.
constexpr power_floor quarter{.what = phase::gemm_fp4, .low = phase::idle, .floor_w = 600, .low_share = 0.25};
constexpr double mean_w = 800, lifted_w = 905.5;
constexpr double rounding_w = 40e-6;  // of a rack: its nodes draw whole microwatts

instant at(duration d) { return start_of_time + d; }
microwatts uw(double w) { return std::llround(w * 1e6); }

std::vector<fleet::gpu_share> whole_racks(std::uint32_t first, std::uint32_t last, std::uint64_t gpus = 0xF) {
    std::vector<fleet::gpu_share> out;
    for (std::uint32_t n = 18 * first; n != 18 * last; ++n) out.push_back({.node = node_id{n}, .gpus = gpus});
    return out;
}

plant_plan with(plant_plan p, std::vector<power_floor> floors) {
    p.floors = std::move(floors);
    return p;
}

/// At the input of a rack all of whose GPUs draw so much [W].
double rack_w(double gpu_w) {
    const hardware::rack& r = gb300();
    const hardware::node& n = r.node;
    const double node = (4 * gpu_w + n.power.cpus_w + n.power.rest_w) / n.converter->efficiency.at(1);
    const double parts = 18 * node + r.switches->power_w;
    return parts / r.shelves->shelf.efficiency.at(parts / r.shelves->rating_w());
}

void run(plant& p, instant to) {
    for (instant next{}; (next = std::min(p.next_change(), p.next_control())) <= to;) {
        if (p.next_change() == next) p.change(next);
        if (p.next_control() == next) p.control(next);
    }
}

microwatts losses(const plant& p) {
    microwatts sum = 0;
    for (std::uint32_t d = 0; d != p.tree().devices().size(); ++d) sum += p.tree().devices().loss(device_id{d});
    return sum;
}

/// A job of the random plants.
struct job {
    phase what = phase::gemm_bf16;
    std::int32_t priority = 0;
    std::uint32_t floor = plant::no_floor;
    std::vector<fleet::gpu_share> where{};
    [[nodiscard]] plant::load load() const {
        return {.what = what, .priority = priority, .where = where, .floor = floor};
    }
};

}  // namespace

TEST_CASE("a floor lifts the valleys of a rack's GPUs, through converters and shelves", "[power][floor]") {
    CHECK(gpu_power_w(gb300().node.gpu.power, quarter) == Approx(lifted_w).epsilon(1e-12));
    plant p{with(plant_of(2, "4n3", 1), {quarter})};
    const auto where = whole_racks(0, 1);
    const microwatts idle = p.it(0) / 2;
    p.start(at({}), {.what = phase::gemm_fp4, .where = where, .floor = 0});
    CHECK(static_cast<double>(p.it(0) - idle) * 1e-6 == Approx(rack_w(lifted_w)).epsilon(0).margin(rounding_w));
    CHECK(static_cast<double>(p.lifted(0)) * 1e-6 ==
          Approx(rack_w(lifted_w) - rack_w(mean_w)).epsilon(0).margin(rounding_w));
    // That of the GPUs, and what is lost on the way to them.
    CHECK(static_cast<double>(p.lifted(0)) * 1e-6 > 72 * 105.5);
    CHECK(static_cast<double>(p.lifted(0)) * 1e-6 < 72 * 105.5 / 0.9);
    CHECK(p.drawn(0) == p.it(0) + losses(p));
    // Nothing is slower for it, and a rack without power has no floor.
    CHECK(p.pace({.what = phase::gemm_fp4, .where = where, .floor = 0}) == 1);
    p.stop(at(hours{1}), {.what = phase::gemm_fp4, .where = where, .floor = 0});
    CHECK(p.lifted(0) == 0);
    CHECK(p.it(0) == 2 * idle);
}

TEST_CASE("a floor below the valleys changes nothing, one above the peaks is what is drawn", "[power][floor]") {
    const hardware::gpu_power& gpu = gb300().node.gpu.power;
    for (const double floor_w : {0.0, 100.0, gpu.phases.communication_w}) {
        const power_floor f{.what = phase::gemm_fp4, .floor_w = floor_w};
        plant p{with(plant_of(2, "2n", 1), {f})};
        plant q{plant_of(2, "2n", 1)};
        const auto where = whole_racks(0, 2, 0b111);
        p.start(at({}), {.what = f.what, .where = where, .floor = 0});
        q.start(at({}), {.what = f.what, .where = where});
        CHECK(p.it(0) == q.it(0));
        CHECK(p.drawn(0) == q.drawn(0));
        CHECK(p.lifted(0) == 0);
    }
    const auto drawn = [&](power_floor f) { return gpu_power_w(gpu, f); };
    // Peaks of 840 W, valleys of 700 W: with 900 W neither is seen.
    CHECK(drawn({.what = phase::gemm_fp4, .floor_w = 900, .low_share = 2.0 / 7}) == Approx(900));
    CHECK(drawn({.what = phase::gemm_fp4, .floor_w = 820, .low_share = 2.0 / 7}) == Approx(800 + 2.0 / 7 * 120));
    CHECK(drawn({.what = phase::decode_attention, .low = phase::idle, .floor_w = 400, .low_share = 1}) ==
          Approx(560 + 222));
    CHECK(drawn({.what = phase::decode_attention, .low = phase::idle, .floor_w = 400, .low_share = 0}) == 560);
    // Never above the limit of the GPU.
    CHECK(drawn({.what = phase::gemm_bf16, .floor_w = 900}) == 1400);
    CHECK(drawn({.what = phase::decode_mla, .floor_w = 5000}) == 1400);
}

TEST_CASE("modules limit what a floor adds", "[power][floor]") {
    const power_floor f{.what = phase::gemm_bf16, .floor_w = 900};
    plant p{with(plant_of(1, "single", 1), {f})};
    const auto half = whole_racks(0, 1, 0b0011);
    const auto all = whole_racks(0, 1);
    p.start(at({}), {.where = half, .floor = 0});
    // 1400 W in place of 1364 W.
    const double node = p.tree().models()[0].node.converter->efficiency.at(1);
    CHECK(static_cast<double>(p.lifted(0)) * 1e-6 > 18 * 2 * 36 / node);
    CHECK(static_cast<double>(p.lifted(0)) * 1e-6 < 18 * 2 * 36 / node / 0.94);
    p.stop(at({}), {.where = half, .floor = 0});
    // Four of them come to the limit of the modules by themselves.
    p.start(at({}), {.where = all, .floor = 0});
    CHECK(p.lifted(0) == 0);
}

TEST_CASE("under a limit a floor gives way first", "[power][floor][caps]") {
    plant p{with(plant_of(1, "single", 1), {quarter})};
    const auto where = whole_racks(0, 1);
    const plant::load l{.what = phase::gemm_fp4, .where = where, .floor = 0};
    p.start(at({}), l);
    for (const auto& [limit, gpu_w, bare_w] : std::vector<std::tuple<permille, double, double>>{
             {1000, lifted_w, mean_w}, {650, lifted_w, mean_w}, {600, 840, mean_w}, {500, 700, 700}, {1, 200, 200}}) {
        CAPTURE(limit);
        p.cap_units(at(seconds{1}), 0, 1, {limit, no_limit});
        CHECK(static_cast<double>(p.it(0)) * 1e-6 == Approx(rack_w(gpu_w)).epsilon(0).margin(rounding_w));
        CHECK(static_cast<double>(p.lifted(0)) * 1e-6 ==
              Approx(rack_w(gpu_w) - rack_w(bare_w)).epsilon(0).margin(rounding_w));
        CHECK(p.pace(l) == p.pace({.what = phase::gemm_fp4, .where = where}));
        CHECK((p.pace(l) == 1) == (gpu_w >= mean_w));
    }
}

TEST_CASE("a floor makes chips as hot as what they draw", "[power][floor][heat]") {
    const auto hot = [](std::vector<power_floor> floors) {
        plant_plan p = plant_of(1, "single", 1);
        p.coolant.push_back(coolant_plan{.supply_c = 45.5});  // 87 degC at 1383 W
        return with(std::move(p), std::move(floors));
    };
    const auto where = whole_racks(0, 1, 0b0011);
    plant bare{hot({})};
    bare.start(at({}), {.where = where});
    run(bare, at(hours{1}));
    CHECK(bare.heat_events()->throttles == 0);
    plant p{hot({{.what = phase::gemm_bf16, .floor_w = 1000}})};
    const plant::load l{.where = where, .floor = 0};
    p.start(at({}), l);
    const microwatts at_first = p.lifted(0);
    run(p, at(hours{1}));
    CHECK(p.heat_events()->throttles == 18);
    CHECK(p.temperature_c(node_id{0}, at(hours{1})).value() == Approx(87).margin(0.1));
    CHECK(p.lifted(0) > 0);
    CHECK(p.lifted(0) < at_first);
    CHECK(p.pace(l) == 1);
}

TEST_CASE("random jobs with floors draw what the sum over their GPUs says", "[power][floor]") {
    const std::array racks{gb300(), io::read_model<hardware::rack>("gb200-nvl72").value};
    std::uint64_t lifted = 0, limited = 0, dark = 0;
    for (std::uint64_t seed = 0; seed != 40; ++seed) {
        CAPTURE(seed);
        naive::test_random random(seed);
        const auto some_phase = [&] { return static_cast<phase>(random.between(0, 9)); };
        std::vector<power_floor> floors;
        for (std::int64_t k = random.between(1, 4); k > 0; --k)
            floors.push_back({.what = some_phase(),
                              .low = some_phase(),
                              .floor_w = static_cast<double>(random.between(0, 1500)),
                              .low_share = static_cast<double>(random.between(0, 4)) / 4});
        plant_plan plan = with(plant_of(4, "4n3", 1), floors);
        plan.models.push_back({.node = racks[1].node, .rack = racks[1]});
        for (const std::uint32_t u : {1U, 3U}) plan.units[u].model = 1;
        const auto level = random.between(0, 1) == 0 ? power_tree::level::row : power_tree::level::unit;
        plan.controls.push_back({.at = level, .policy = make_cap_policy("priority", {})});
        plan.events.push_back({.start = at(seconds{200}),
                               .end = at(seconds{600}),
                               .what = feed_event::kind::limit,
                               .device = level == power_tree::level::row ? "hall-0/row-1" : "rack-1",
                               .limit_w = 6e4});
        plan.events.push_back({.start = at(seconds{300}), .end = at(seconds{700}), .device = "hall-0/row-2"});
        plant p{std::move(plan)};
        const microwatts fresh = p.it(0);
        std::vector<job> jobs;
        std::vector<std::uint64_t> held(4 * 18, 0);
        std::int64_t now = 0;
        for (int i = 0; i != 300; ++i) {
            now += random.between(0, 6);
            run(p, at(seconds{now}));
            if (!jobs.empty() && random.between(0, 2) == 0) {
                const auto k = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(jobs.size()) - 1));
                std::swap(jobs[k], jobs.back());
                p.stop(at(seconds{now}), jobs.back().load());
                for (const auto& s : jobs.back().where) held[index(s.node)] &= ~s.gpus;
                jobs.pop_back();
            } else {
                job j{.what = some_phase(), .priority = static_cast<std::int32_t>(random.between(0, 1))};
                if (random.between(0, 3) != 0) {
                    j.floor =
                        static_cast<std::uint32_t>(random.between(0, static_cast<std::int64_t>(floors.size()) - 1));
                    j.what = floors[j.floor].what;
                }
                for (auto n = static_cast<std::uint32_t>(random.between(0, 60)); n < 72; n += 5) {
                    const std::uint64_t gpus = ~held[n] & static_cast<std::uint64_t>(random.between(1, 15));
                    if (gpus == 0) continue;
                    held[n] |= gpus;
                    j.where.push_back({.node = node_id{n}, .gpus = gpus});
                }
                p.start(at(seconds{now}), j.load());
                jobs.push_back(std::move(j));
            }
            // Sums over all GPUs: with and without floors.
            std::array<microwatts, 2> it{};
            for (std::uint32_t u = 0; u != 4; ++u) {
                if (!p.tree().devices().is_live(p.tree().device_of(u))) {
                    ++dark;
                    continue;
                }
                const class_limits limits = p.limits_of(u);
                const hardware::rack& rack = racks[u % 2];
                const hardware::gpu_power& gpu = rack.node.gpu.power;
                if (limits[0] != no_limit) ++limited;
                for (std::size_t with_floors = 0; with_floors != 2; ++with_floors) {
                    microwatts nodes = 0;
                    std::uint32_t in_rack = 0;
                    for (std::uint32_t n = 18 * u; n != 18 * u + 18; ++n) {
                        microwatts gpus_uw = 0;
                        std::uint32_t count = 0;
                        for (const job& j : jobs) {
                            for (const auto& s : j.where) {
                                if (index(s.node) != n) continue;
                                double w = gpu_power_w(gpu, j.what);
                                if (with_floors != 0 && j.floor != plant::no_floor)
                                    w = gpu_power_w(gpu, floors[j.floor]);
                                const permille k = limits[j.priority == 0 ? 0 : 1];
                                if (k != no_limit)
                                    w = std::min(w, std::max(*gpu.lowest_limit_w, std::floor(gpu.limit_w * k / 1000)));
                                const auto g = static_cast<std::uint32_t>(std::popcount(s.gpus));
                                gpus_uw += uw(w) * g;
                                count += g;
                            }
                        }
                        in_rack += count;
                        nodes += uw(
                            node_power_w(rack.node, {.count = count, .power_w = static_cast<double>(gpus_uw) * 1e-6}));
                    }
                    it[with_floors] += uw(rack_power_w(rack, static_cast<double>(nodes) * 1e-6, in_rack / 72.0));
                }
            }
            CHECK(p.it(0) == it[1]);
            CHECK(p.lifted(0) == it[1] - it[0]);
            CHECK(p.lifted(0) >= 0);
            CHECK(p.drawn(0) == p.it(0) + losses(p));
            if (p.lifted(0) != 0) ++lifted;
        }
        for (const job& j : jobs) p.stop(at(seconds{now}), j.load());
        run(p, at(hours{1}));
        CHECK(p.it(0) == fresh);
        CHECK(p.lifted(0) == 0);
    }
    // All of it has happened.
    CHECK(lifted > 5000);
    CHECK(limited > 500);
    CHECK(dark > 500);
}

TEST_CASE("plants see floors as GPUs that draw as much by themselves", "[power][floor]") {
    hardware::rack hungry = gb300();
    hungry.node.gpu.power.phases.gemm_fp4_w = lifted_w;
    std::uint64_t changes = 0;
    for (std::uint64_t seed = 0; seed != 30; ++seed) {
        CAPTURE(seed);
        const auto levels = std::array{power_tree::level::site, power_tree::level::source, power_tree::level::row,
                                       power_tree::level::unit};
        const auto build = [&](const hardware::rack& rack) {
            naive::test_random random(seed);
            plant_plan p = plant_of(6, random.between(0, 1) == 0 ? "4n3" : "2n", 1, rack);
            p.sites[0].halls.trips = true;
            p.sites[0].halls.oversubscription = 1 + 0.2 * static_cast<double>(random.between(0, 2));
            const auto at_level = levels[static_cast<std::size_t>(random.between(0, 3))];
            p.controls.push_back(
                {.at = at_level,
                 .policy = make_cap_policy(random.between(0, 1) == 0 ? "uniform" : "two-threshold", {})});
            p.events.push_back({.start = at(seconds{100}),
                                .end = at(seconds{400}),
                                .what = feed_event::kind::cut,
                                .device = "iad",
                                .share = 0.3});
            for (const char* const rack_name : {"rack-0", "rack-1"})
                p.events.push_back({.start = at(seconds{150}),
                                    .end = at(seconds{600}),
                                    .what = feed_event::kind::limit,
                                    .device = rack_name,
                                    .limit_w = 8e4});
            p.events.push_back({.start = at(seconds{300}), .end = at(seconds{500}), .device = "hall-0/source-0"});
            return p;
        };
        // Sizes of racks stay those of the catalogue.
        plant p{with(build(gb300()), {quarter})};
        plant q{build(hungry)};
        naive::test_random random(seed + 1000);
        std::vector<job> jobs;
        std::int64_t now = 0;
        for (std::uint32_t i = 0; i != 12; ++i) {
            now += random.between(10, 60);
            run(p, at(seconds{now}));
            run(q, at(seconds{now}));
            const bool floored = random.between(0, 2) != 0;
            job j{.what = floored ? phase::gemm_fp4 : phase::prefill_attention,
                  .priority = static_cast<std::int32_t>(random.between(0, 1)),
                  .where = whole_racks(i / 2, i / 2 + 1, i % 2 == 0 ? 0b0011 : 0b1100)};
            q.start(at(seconds{now}), j.load());
            if (floored) j.floor = 0;
            p.start(at(seconds{now}), j.load());
            jobs.push_back(std::move(j));
            CHECK(p.it(0) == q.it(0));
            CHECK(p.drawn(0) == q.drawn(0));
            for (std::uint32_t u = 0; u != 6; ++u) CHECK(p.limits_of(u) == q.limits_of(u));
        }
        run(p, at(hours{1}));
        run(q, at(hours{1}));
        CHECK(p.it(0) == q.it(0));
        CHECK(p.limit_changes() == q.limit_changes());
        REQUIRE(p.trips().size() == q.trips().size());
        for (std::size_t i = 0; i != p.trips().size(); ++i) CHECK(p.trips()[i].at == q.trips()[i].at);
        changes += p.limit_changes();
    }
    CHECK(changes > 100);
}
