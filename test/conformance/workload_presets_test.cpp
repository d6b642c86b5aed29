// Generated jobs against the published statistics that each workload model names, within the tolerance that stands
// there. Fixed seed. With AMPACITY_PRINT_FIGURES=1 the figures are printed as the table of docs/synthetic-workloads.md.
#include "support/catch.hpp"

#include <ampacity/core/statistics.hpp>
#include <ampacity/io/models.hpp>
#include <ampacity/io/prepare.hpp>
#include <ampacity/io/scenario_file.hpp>
#include <ampacity/scenario/synthetic_options.hpp>
#include <ampacity/sim/simulation.hpp>
#include <ampacity/workload/synthetic.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace ampacity;

namespace {

constexpr std::uint64_t num_jobs = 1'000'000;

/// What the figures' names mean, on the jobs of one stream.
class measured {
public:
    explicit measured(const std::vector<workload::job_request>& jobs) : jobs_(jobs) {
        instant last = start_of_time;
        for (const auto& j : jobs) {
            durations_.push_back(order_key(to_seconds(j.work)));
            gpus_.push_back(j.gpus);
            intervals_.push_back(order_key(to_seconds(j.submit - last)));
            last = j.submit;
            duration_sum_ += to_seconds(j.work);
            gpu_sum_ += j.gpus;
            gpu_time_sum_ += j.gpus * to_seconds(j.work);
            by_size_[j.gpus].jobs += 1;
            by_size_[j.gpus].gpu_time += j.gpus * to_seconds(j.work);
            by_hour_[ticks(j.submit) / 3'600'000'000'000 % 24] += 1;
        }
    }

    [[nodiscard]] double operator()(const std::string& figure) const {
        const auto n = static_cast<double>(jobs_.size());
        const std::size_t dot = figure.find('.');
        const std::string of = figure.substr(0, dot);
        const std::string what = dot == std::string::npos ? "" : figure.substr(dot + 1);
        if (figure == "rate") return n / to_seconds(jobs_.back().submit) * 3600;
        if (figure == "duration.mean") return duration_sum_ / n;
        if (figure == "gpus.mean") return gpu_sum_ / n;
        if (figure == "gpu_time.mean") return gpu_time_sum_ / n;
        if (figure == "gpus.max") return static_cast<double>(*std::max_element(gpus_.begin(), gpus_.end()));
        if (figure == "gpus.p50") return static_cast<double>(percentile(gpus_, p50));
        const per_mille rank{what == "p50" ? 500U : what == "p95" ? 950U : 0U};
        if (of == "duration" && rank.value != 0) return from_order_key(percentile(durations_, rank));
        if (of == "interval" && rank.value != 0) return from_order_key(percentile(intervals_, rank));
        const auto number = static_cast<std::uint32_t>(std::stoul(what));
        if (of == "jobs") return by_size_.at(number).jobs / n;
        if (of == "gpu_time") return by_size_.at(number).gpu_time / gpu_time_sum_;
        if (of == "hour") return by_hour_.at(number) / n;
        FAIL("unknown figure " << figure);
        return 0;
    }

private:
    struct size {
        double jobs = 0;
        double gpu_time = 0;
    };
    static std::uint64_t percentile(const std::vector<std::uint64_t>& keys, per_mille p) {
        const auto each = [&keys](auto&& sink) {
            for (const std::uint64_t k : keys) sink(k);
        };
        return select_percentiles(each, {p})[0].value();
    }

    const std::vector<workload::job_request>& jobs_;
    std::vector<std::uint64_t> durations_, gpus_, intervals_;
    double duration_sum_ = 0, gpu_sum_ = 0, gpu_time_sum_ = 0;
    std::map<std::uint32_t, size> by_size_;
    std::map<std::int64_t, double> by_hour_;
};

std::vector<workload::job_request> generate(const scenario::workload_model& model) {
    scenario::synthetic_jobs jobs = model.synthetic;
    jobs.jobs = num_jobs;
    // A Monday.
    const scenario::date start{std::chrono::sys_days{std::chrono::year{2017} / 9 / 4}};
    workload::synthetic_source source{scenario::make_options(jobs, 42, 0, start)};
    std::vector<workload::job_request> out(num_jobs);
    REQUIRE(source.next(out) == out.size());
    return out;
}

void check(const std::string& name) {
    const auto models = io::find_models("workloads");
    const auto at = std::find_if(models.begin(), models.end(), [&](const auto& m) { return m.name == name; });
    REQUIRE(at != models.end());
    const auto model = io::read_workload_model(at->file);
    CHECK(model.published.size() >= 5);
    const auto jobs = generate(model);
    const measured figures(jobs);
    for (const auto& p : model.published) {
        const double got = figures(p.figure);
        INFO(p.figure << " published " << p.value << ' ' << p.unit << " generated " << got);
        CHECK(std::abs(got / p.value - 1) <= p.tolerance);
        if (std::getenv("AMPACITY_PRINT_FIGURES") != nullptr)
            std::printf("| %s | %s | %.6g %s | %.6g |\n", name.c_str(), p.figure.c_str(), p.value, p.unit.c_str(), got);
    }
}

}  // namespace

TEST_CASE("jobs like those of Philly have the published statistics") { check("philly-like"); }
TEST_CASE("jobs like those of Helios have the published statistics") { check("helios-like"); }
TEST_CASE("jobs like those of Acme have the published statistics") { check("acme-like"); }

TEST_CASE("the scenario of each preset runs") {
    const std::filesystem::path folder = std::filesystem::path{AMPACITY_SOURCE_DIR} / "scenarios" / "synthetic";
    const std::vector<io::scenario_override> fewer{{"workload.0.synthetic.jobs", "5000", "--set"}};
    int scenarios = 0;
    for (const auto& at : io::find_models("workloads")) {
        const auto loaded = io::read_scenario(folder / (at.name + ".yaml"), fewer);
        REQUIRE(loaded.models.size() == 1);
        CHECK(loaded.models[0].path == at.file.string());
        auto prepared = io::prepare(loaded);
        sim::simulation s(std::move(prepared.parts));
        s.run();
        CHECK(s.results().submitted == 5000);
        CHECK(s.results().rejected == 0);
        CHECK(s.results().finished > 4900);
        ++scenarios;
    }
    CHECK(scenarios == 3);
}

TEST_CASE("every workload model is read, tested here, and says where each key comes from") {
    std::set<std::string> names;
    for (const auto& at : io::find_models("workloads")) {
        INFO(at.file.string());
        names.insert(at.name);
        const auto model = io::read_workload_model(at.file);
        std::set<std::string> said;
        for (const auto& p : model.parameters) {
            CHECK_FALSE(p.source.empty());
            said.insert(p.key.substr(0, p.key.find('.')));
        }
        const auto& s = model.synthetic;
        std::set<std::string> given{"jobs", "rate", "cv", "gpus"};
        if (s.duration.median || !s.duration.mixture.empty()) given.insert("duration");
        if (s.arrivals) given.insert("arrivals");
        if (s.users) given.insert("users");
        if (!s.groups.empty()) given.insert("groups");
        if (!s.priorities.empty()) given.insert("priorities");
        if (s.estimate_factor) given.insert("estimate_factor");
        CHECK(said == given);
    }
    CHECK(names == std::set<std::string>{"philly-like", "helios-like", "acme-like"});
}
