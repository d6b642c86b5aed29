// power-aware against its base policies where there is power enough, and against a plant of its own where there is not.

#include "support/cap_recorder.hpp"
#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/powered_run.hpp"
#include "support/random_workload.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ampacity;
using std::chrono::seconds;

/// A plant that is told of the jobs and the limits of a run, and looked at after each plan.
class second_plant final : public sim::observer {
public:
    second_plant(power::plant_plan plan, std::vector<power::phase> phases)
        : plant_(std::move(plan)), phases_(std::move(phases)) {}

    /// What is to be committed now: so many starts, then limits.
    void expect(instant now, std::size_t of_starts, const std::vector<test::planned_cap>& caps) {
        follow(now);
        to_start_ = of_starts;
        caps_ = caps;
        before_ = rooms();
        if (of_starts == 0) end_plan(now);
    }
    void on_start(const sim::job_start& e) override {
        follow(e.at);
        plant_.start(e.at, load_of(e));
        ++starts;
        ++running;
        for (const power::device_id d : above(e)) started_.insert(d);
        if (--to_start_ == 0) end_plan(e.at);
    }
    void on_stop(const sim::job_event& e, sim::run_end how) override {
        // Jobs end before feeds change.
        follow(how == sim::run_end::failed ? e.at : e.at - duration{1});
        plant_.stop(e.at, load_of(e));
        --running;
    }
    [[nodiscard]] bool any_overload() const {
        const auto& devices = plant_.tree().devices();
        for (std::uint32_t d = 0; d != devices.size(); ++d) {
            if (plant_.headroom(power::device_id{d}) < 0) return true;
        }
        return false;
    }
    [[nodiscard]] bool any_cap() const {
        const auto& devices = plant_.tree().devices();
        for (std::uint32_t d = 0; d != devices.size(); ++d) {
            if (plant_.cap_of(power::device_id{d}) != power::class_limits{power::no_limit, power::no_limit})
                return true;
        }
        return false;
    }
    std::size_t starts = 0, running = 0, capped = 0, raised = 0;
    std::size_t overloaded = 0;  ///< feeds above a start, or to which a plan has added, with too much

private:
    [[nodiscard]] power::plant::load load_of(const sim::job_event& e) const {
        return {.what = phases_.at(e.source), .priority = e.priority, .where = e.where};
    }
    void follow(instant to) {
        while (plant_.next_change() <= to) plant_.change(plant_.next_change());
    }
    [[nodiscard]] std::vector<power::microwatts> rooms() const {
        std::vector<power::microwatts> out;
        for (std::uint32_t d = 0; d != plant_.tree().devices().size(); ++d)
            out.push_back(plant_.headroom(power::device_id{d}));
        return out;
    }
    void end_plan(instant now) {
        for (const test::planned_cap& c : caps_) {
            const power::device_id d = *plant_.tree().find(c.feed);
            ++(c.to.low > plant_.cap_of(d)[0] ? raised : capped);
            plant_.cap(now, d, {c.to.low, c.to.high});
        }
        const auto after = rooms();
        for (std::uint32_t d = 0; d != after.size(); ++d) {
            if (after[d] < 0 && (after[d] < before_[d] || started_.contains(power::device_id{d}))) ++overloaded;
        }
        started_.clear();
    }
    [[nodiscard]] std::set<power::device_id> above(const sim::job_event& e) const {
        const power::power_tree& tree = plant_.tree();
        std::set<power::device_id> out;
        for (const fleet::gpu_share& s : e.where) out.insert(tree.device_of(tree.unit_of(index(s.node))));
        for (std::uint32_t d = static_cast<std::uint32_t>(tree.devices().size()); d-- > 0;) {
            if (!out.contains(power::device_id{d})) continue;
            tree.devices().for_carriers(power::device_id{d}, [&](power::device_id by, double) { out.insert(by); });
        }
        return out;
    }

    power::plant plant_;
    std::vector<power::phase> phases_;
    std::size_t to_start_ = 0;
    std::vector<test::planned_cap> caps_;
    std::vector<power::microwatts> before_;  // (devices)
    std::set<power::device_id> started_;     // above what the plan starts
};

struct random_case {
    power::plant_plan plan;
    std::vector<std::vector<workload::job_request>> entries;
    std::vector<power::phase> phases;
    std::string placer;
    bool skip = false;
};

