#include "support/catch.hpp"
#include "support/files.hpp"
#include "sweep_folder.hpp"
#include "thread_ranks.hpp"

#include <ampacity/core/distributions.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/execution/training.hpp>
#include <ampacity/experiment/optimise.hpp>
#include <ampacity/io/optimise_file.hpp>

#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace ampacity;
using namespace ampacity::experiment;
using test::content_of;

namespace {

/// A folder with three bases: twelve jobs of 100 s that come at once, an M/D/1 queue, a job with checkpoints.
class questions {
public:
    questions() {
        std::string jobs = "job_id,submit_s,gpus,duration_s\n";
        for (int i = 0; i != 12; ++i) jobs += std::to_string(i) + ",0,1,100\n";
        test::write_file(path("jobs.csv"), jobs);
        test::write_file(path("batch.yaml"), R"(ampacity: 1
name: batch
fleet: { pool_gpus: 1 }
workload: [ { trace: { path: jobs.csv } } ]
scheduler: { policy: fifo }
)");
        test::write_file(path("queue.yaml"), R"(ampacity: 1
name: queue
fleet: { pool_gpus: 1 }
workload:
  - synthetic:
      jobs: 4000
      rate: "1 /h"
      duration: { mixture: [ { constant: "10 min" } ] }
      gpus: [ { gpus: 1, weight: 1 } ]
scheduler: { policy: fifo }
)");
        test::write_file(path("job.yaml"), R"(ampacity: 1
name: job
until: "20 d"
fleet: { nodes: { gpus: 8, count: 2048 } }
workload:
  - training:
      name: job
      step: { compute: "5 s" }
      gpus: 16384
      steps: 100000000
      checkpoint: { interval: "10 min", blocking: "30 s" }
      restart: "5 min"
scheduler: { policy: fifo }
faults: { processes: [ { cause: any, part: gpu, mtbf: "1230.769 d" } ] }
)");
    }
    [[nodiscard]] std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
    [[nodiscard]] io::optimise_file ask(const std::string& base, const std::string& more) const {
        return io::read_optimise_text("q.yaml", "ampacity-optimise: 1\nname: q\nbase: " + base + "\nseed: 7\n" + more,
                                      folder_.path());
    }

private:
    test::temporary_directory folder_;
};

struct answered {
    sweep candidates;
    optimisation found;
    std::string content;

    /// Of a row, such as `4` or `3.1 /h`.
    [[nodiscard]] std::string value(std::size_t row) const {
        return candidates.variants[found.values[row].variant].parameters.back().second;
    }
    [[nodiscard]] std::string answer() const { return found.answer ? value(*found.answer) : "none"; }
};

answered answer(const questions& here, const std::string& db, const io::optimise_file& asked,
                sweep_options options = {.threads = 2}) {
    answered out{.candidates = candidates_of(asked), .found = {}, .content = {}};
    trial_runner runner(out.candidates);
    const auto about = provenance_of(out.candidates, runner.check(1, checked_rows(asked, out.candidates)));
    options.fingerprint = fingerprint_of(about);
    auto store = result_store::resume(here.path(db), about);
    out.found = optimise(asked, out.candidates, runner, store, options);
    out.content = content_of(store);
    return out;
}

/// All that an answer says.
std::string text_of(const answered& a) {
    std::string out = a.answer() + ' ' + std::to_string(a.found.trials) + (a.found.certain ? " certain" : " not");
    for (const judged_value& v : a.found.values) {
        out += '\n' + std::to_string(v.variant) + ' ' + std::to_string(v.replications) + ' ' +
               std::to_string(static_cast<int>(v.is)) + ' ' + std::to_string(v.best.value_or(-1)) +
               (v.may_be_best ? " *" : "");
        for (const auto& m : v.metrics)
            out += ' ' + test::text_of(m.mean.mean) + ' ' + test::text_of(m.within.value_or(interval{}).low);
    }
    return out;
}

const std::string queue_question = R"(vary: { workload.0.synthetic.rate: { from: "1 /h", to: "5 /h", steps: 41 } }
goal: largest
where: { wait_s.mean: "< 300" }
)";

}  // namespace

