// `ampacity steady`: the mean of one run without its warm-up, against the same by plain loops.
#include "cli/program.hpp"

#include <ampacity/experiment/comparison.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <sstream>
#include <string>
#include <vector>

using namespace ampacity::test;

namespace {

std::string queue_of(int jobs, const char* rate) {
    return R"(ampacity: 1
name: queue
seed: 5
fleet: { pool_gpus: 1 }
workload:
  - synthetic: { jobs: )" +
           std::to_string(jobs) + R"(, rate: ")" + rate +
           R"(", duration: { median: "40 s", sigma: 0.5, max: "1 h" }, gpus: [ { gpus: 1, weight: 1 } ] }
scheduler: { policy: fifo }
)";
}

double mean_of(const std::vector<double>& x, std::size_t from, std::size_t to) {
    double sum = 0;
    for (std::size_t i = from; i != to; ++i) sum += x[i];
    return sum / static_cast<double>(to - from);
}

/// The cut by its definition, with at least five means of five left.
std::size_t mser_5(const std::vector<double>& x) {
    std::vector<double> means;
    for (std::size_t i = 0; i + 5 <= x.size(); i += 5) means.push_back(mean_of(x, i, i + 5));
    std::size_t best = 0;
    double least = INFINITY;
    for (std::size_t d = 0; d + 5 <= means.size(); ++d) {
        const double m = mean_of(means, d, means.size()), n = static_cast<double>(means.size() - d);
        double squares = 0;
        for (std::size_t i = d; i != means.size(); ++i) squares += (means[i] - m) * (means[i] - m);
        if (squares / (n * n) < least * (1 - 1e-12)) {
            least = squares / (n * n);
            best = d;
        }
    }
    return 5 * best;
}

/// Cells of the row of a metric: values, warm-up, mean, low, "..", high, batch, lag, verdict.
std::vector<std::string> row_of(const std::string& out, const std::string& metric) {
    for (const std::string& line : lines_of(out)) {
        if (!line.starts_with(metric + ' ')) continue;
        std::istringstream words{line.substr(metric.size())};
        std::vector<std::string> cells;
        for (std::string w; words >> w;) cells.push_back(w);
        return cells;
    }
    return {};
}

}  // namespace

TEST_CASE("steady: warm-up, mean and interval are those of plain loops") {
    const workspace here{queue_of(4321, "50 /h")};
    here.run_well();
    std::vector<double> waits;
    const auto rows = lines_of(here.read("out/jobs.csv"));
    for (std::size_t i = 1; i != rows.size(); ++i) {
        const auto cells = fields_of(rows[i]);
        waits.push_back(std::stod(cells[2]) - std::stod(cells[1]));
    }
    const std::size_t cut = mser_5(waits), left = waits.size() - cut;
    std::size_t length = 1;
    while (left / length >= 2 * 32) length *= 2;
    std::vector<double> batches;
    for (std::size_t i = cut; i + length <= waits.size(); i += length) batches.push_back(mean_of(waits, i, i + length));
    const auto within = *ampacity::experiment::t_interval(ampacity::experiment::mean_of(batches), 0.9);

    const auto r = here.call({"steady", "out", "--metric", "wait_s", "--confidence", "90"});
    REQUIRE(r.status == 0);
    CHECK(r.err.empty());
    CHECK(contains(r.out, "90 % interval"));
    const auto cells = row_of(r.out, "wait_s");
    REQUIRE(cells.size() == 9);
    CHECK(cells[0] == "4321");
    CHECK(cells[1] == std::to_string(cut));
    CHECK(std::stod(cells[2]) == Approx(mean_of(waits, cut, waits.size())).epsilon(1e-5));
    CHECK(std::stod(cells[3]) == Approx(within.low).epsilon(1e-5));
    CHECK(std::stod(cells[5]) == Approx(within.high).epsilon(1e-5));
    CHECK(cells[6] == std::to_string(length));
    CHECK(cells[8] == (std::abs(std::stod(cells[7])) > 2 / std::sqrt(32.0) ? "correlated" : "steady"));
    // All that there is, in more batches.
    const auto all = here.call({"steady", "out", "--batches", "100"});
    for (const char* const metric : {"jct_s", "wait_s", "bounded_slowdown"}) CHECK(row_of(all.out, metric).size() == 9);
    CHECK(std::stoul(row_of(all.out, "jct_s")[6]) <= length / 2);
}

