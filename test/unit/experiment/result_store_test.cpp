#include "support/catch.hpp"
#include "sweep_folder.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/experiment/result_store.hpp>

#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::experiment;
using test::content_of;
using test::sweep_folder;

namespace {

const std::string two = "axes: { scheduler.policy: [fifo, easy] }\nreplications: 2\n";

trial_result result_of(std::size_t variant, std::uint64_t replication, double jct) {
    return {.which = {variant, replication},
            .seed = seed_of(7, replication),
            .status = trial_status::done,
            .error = {},
            .wall_s = 0.5,
            .metrics = {{"jct_s.mean", jct}, {"jct_s.p99", 2 * jct}},
            .histograms = {{"jct_s", {{1, 3}, {2, 4}}}}};
}

template <class F>
std::string refusal(F f) {
    try {
        f();
    } catch (const scenario_error& e) {
        return e.what();
    }
    return "accepted";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("result_store: what is written is read") {
    const sweep_folder here;
    const auto s = here.sweep(two);
    {
        auto store = result_store::create(here.path("out/a.db"), provenance_of(s, {{"jobs.csv", "xxh64:1"}}));
        store.add(result_of(1, 0, 20.125), s.variants[1]);
        store.add(result_of(0, 1, 1e-300), s.variants[0]);
        store.add({.which = {0, 0},
                   .seed = seed_of(7, 0),
                   .status = trial_status::failed,
                   .error = "a, \"b\"\n",
                   .wall_s = 1},
                  s.variants[0]);
        // Readers may look while it is written.
        CHECK(result_store::open(here.path("out/a.db")).done().size() == 2);
    }
    const auto store = result_store::open(here.path("out/a.db"));
    const auto about = store.about();
    CHECK(about.sweep == "x");
    CHECK(about.seed == 7);
    CHECK(about.replications == 2);
    CHECK(about.variants == std::vector<std::string>{"scheduler.policy=fifo", "scheduler.policy=easy"});
    CHECK(about.inputs == std::vector<input_digest>{{"jobs.csv", "xxh64:1"}});
    CHECK(about.sweep_hash == provenance_of(s, {}).sweep_hash);
    const auto trials = store.trials();
    REQUIRE(trials.size() == 3);
    CHECK(trials[0].key == "scheduler.policy=fifo");
    CHECK(trials[0].replication == 0);
    CHECK_FALSE(trials[0].done);
    CHECK(trials[0].error == "a, \"b\"\n");
    CHECK(trials[2].seed == seed_of(7, 0));
    CHECK(store.metrics(trials[2].id).at("jct_s.mean") == 20.125);
    CHECK(store.values("jct_s.p99").at("scheduler.policy=fifo").at(1) == 2e-300);
    CHECK(store.fewest_samples("jct_s") == 7U);
    CHECK(store.mean_wall_s() == 0.5);
    std::string csv;
    store.write_csv([&](std::string_view text) { csv += text; });
    CHECK(csv ==
          "key,replication,seed,status,error,scheduler.policy,jct_s.mean,jct_s.p99\n"
          "scheduler.policy=fifo,0," +
              std::to_string(seed_of(7, 0)) +
              ",failed,\"a, \"\"b\"\"\n\",fifo,,\n"
              "scheduler.policy=fifo,1," +
              std::to_string(seed_of(7, 1)) +
              ",done,,fifo,1e-300,2e-300\n"
              "scheduler.policy=easy,0," +
              std::to_string(seed_of(7, 0)) + ",done,,easy,20.125,40.25\n");
}

TEST_CASE("result_store: several results are written as one by one or not at all") {
    const sweep_folder here;
    const auto s = here.sweep(two);
    auto each = result_store::create(here.path("each.db"), provenance_of(s, {}));
    auto all = result_store::create(here.path("all.db"), provenance_of(s, {}));
    trial_result failed = result_of(0, 0, 1);
    failed.status = trial_status::failed;
    failed.error = "once";
    const std::vector<trial_result> results{result_of(1, 0, 20), failed, result_of(0, 1, 5), result_of(0, 0, 7)};
    for (const auto& r : results) each.add(r, s.variants[r.which.variant]);
    all.add(results, s.variants);
    CHECK(content_of(all) == content_of(each));
    CHECK(all.done().size() == 3);
    all.add(std::vector<trial_result>{}, s.variants);
    CHECK_THROWS_AS(all.add(std::vector{result_of(1, 1, 3), result_of(1, 0, 3)}, s.variants), internal_error);
    CHECK(content_of(all) == content_of(each));
    all.add(std::vector{result_of(1, 1, 3)}, s.variants);
    CHECK(all.done().size() == 4);
}

TEST_CASE("result_store: a trial that failed may run again and one that is done is done") {
    const sweep_folder here;
    const auto s = here.sweep(two);
    auto store = result_store::create(here.path("a.db"), provenance_of(s, {}));
    store.add({.which = {0, 0}, .seed = 1, .status = trial_status::failed, .error = "once", .wall_s = 1},
              s.variants[0]);
    store.add(result_of(0, 0, 3), s.variants[0]);
    CHECK(store.trials().size() == 1);
    CHECK(store.done().size() == 1);
    CHECK_THROWS_AS(store.add(result_of(0, 0, 3), s.variants[0]), internal_error);
    CHECK(store.values("jct_s.mean").size() == 1);
}

TEST_CASE("result_store: an existing one is kept unless it is to go on and then it must be of this sweep") {
    const sweep_folder here;
    const auto s = here.sweep(two);
    const auto about = provenance_of(s, {{"jobs.csv", "xxh64:1"}});
    {
        auto store = result_store::create(here.path("a.db"), about);
    }
    CHECK(has(refusal([&] { static_cast<void>(result_store::create(here.path("a.db"), about)); }), "--resume"));
    CHECK(refusal([&] { static_cast<void>(result_store::resume(here.path("a.db"), about)); }) == "accepted");
    // More replications are more of the same sweep, and comments are none.
    const auto more = here.sweep("axes: { scheduler.policy: [fifo, easy] }   # both\nreplications: 5\n");
    CHECK(provenance_of(more, {}).sweep_hash == about.sweep_hash);
    {
        auto store = result_store::resume(here.path("a.db"), provenance_of(more, about.inputs));
        CHECK(store.about().replications == 5);
        CHECK(
            has(refusal([&] { static_cast<void>(result_store::resume(here.path("a.db"), about)); }), "has not ended"));
    }
    const auto other = here.sweep("axes: { scheduler.policy: [fifo, sjf] }\n");
    CHECK(has(refusal([&] {
                  static_cast<void>(result_store::resume(here.path("a.db"), provenance_of(other, about.inputs)));
              }),
              "another sweep"));
    auto changed = about;
    changed.inputs[0].digest = "xxh64:2";
    CHECK(
        has(refusal([&] { static_cast<void>(result_store::resume(here.path("a.db"), changed)); }), "an input differs"));
    changed = about;
    changed.inputs[0].path = "/elsewhere/jobs.csv";
    CHECK(refusal([&] { static_cast<void>(result_store::resume(here.path("a.db"), changed)); }) == "accepted");
    changed.version = "0.0.1";
    CHECK(
        has(refusal([&] { static_cast<void>(result_store::resume(here.path("a.db"), changed)); }), "another version"));
}

TEST_CASE("result_store: files that are no stores") {
    const sweep_folder here;
    const auto s = here.sweep(two);
    const auto about = provenance_of(s, {});
    test::write_file(here.path("text.db"),
                     "what somebody wrote, long enough to be no header of anything else at all\n");
    CHECK(has(refusal([&] { static_cast<void>(result_store::resume(here.path("text.db"), about)); }), "no store"));
    CHECK(test::read_file(here.path("text.db")).starts_with("what somebody wrote"));
    CHECK_THROWS_AS(result_store::open(here.path("text.db")), data_error);
    CHECK_THROWS_AS(result_store::open(here.path("none.db")), data_error);
    CHECK_THROWS_AS(result_store::open(here.path("")), data_error);
    // Killed before its schema was there: nothing is lost by starting afresh.
    test::write_file(here.path("empty.db"), "");
    CHECK_THROWS_AS(result_store::open(here.path("empty.db")), data_error);
    CHECK(refusal([&] { static_cast<void>(result_store::resume(here.path("empty.db"), about)); }) == "accepted");
    CHECK(result_store::open(here.path("empty.db")).trials().empty());
}

TEST_CASE("result_store: stores of one sweep merge and others do not") {
    const sweep_folder here;
    const auto s = here.sweep(two);
    const auto about = provenance_of(s, {});
    const auto make = [&](const std::string& name, const std::vector<trial_result>& results, const provenance& of) {
        auto store = result_store::create(here.path(name), of);
        for (const auto& r : results) store.add(r, s.variants[r.which.variant]);
    };
    trial_result failed{
        .which = {1, 0}, .seed = seed_of(7, 0), .status = trial_status::failed, .error = "no", .wall_s = 1};
    make("a.db", {result_of(0, 0, 1), failed}, about);
    make("b.db", {result_of(1, 0, 2), result_of(0, 1, 3), result_of(0, 0, 1)}, about);
    make("c.db", {result_of(0, 0, 99)}, about);
    auto other = about;
    other.inputs = {{"jobs.csv", "xxh64:2"}};
    make("d.db", {}, other);
    for (const bool a_first : {true, false}) {
        auto all = result_store::create(here.path(a_first ? "ab.db" : "ba.db"), about);
        all.merge(result_store::open(here.path(a_first ? "a.db" : "b.db")));
        all.merge(result_store::open(here.path(a_first ? "b.db" : "a.db")));
        CHECK(all.done().size() == 3);
        CHECK(all.trials().size() == 3);
        CHECK(all.fewest_samples("jct_s") == 7U);
        const auto before = content_of(all);
        CHECK(has(refusal([&] { all.merge(result_store::open(here.path("c.db"))); }), "other results"));
        CHECK(has(refusal([&] { all.merge(result_store::open(here.path("d.db"))); }), "an input differs"));
        CHECK(content_of(all) == before);
    }
    CHECK(content_of(result_store::open(here.path("ab.db"))) == content_of(result_store::open(here.path("ba.db"))));
}