TEST_CASE("optimise: the fewest GPUs for every limit as by trying all") {
    const questions here;
    for (int rounds = 1; rounds <= 12; ++rounds) {
        const int limit = 100 * rounds;
        int fewest = 1;
        while ((12 + fewest - 1) / fewest * 100 > limit) ++fewest;
        const auto a = answer(here, "a" + std::to_string(rounds) + ".db",
                              here.ask("batch.yaml",
                                       "vary: { fleet.pool_gpus: { from: 1, to: 40, whole: true } }\n"
                                       "goal: smallest\nreplications: 2\nwhere: { makespan_s: \"<= " +
                                           std::to_string(limit) + "\" }\n"));
        CHECK(a.candidates.variants.size() == 40);
        CHECK(a.answer() == std::to_string(fewest));
        CHECK(a.found.certain);
        CHECK(a.found.monotone);
        CHECK(a.found.neighbour.has_value() == (fewest != 1));
        if (a.found.neighbour) CHECK(a.value(*a.found.neighbour) == std::to_string(fewest - 1));
        CHECK(a.found.trials <= 2 * 10);  // both ends, log2 40, and two for the look aside
    }
}

TEST_CASE("optimise: the most GPUs for every limit as by trying all") {
    const questions here;
    for (const int limit : {100, 150, 300, 500, 1200}) {
        int most = 40;
        while (most > 1 && (12 + most - 1) / most * 100 < limit) --most;
        const auto a = answer(here, std::to_string(limit) + ".db",
                              here.ask("batch.yaml",
                                       "vary: { fleet.pool_gpus: { from: 1, to: 40, whole: true } }\n"
                                       "goal: largest\nreplications: 1\nwhere: { makespan_s: \">= " +
                                           std::to_string(limit) + "\" }\n"));
        CHECK(a.answer() == std::to_string(most));
        CHECK_FALSE(a.found.certain);  // one replication tells nothing of chance
    }
}

TEST_CASE("optimise: no value, the whole range, and a question that is not monotone") {
    const questions here;
    const std::string vary = "vary: { fleet.pool_gpus: { from: 2, to: 24, whole: true } }\nreplications: 2\n";
    const auto none =
        answer(here, "n.db", here.ask("batch.yaml", vary + "goal: smallest\nwhere: { makespan_s: < 100 }\n"));
    CHECK(none.answer() == "none");
    CHECK(none.found.certain);
    CHECK(none.found.values.size() == 1);
    const auto all =
        answer(here, "n.db", here.ask("batch.yaml", vary + "goal: smallest\nwhere: { makespan_s: < 1e6 }\n"));
    CHECK(all.answer() == "2");
    CHECK_FALSE(all.found.neighbour);
    CHECK(all.found.certain);
    // Of 5, 7 and 9 to 11 GPUs some are idle at the end; 7 are used to 0.857, which the look aside finds.
    const auto odd = answer(here, "odd.db",
                            here.ask("batch.yaml",
                                     "vary: { fleet.pool_gpus: [5, 7, 8, 9, 10, 11, 12] }\n"
                                     "replications: 2\ngoal: smallest\nwhere: { utilisation: \"> 0.85\" }\n"));
    CHECK(odd.answer() == "12");
    CHECK_FALSE(odd.found.monotone);
    CHECK_FALSE(odd.found.certain);
}

TEST_CASE("optimise: the largest load of M/D/1 under a limit of its wait") {
    // Wait = rho / (2 (1 - rho)) x 10 min is 5 min at rho 1/2, 3 jobs an hour.
    const questions here;
    const auto a = answer(here, "q.db", here.ask("queue.yaml", queue_question + "replications: 80\n"));
    const double rate = io::split_number(a.answer())->number;
    INFO(text_of(a));
    CHECK((rate >= 2.8 && rate <= 3.1));
    REQUIRE(a.found.surely_holds);
    REQUIRE(a.found.surely_fails);
    CHECK(io::split_number(a.value(*a.found.surely_holds))->number < 3);
    CHECK(io::split_number(a.value(*a.found.surely_fails))->number > 3);
    CHECK(a.found.monotone);
    // Near the limit it looks harder.
    for (const judged_value& v : a.found.values) {
        const double r = io::split_number(a.candidates.variants[v.variant].parameters.back().second)->number;
        if (std::abs(r - 3) > 1) CHECK(v.replications == 10);
        const double rho = r / 6, expected = rho / (2 * (1 - rho)) * 600;
        if (r < 4) CHECK(v.metrics[0].mean.mean == Approx(expected).epsilon(0.06));
    }
}

