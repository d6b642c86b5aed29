// The published results of Muri's simulator (Rivendile/Muri, simulator/draw_fig9-10.py) for SRTF and SRSF without job
// packing, to every digit. Its progress rule is its own: at every event each running job loses a start-up time, except
// one that ends there. The policy below says so through `plan::preempt`, with public headers of the simulation only.
#include "support/catch.hpp"
#include "support/data.hpp"

#include <ampacity/io/csv_reader.hpp>
#include <ampacity/policy/placer.hpp>
#include <ampacity/policy/policy.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/workload/source.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace ampacity;

namespace {

constexpr std::array<std::string_view, 8> models{"vgg16", "vgg19", "resnet18", "shufflenet_v2_x1_0",
                                                 "bert",  "gpt2",  "a2c",      "dqn"};

/// Start-up time by log2 of the GPUs and model. [s]
constexpr std::array<std::array<int, 8>, 6> overheads{{{7, 7, 4, 4, 10, 10, 38, 5},
                                                       {7, 7, 5, 4, 10, 10, 39, 5},
                                                       {8, 8, 5, 5, 10, 10, 39, 6},
                                                       {9, 9, 7, 5, 10, 10, 46, 6},
                                                       {9, 10, 7, 7, 10, 10, 46, 8},
                                                       {10, 10, 7, 8, 10, 10, 46, 8}}};

duration overhead(std::uint32_t gpus, std::uint32_t model) {
    const auto row = static_cast<std::size_t>(std::bit_width(gpus) - 1);
    const bool listed = std::has_single_bit(gpus) && row < overheads.size() && model < models.size();
    return std::chrono::seconds{listed ? overheads[row][model] : 10};
}

enum class order { remaining_time, remaining_service };

/// At every event: all running jobs stop and pay for it, the standing list is sorted, and jobs are placed from scratch
/// in its order, past those that do not fit.
class muri final : public policy::policy {
public:
    explicit muri(order by) : by_(by) {}

    void on_submit(const view&, job_id job) override { standing_.push_back(job); }
    void on_finish(const view&, job_id job) override { std::erase(standing_, job); }

    void decide(const view& v, plan& p) override {
        for (const job_id job : standing_) {
            const job_view& j = v[job];
            if (j.state != job_state::running) continue;
            p.preempt(job, std::min(v.now - j.run_start, overhead(j.demand.gpus, j.group)));
        }
        std::stable_sort(standing_.begin(), standing_.end(), [&](job_id a, job_id b) { return key(v, a) < key(v, b); });
        for (const job_id job : standing_) p.start(job);
    }

private:
    [[nodiscard]] std::int64_t key(const view& v, job_id job) const {
        const std::int64_t left = ticks(v.oracle.work(job) - v[job].progress);
        return by_ == order::remaining_time ? left : left * v[job].demand.gpus;
    }

    order by_;
    std::vector<job_id> standing_;
};

std::int64_t integer(io::csv_reader& csv, std::string_view column) {
    return std::stoll(std::string{csv[csv.find(column).value()]});
}

std::vector<workload::job_request> read(const std::filesystem::path& file) {
    io::csv_reader csv(io::input_stream{file});
    std::vector<workload::job_request> jobs;
    while (csv.next()) {
        workload::job_request r;
        r.row = jobs.size();
        r.name = integer(csv, "job_id");
        r.submit = start_of_time + std::chrono::milliseconds{integer(csv, "submit_time")};
        // An iteration takes iteration_time x 1.015 ms, a whole number of nanoseconds.
        r.work = duration{integer(csv, "iterations") * integer(csv, "iteration_time") * 1'015'000};
        r.gpus = r.gpus_min = r.gpus_max = static_cast<std::uint32_t>(integer(csv, "num_gpu"));
        const auto model = std::find(models.begin(), models.end(), csv[csv.find("model_name").value()]);
        r.group = static_cast<std::uint32_t>(model - models.begin());
        jobs.push_back(r);
    }
    return jobs;
}

struct figures {
    double mean_jct_s = 0;
    double makespan_s = 0;
    double p99_jct_s = 0;
};

figures replay(std::vector<workload::job_request> jobs, order by) {
    sim::parts parts{.fleet = fleet::fleet_state::flat_nodes(8, 8),
                     .policy = std::make_unique<muri>(by),
                     .placer = policy::make_first_fit()};
    parts.sources.push_back(std::make_unique<workload::vector_source>(std::move(jobs)));
    sim::simulation s(std::move(parts));
    s.run();
    const sim::summary& result = s.results();
    CHECK(result.finished == result.submitted);
    CHECK(result.books[account::lost] > 0);
    std::vector<duration> jct;
    for (const sim::job_record& r : s.records(0)) jct.push_back(r.finish - r.submit);
    std::sort(jct.begin(), jct.end());
    return {.mean_jct_s = result.jct_s->mean,
            .makespan_s = *result.makespan_s,
            .p99_jct_s = to_seconds(jct[jct.size() * 99 / 100])};  // their sorted[int(0.99 n)]
}

/// With as many decimals as were published.
std::string like(std::string_view published, double x) {
    const std::size_t point = published.find('.');
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.*f", static_cast<int>(published.size() - point - 1), x);
    return text.data();
}

void check(double x, std::string_view published) { CHECK(like(published, x) == published); }

}  // namespace

TEST_CASE("SRTF and SRSF of Muri's simulator on its trace 1", "[muri]") {
    const auto file = test::real_data("conformance/muri_trace1.csv.gz");
    if (!file) return;
    const auto jobs = read(*file);
    REQUIRE(jobs.size() == 1494);
    const figures srtf = replay(jobs, order::remaining_time);
    check(srtf.mean_jct_s, "1370603.198");
    check(srtf.makespan_s, "26045465.532945");
    check(srtf.p99_jct_s, "16647148.09074");
    check(replay(jobs, order::remaining_service).mean_jct_s, "980140.5699");
}

TEST_CASE("SRTF and SRSF of Muri's simulator on its trace 3", "[muri]") {
    const auto file = test::real_data("conformance/muri_trace3.csv.gz");
    if (!file) return;
    const auto jobs = read(*file);
    REQUIRE(jobs.size() == 992);
    const figures srtf = replay(jobs, order::remaining_time);
    check(srtf.mean_jct_s, "193081.796");
    check(srtf.makespan_s, "8174135.28");
    check(srtf.p99_jct_s, "4538890.607");
    check(replay(jobs, order::remaining_service).mean_jct_s, "185021.8802");
}