/// Of a seed the same whenever it is asked for. With `limits` events limit feeds; with `losses` feeds are lost.
random_case make_case(std::uint64_t seed, const std::vector<std::string>& known, double oversubscription, bool limits,
                      bool losses) {
    naive::test_random r(seed);
    random_case c;
    const auto racks = static_cast<std::uint32_t>(r.between(1, 6));
    const std::string& topology =
        known[static_cast<std::size_t>(r.between(0, static_cast<std::int64_t>(known.size()) - 1))];
    c.plan = test::plant_of(racks, topology, static_cast<std::uint32_t>(r.between(1, 3)));
    c.plan.sites[0].halls.rows_per_hall = static_cast<std::uint32_t>(r.between(1, 3));
    c.plan.sites[0].halls.oversubscription = oversubscription;
    c.plan.boot = seconds{r.between(0, 600)};
    auto names = power::power_tree{c.plan.models, c.plan.units, c.plan.sites}.names();
    names.push_back("rack-0");
    const power::power_tree tree{c.plan.models, c.plan.units, c.plan.sites};
    for (std::int64_t i = r.between(0, 5); i > 0; --i) {
        const auto from = seconds{r.between(0, 9000)};
        const std::string& name =
            names[static_cast<std::size_t>(r.between(0, static_cast<std::int64_t>(names.size()) - 1))];
        const power::power_tree::place& at = tree.place_of(*tree.find(name));
        const double units = at.at == power::power_tree::level::unit ? 1 : racks;
        power::feed_event e = test::limit_of(name, units * static_cast<double>(r.between(40'000, 150'000)), from,
                                             from + seconds{r.between(1, 6000)});
        e.what = static_cast<power::feed_event::kind>(r.between(0, 2));
        e.share = 0.2;
        const bool is_loss = e.what == power::feed_event::kind::loss;
        if (is_loss ? losses : limits) c.plan.events.push_back(e);
    }
    c.phases = {power::phase::gemm_bf16, power::phase::decode_mla, power::phase::gemm_fp4};
    for (std::size_t k = 0; k != c.phases.size(); ++k) {
        auto& jobs = c.entries.emplace_back();
        for (std::int64_t i = r.between(0, 25); i > 0; --i) {
            jobs.push_back(
                test::gpu_job(static_cast<std::uint32_t>(r.chance(50) ? r.between(1, 8) : r.between(1, 72 * racks)),
                              seconds{r.between(0, 4000)}, {}));
            jobs.back().estimate = jobs.back().work + seconds{r.between(0, 500)};
        }
        std::int64_t at = 0;
        for (auto& j : jobs) j.submit = start_of_time + seconds{at += r.between(0, 400)};
    }
    c.placer = std::array{"first-fit", "pack", "spread"}[static_cast<std::size_t>(r.between(0, 2))];
    c.skip = r.chance(50);
    return c;
}

sim::parts parts_of(random_case c, const std::string& name, double reserve = 0, double cap = 1,
                    second_plant* watch = nullptr) {
    policy::policy_options o;
    o.power_aware = {.skip = c.skip,
                     .reserve = static_cast<std::uint32_t>(reserve * 1e6),
                     .cap = static_cast<std::uint32_t>(std::lround(cap * 1e6))};
    c.plan.caps_by_scheduler = cap < 1;
    auto by = policy::make_policy(name, o);
    if (watch != nullptr) {
        by = std::make_unique<test::cap_recorder>(std::move(by), [watch](const policy::view& v, const policy::plan& p,
                                                                         const std::vector<test::planned_cap>& caps) {
            watch->expect(v.now, p.actions().size() - caps.size(), caps);
        });
    }
    sim::parts out =
        test::powered_parts(std::move(c.plan), std::move(c.entries), std::move(c.phases), std::move(by), c.placer);
    if (watch != nullptr) out.observers = {watch};
    return out;
}

}  // namespace

TEST_CASE("with power enough power-aware decides as its base") {
    std::size_t jobs = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(150); ++seed) {
        CAPTURE(seed);
        const auto make = [&] { return make_case(seed, {"single", "2n", "4n3"}, 0.2, false, true); };
        const auto run = [&](const std::string& name) {
            sim::parts p = parts_of(make(), name, 0, seed % 2 == 0 ? 0.5 : 1);
            if (seed % 3 == 0) {
                // Nodes that are to close: what a job could get depends on its estimate.
                std::vector<node_id> nodes;
                for (std::uint32_t n = 4; n != 13; ++n) nodes.push_back(node_id{n});
                p.reservations.push_back({.name = "swap",
                                          .what = {.start = start_of_time + seconds{1500},
                                                   .end = start_of_time + seconds{4000},
                                                   .nodes = nodes}});
            }
            auto s = std::make_unique<sim::simulation>(std::move(p));
            s->run();
            s->results();
            return s;
        };
        const auto base = run(make().skip ? "fifo-skip" : "fifo");
        const auto aware = run("power-aware");
        for (std::size_t k = 0; k != 3; ++k) {
            REQUIRE(base->records(k).size() == aware->records(k).size());
            for (std::size_t i = 0; i != base->records(k).size(); ++i) {
                CAPTURE(k, i);
                CHECK(base->records(k)[i].first_start == aware->records(k)[i].first_start);
                CHECK(base->records(k)[i].finish == aware->records(k)[i].finish);
                ++jobs;
            }
        }
    }
    CHECK(jobs > 100);
}