TEST_CASE("steady: requests of services, by name") {
    const std::string service = R"(  - service:
      name: NAME
      replicas: 1
      gpus_per_replica: 1
      router: round-robin
      engine: { max_seqs: 8, max_batched_tokens: 2048, kv_capacity_tokens: 60000, kv_block_tokens: 16,
        step: { base: "5 ms", per_token: "20 us", per_kv_token: "30 ns", per_prefill_attention: "1 ns" } }
      synthetic: { requests: 600, rate: "3 /s", prompt: { median: "500 token", sigma: 0.8, max: "4000 token" },
        output: { median: "60 token", sigma: 1, max: "1000 token" } }
)";
    const workspace here{"ampacity: 1\nname: two\nseed: 1\nfleet: { pool_gpus: 2 }\nworkload:\n" +
                         with(service, "NAME", "a") + with(service, "NAME", "b") +
                         "scheduler: { policy: fifo }\noutput: { requests: true }\n"};
    here.run_well();
    const auto both = here.call({"steady", "out"});
    REQUIRE(both.status == 0);
    std::vector<double> ttft;
    for (const std::string& line : lines_of(here.read("out/requests-b.csv"))) {
        const auto cells = fields_of(line);
        if (cells[0] != "request") ttft.push_back(std::stod(cells[2]));
    }
    const auto cells = row_of(both.out, "b ttft_s");
    REQUIRE(cells.size() == 9);
    CHECK(cells[0] == "600");
    const auto cut = std::stoul(cells[1]);
    CHECK(cut == mser_5(ttft));
    CHECK(std::stod(cells[2]) == Approx(mean_of(ttft, cut, ttft.size())).epsilon(1e-5));
    CHECK(row_of(both.out, "a e2e_s").size() == 9);
    const auto one = here.call({"steady", "out", "--service", "a", "--metric", "tpot_s"});
    CHECK(row_of(one.out, "a tpot_s") == row_of(both.out, "a tpot_s"));
    CHECK(row_of(one.out, "b tpot_s").empty());
    const auto unknown = here.call({"steady", "out", "--service", "c"});
    CHECK(unknown.status == 2);
    CHECK(contains(unknown.err, "there is no such service (c)"));
}

TEST_CASE("steady: refusals") {
    const workspace here{queue_of(20, "50 /h")};
    here.run_well();
    const auto refused = [&](int status, const std::vector<std::string>& arguments) {
        const auto r = here.call(arguments);
        CHECK(r.status == status);
        CHECK(r.out.empty());
        return r.err;
    };
    CHECK(contains(refused(3, {"steady", "out"}), "the run is too short for a steady state (20 values of jct_s)"));
    CHECK(contains(refused(3, {"steady", "out", "--metric", "ttft_s"}),
                   "out/requests.csv: error: there is no such file"));
    CHECK(contains(refused(2, {"steady", "nowhere"}), "there is no such folder"));
    refused(2, {"steady", "out", "--metric", "jct_s.mean"});
    refused(2, {"steady", "out", "--batches", "5"});
    refused(2, {"steady", "out", "--confidence", "100"});
    here.run_well({"--set", "output.jobs=false"});
    CHECK(contains(refused(3, {"steady", "out"}), "nothing that has finished is in its files"));
    CHECK(contains(refused(3, {"steady", "out", "--metric", "wait_s"}), "out/jobs.csv: error: there is no such file"));
    CHECK(contains(refused(2, {"report", "out", "--by", "scheduler.policy"}), "--by: a run has no variants"));
}