TEST_CASE("optimise: the best interval of checkpoints is Daly's") {
    const questions here;
    const auto a = answer(here, "d.db", here.ask("job.yaml", R"(vary:
  workload.0.training.checkpoint.interval: { from: "2 min", to: "50 min", scale: log }
goal: { maximise: training.job.effective_training_time_ratio }
samples: 16
replications: 12
)"));
    const double daly_min = execution::daly_interval_s(30, 1230.769 * 86'400 / 16'384) / 60;
    CHECK(daly_min == Approx(10).margin(0.2));
    REQUIRE(a.found.answer);
    const double best = io::split_number(a.answer())->number;
    INFO(text_of(a));
    CHECK((best > daly_min / 1.3 && best < daly_min * 1.3));  // points are a factor of 1.2 apart
    // 16 points with 3 replications, 8 with 6, 4 with 12.
    CHECK(a.found.trials == 16 * 3 + 8 * 3 + 4 * 6);
    double sum = 0;
    for (const judged_value& v : a.found.values) sum += v.best.value_or(0);
    CHECK(sum == Approx(1));
    CHECK(a.found.values[*a.found.answer].may_be_best);
}

TEST_CASE("optimise: halving finds the best of known points under a limit") {
    const questions here;
    // Makespan falls with GPUs, occupancy does too: the least makespan with all GPUs in use throughout is that of 12.
    const auto a =
        answer(here, "h.db", here.ask("batch.yaml", R"(vary: { fleet.pool_gpus: { from: 1, to: 24, whole: true } }
goal: { minimise: makespan_s }
where: { utilisation: ">= 0.99" }
samples: 64
method: latin-hypercube
replications: 4
)"));
    CHECK(a.answer() == "12");
}

TEST_CASE("optimise: answers depend on neither threads nor ranks nor interruptions") {
    const questions here;
    const auto asked = here.ask("queue.yaml", queue_question);
    const auto one = answer(here, "one.db", asked, {.threads = 1});
    CHECK(text_of(answer(here, "three.db", asked, {.threads = 3})) == text_of(one));
    for (int calls = 0;; ++calls) {
        const auto part = answer(here, "parts.db", asked,
                                 {.threads = 2, .watch = [](const sweep_state& s) { return s.ended_here < 7; }});
        if (part.found.interrupted) {
            CHECK_FALSE(part.found.answer);
            continue;
        }
        CHECK(calls > 2);
        CHECK(text_of(part) == text_of(one));
        CHECK(part.content == one.content);
        break;
    }
    auto all = test::thread_ranks::make(3);
    std::vector<std::jthread> others;
    for (std::size_t r = 1; r != 3; ++r) {
        others.emplace_back([&, r] {
            const auto candidates = candidates_of(asked);
            trial_runner runner(candidates);
            const auto about = provenance_of(candidates, runner.check(1, checked_rows(asked, candidates)));
            serve_trials(*all[r], runner, {.fingerprint = fingerprint_of(about)});
        });
    }
    const rank_dismissal dismissal(*all[0]);
    const auto ranked = answer(here, "ranks.db", asked, {.threads = 1, .others = all[0].get()});
    CHECK(text_of(ranked) == text_of(one));
    CHECK(ranked.content == one.content);
}

TEST_CASE("optimise: budgets and failing trials end it") {
    const questions here;
    const auto spent = answer(here, "b.db", here.ask("queue.yaml", queue_question + "budget: 35\n"));
    CHECK(spent.found.out_of_budget);
    CHECK_FALSE(spent.found.answer);
    CHECK_FALSE(spent.found.certain);
    CHECK(spent.found.trials <= 35);
    test::write_file(here.path("jobs.csv"), "job_id,submit_s,gpus,duration_s\n1,0,1,x\n");
    const auto failed = answer(here, "f.db",
                               here.ask("batch.yaml",
                                        "vary: { fleet.pool_gpus: [1, 2] }\ngoal: smallest\n"
                                        "where: { makespan_s: < 5 }\n"));
    CHECK_FALSE(failed.found.answer);
    CHECK(failed.found.first_error.find("jobs.csv:2:7: error: duration_s: ") != std::string::npos);
}

TEST_CASE("optimise: what is wrong with a question") {
    const questions here;
    const auto refused = [&](const std::string& more) {
        try {
            const auto asked = here.ask("batch.yaml", more);
            static_cast<void>(answer(here, "w.db", asked));
        } catch (const scenario_error& e) {
            return std::string{e.what()};
        }
        return std::string{"accepted"};
    };
    const std::string vary = "vary: { fleet.pool_gpus: { from: 1, to: 4, whole: true } }\n";
    const std::string where = "where: { makespan_s: < 5 }\n";
    CHECK(refused(vary + "goal: smallest\n").starts_with("q.yaml:1:1: error: where: required key is missing;"));
    CHECK(refused(vary + where).starts_with("q.yaml:1:1: error: goal: required key is missing;"));
    CHECK(refused(vary + where + "goal: smalest\n") ==
          "q.yaml:7:7: error: goal: unknown goal (smalest); did you mean `smallest`?");
    CHECK(refused(vary + "goal: minimise\n").find("name the metric, as in goal: { minimise: jct_s.mean }") !=
          std::string::npos);
    CHECK(refused(vary + "goal: { minimise: jct_s.maen }\n").find("did you mean `jct_s.mean`?") != std::string::npos);
    CHECK(refused(vary + "goal: smallest\nwhere: { makespan: < 5 }\n")
              .starts_with("q.yaml:7:10: error: where.makespan: unknown metric (makespan)"));
    CHECK(refused(vary + "goal: smallest\nwhere: { makespan_s: 5 }\n")
              .starts_with("q.yaml:7:22: error: where.makespan_s: not a limit (5); write it as in"));
    CHECK(refused(vary + "goal: smallest\nwhere: { makespan_s: < 5 min }\n").find("a limit with a unit (< 5 min)") !=
          std::string::npos);
    CHECK(refused("vary: { fleet.pool_gpus: [4, 2] }\ngoal: smallest\n" + where).find("values that do not rise (2)") !=
          std::string::npos);
    CHECK(refused("vary: { scheduler.policy: [fifo, easy] }\ngoal: smallest\n" + where)
              .find("not a number in the unit of the others (fifo)") != std::string::npos);
    CHECK(refused("vary: { fleet.pool_gpus: [1, 2], x.y: [1, 2] }\ngoal: smallest\n" + where)
              .find("a second key for the smallest or largest value") != std::string::npos);
    CHECK(refused(vary + "goal: smallest\nsamples: 8\n" + where).find("goes with minimise and maximise alone") !=
          std::string::npos);
    CHECK(refused(vary + "goal: smallest\nconfidence: 95\n" + where)
              .starts_with("q.yaml:7:13: error: confidence: not a share that can be (95)"));
    CHECK(
        refused(vary + "goal: smallest\nreps: 5\n" + where).starts_with("q.yaml:7:1: error: reps: unknown key (reps)"));
    CHECK(refused("vary: { fleet.pool_gpu: [1, 2] }\ngoal: smallest\n" + where)
              .starts_with("q.yaml:5:26: error: fleet.pool_gpu: unknown key"));
    CHECK(refused(vary + "goal: { minimise: services.chat.ttft_s.mean }\n")
              .starts_with("q.yaml:6:7: error: services.chat.ttft_s.mean: no trial has this metric;"));
}

TEST_CASE("optimise: repeated looks at a value next to its limit keep to the error asked for") {
    // The mean is the limit: any sure verdict is wrong on one side. Looks after 10, 20, 40 and 80 replications.
    const normal_distribution normal;
    int holds = 0, fails = 0;
    constexpr int experiments = 1000;
    for (std::uint64_t e = 0; e != experiments; ++e) {
        random_stream stream{31, purpose::test, e};
        std::vector<double> values;
        for (const std::size_t n : {10U, 20U, 40U, 80U}) {
            while (values.size() < n) values.push_back(normal(stream));
            const auto within = careful_mean(values, {.times = 999}).within(1 - 0.05 / 4);
            if (within.contains(0)) continue;
            ++(within.high < 0 ? holds : fails);
            break;
        }
    }
    INFO(holds << ' ' << fails);
    CHECK(holds <= 30);
    CHECK(fails <= 30);
}