TEST_CASE("no plan of power-aware overloads a feed above it, whatever is limited or lost") {
    std::size_t starts = 0, waited = 0, capped = 0, raised = 0, slowed = 0, ended = 0, ended_before = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(300); ++seed) {
        CAPTURE(seed);
        const double oversubscription = 1 + 0.1 * static_cast<double>(seed % 12);
        const auto make = [&] { return make_case(seed, {"single", "2n", "4n3"}, oversubscription, true, true); };
        for (const bool caps : {false, true}) {
            CAPTURE(caps);
            const double cap = caps ? 0.3 + 0.05 * static_cast<double>(seed % 13) : 1;
            second_plant watch{make().plan, make().phases};
            sim::simulation s{parts_of(make(), "power-aware", 0.01 * static_cast<double>(seed % 3), cap, &watch)};
            s.run();
            s.results();
            CHECK(watch.overloaded == 0);
            starts += watch.starts;
            if (!caps) CHECK(watch.capped == 0);
            capped += watch.capped;
            raised += watch.raised;
            if (watch.running == 0) CHECK_FALSE(watch.any_cap());
            // The pace of each phase at the lowest limit.
            power::plant floor{make().plan};
            floor.cap(start_of_time, floor.tree().sites()[0].meter,
                      {static_cast<power::permille>(std::ceil(cap * 100 - 1e-9) * 10), power::no_limit});
            const fleet::gpu_share here{node_id{0}, 1};
            for (std::size_t k = 0; k != 3; ++k) {
                const double pace = floor.pace({.what = make().phases[k], .where = std::span{&here, 1}});
                for (const sim::job_record& r : s.records(k)) {
                    waited += r.state == sim::outcome::unfinished ? 1U : 0U;
                    if (r.state != sim::outcome::finished) continue;
                    ++(caps ? ended : ended_before);
                    if (r.restarts != 0) continue;
                    const double ran_s = to_seconds(r.finish - r.first_start);
                    const double work_s =
                        to_seconds(make().entries[k][static_cast<std::size_t>(&r - s.records(k).data())].work);
                    CHECK(ran_s <= work_s / pace + 1e-6);
                    slowed += ran_s > work_s + 1e-6 ? 1U : 0U;
                }
            }
        }
    }
    CHECK(starts > 1000);
    CHECK(waited > 0);
    CHECK(capped > 100);
    CHECK(raised > 100);
    CHECK(slowed > 100);
    CHECK(ended >= ended_before);
}

TEST_CASE("without events no feed is ever overloaded, which the base policies do not keep") {
    std::size_t base_overloads = 0;
    for (std::uint64_t seed = 0; seed != test::random_cases(150); ++seed) {
        CAPTURE(seed);
        const auto make = [&] { return make_case(seed, {"single", "2n", "4n3"}, 1.5, false, false); };
        for (const std::string name : {"power-aware", "fifo-skip"}) {
            class watcher final : public sim::observer {
            public:
                explicit watcher(second_plant& of) : of_(of) {}
                void on_start(const sim::job_start&) override { overloads += of_.any_overload() ? 1U : 0U; }
                void on_stop(const sim::job_event&, sim::run_end) override {
                    overloads += of_.any_overload() ? 1U : 0U;
                }
                std::size_t overloads = 0;

            private:
                second_plant& of_;
            };
            second_plant plant{make().plan, make().phases};
            watcher look{plant};
            sim::parts p = parts_of(make(), name, 0, 1, &plant);
            p.observers = {&plant, &look};
            sim::simulation s{std::move(p)};
            s.run();
            s.results();
            if (name == "power-aware")
                CHECK(look.overloads == 0);
            else
                base_overloads += look.overloads;
        }
    }
    CHECK(base_overloads > 0);
}
