#include "support/catch.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/inference_calibration.hpp>
#include <ampacity/serving/percentile_planner.hpp>
#include <ampacity/serving/server_comparison.hpp>

#include <algorithm>
#include <cmath>
#include <string>

using namespace ampacity;

namespace {

llm::model read(const std::string& name) { return io::read_model<llm::model>(name).value; }
llm::system h100() { return llm::system_of(io::read_model<hardware::node>("dgx-h100").value); }
llm::system b200() { return llm::system_of(io::read_model<hardware::node>("dgx-b200").value); }
const llm::inference_efficiency& shipped() {
    static const auto e = io::read_model<llm::inference_efficiency>("inference").value;
    return e;
}
llm::inference_deployment fp8() {
    llm::inference_deployment d{.software = std::string{llm::tuned_program}};
    d.decode.precision = d.decode.mixers = llm::precision_kind::fp8;
    d.decode.cache_bytes = 1;
    return d;
}
serving::percentile_goal small() {
    return {.prompt = {.mean = 400, .sigma = 0.6, .most = 2000}, .output = {.mean = 60, .sigma = 0.5, .most = 300}};
}

}  // namespace

TEST_CASE("a cut lognormal law has its mean after the cut", "[serving]") {
    for (const double sigma : {0.2, 0.8, 1.5}) {
        for (const double most : {0.0, 1500.0, 8000.0}) {
            const llm::length_law l{.mean = 700, .sigma = sigma, .most = most};
            const double median = l.median();
            double mean = 0, squares = 0, weights = 0;
            for (int i = -80'000; i <= 80'000; ++i) {
                const double z = i * 1e-4;
                const double weight = std::exp(-z * z / 2);
                const double x = median * std::exp(sigma * z);
                const double cut = most > 0 ? std::min(x, most) : x;
                weights += weight;
                mean += weight * cut;
                squares += weight * cut * cut;
            }
            CHECK(mean / weights == Approx(700).epsilon(1e-4));
            CHECK(l.met() == Approx(squares / mean).epsilon(1e-3));
        }
    }
    const llm::length_law alike{.mean = 128};
    CHECK(alike.median() == 128);
    CHECK(alike.met() == 128);
}

TEST_CASE("steps take what the limit of a token leaves room for", "[serving]") {
    const llm::model m = read("llama-3.1-70b");
    const llm::inference_deployment d = fp8();
    double before = 256;
    for (const double limit : {0.001, 0.04, 0.1, 0.2, 1.0}) {
        const double tokens = serving::step_tokens_within(m, d, limit, 300, h100(), shipped());
        const auto lasts = [&](double of) {
            return llm::iteration_of(m, d.decode, {.prefills = of / 300, .prefill_tokens = of}, h100(), shipped(),
                                     shipped().find_software(d.software))
                .time_s();
        };
        CHECK(tokens >= before);
        if (tokens > 256) CHECK(lasts(tokens) <= limit);
        if (tokens < 8192) CHECK(lasts(2 * tokens) > limit);
        before = tokens;
    }
    CHECK(serving::step_tokens_within(m, d, 0, 300, h100(), shipped()) == 8192);
}

TEST_CASE("percentiles of replicas follow the load and are near equal requests", "[serving]") {
    const llm::model m = read("llama-3.1-8b");
    llm::inference_deployment d = fp8();
    d.decode_workers = 2;
    d.step_tokens = 2048;
    const auto light = serving::latencies_at(m, d, small(), 2, h100(), shipped());
    const auto full = llm::most_within(m, d, {.prompt = 400, .output = 60, .most_tpot_s = 0.03}, h100(), shipped());
    const auto busy = serving::latencies_at(m, d, small(), full.requests_s, h100(), shipped());
    CHECK(light.ttft_p50_s <= light.ttft_p99_s);
    CHECK(light.tpot_p50_s <= light.tpot_p99_s);
    CHECK(busy.ttft_p50_s > light.ttft_p50_s);
    CHECK(busy.tpot_p50_s > 2 * light.tpot_p50_s);
    // A lone request: its prompt, and the time of a request outside of steps.
    const llm::inference_software with = shipped().find_software(d.software);
    const double prompt = llm::iteration_of(m, d.decode, {.prefills = 1, .prefill_tokens = small().prompt.median()},
                                            h100(), shipped(), with)
                              .time_s();
    CHECK(light.ttft_p50_s - with.request_s == Approx(prompt).epsilon(0.25));
    CHECK(light.tpot_p50_s == Approx(llm::token_s(m, d, 1, 430, h100(), shipped())).epsilon(0.1));
    CHECK(busy.tpot_p50_s == Approx(full.tpot_s).epsilon(0.25));
    const auto again = serving::latencies_at(m, d, small(), full.requests_s, h100(), shipped());
    CHECK(again.tpot_p99_s == busy.tpot_p99_s);
    CHECK(again.ttft_p50_s == busy.ttft_p50_s);
}

TEST_CASE("the best replicas keep the limits of 99 % and no larger rate does", "[serving]") {
    const llm::model m = read("llama-3.1-8b");
    serving::percentile_goal goal = small();
    goal.most_ttft_s = 0.3;
    goal.most_tpot_s = 0.02;
    const auto best = serving::best_within(m, 4, fp8(), goal, h100(), shipped());
    REQUIRE(best.most.requests_s > 0);
    CHECK(best.most.keeps(goal));
    CHECK(best.most.ttft_p99_s <= goal.most_ttft_s);
    CHECK(best.most.tpot_p99_s <= goal.most_tpot_s);
    CHECK(best.as.gpus() <= 4);
    CHECK_FALSE(serving::latencies_at(m, best.as, goal, 1.15 * best.most.requests_s, h100(), shipped()).keeps(goal));
    serving::percentile_goal loose = goal;
    loose.most_tpot_s = 0.04;
    CHECK(serving::best_within(m, 4, fp8(), loose, h100(), shipped()).most.requests_s > best.most.requests_s);
    goal.most_tpot_s = 1e-4;
    CHECK(serving::best_within(m, 4, fp8(), goal, h100(), shipped()).most.requests_s == 0);
}

namespace {

/// Runs of two models on two kinds of GPU that are just what the tuned engines of `e` do at some batches.
llm::inference_set runs_of(const llm::inference_efficiency& e) {
    llm::inference_set set;
    set.models = {read("llama-3.1-8b"), read("llama-3.1-70b")};
    set.systems = {h100(), b200()};
    for (std::uint32_t model = 0; model < 2; ++model) {
        for (std::uint32_t system = 0; system < 2; ++system) {
            for (const double decodes : {20.0, 150.0, 600.0, 2000.0}) {
                for (const std::uint32_t tp : {2U, 4U}) {
                    llm::measured_server r{.suite = "made", .model = model, .system = system, .gpus = 8, .like = fp8()};
                    if (system == 1) r.like.decode.precision = r.like.decode.mixers = llm::precision_kind::nvfp4;
                    r.usual = r.like;
                    r.usual.decode.tp = tp;
                    r.usual.decode_workers = 8 / tp;
                    r.prompt = {.mean = 500, .sigma = 0.5, .most = 3000};
                    r.output = {.mean = 200, .sigma = 0.5, .most = 1000};
                    r.goal = {.prompt = 500, .output = 200};
                    const llm::model& m = set.models[model];
                    const llm::system& s = set.systems[system];
                    r.tpot_s = llm::token_s(m, r.usual, decodes, 500 + r.output.met() / 2, s, e) +
                               decodes / 200 * llm::prompt_s(m, r.usual, decodes, 500, s, e);
                    r.requests_s = r.usual.decode_workers * decodes / (200 * r.tpot_s);
                    set.servers.push_back(r);
                }
            }
        }
    }
    return set;
}

llm::inference_software& tuned(llm::inference_efficiency& e) {
    return *std::find_if(e.software.begin(), e.software.end(), [](const auto& s) { return s.tuned(); });
}

}  // namespace

TEST_CASE("the fit finds tuned engines that other coefficients made", "[serving]") {
    llm::inference_efficiency truth = shipped();
    tuned(truth).products = 1.2;
    tuned(truth).nvfp4 = 1.6;
    tuned(truth).traffic = 0.6;
    tuned(truth).layer = 0.8;
    tuned(truth).reduce = 0.8;
    llm::inference_set set = runs_of(truth);
    for (const auto& r : set.servers) CHECK(llm::tuned_error(set, r, truth) == Approx(0).margin(1e-9));
    llm::inference_efficiency e = shipped();
    llm::fit_tuned(set, e);
    const auto largest = [&](const llm::inference_efficiency& of) {
        double most = 0;
        for (const auto& r : set.servers) most = std::max(most, std::abs(llm::tuned_error(set, r, of)));
        return most;
    };
    CHECK(largest(shipped()) > 0.2);
    CHECK(largest(e) < 0.08);
    CHECK(*tuned(e).products == Approx(1.2).epsilon(0.1));
    CHECK(*tuned(e).nvfp4 == Approx(1.6).epsilon(0.1));
    // Runs that are not fitted do not matter, and without any nothing changes.
    for (std::size_t i = 0; i < set.servers.size(); i += 2) set.servers[i].fitted = false;
    llm::inference_efficiency some = shipped();
    llm::fit_tuned(set, some);
    for (std::size_t i = 0; i < set.servers.size(); i += 2) set.servers[i].tpot_s *= 3;
    llm::inference_efficiency same = shipped();
    llm::fit_tuned(set, same);
    CHECK(some == same);
    for (auto& r : set.servers) r.fitted = false;
    llm::inference_efficiency none = shipped();
    llm::fit_tuned(set, none);
    CHECK(none == shipped());
}

TEST_CASE("benchmark runs are judged under their rate and under the largest", "[serving]") {
    llm::inference_set set;
    set.models = {read("llama-3.1-8b")};
    set.systems = {h100()};
    llm::measured_server r{.suite = "made", .gpus = 2, .like = fp8()};
    r.usual = r.like;
    r.usual.decode_workers = 2;
    const serving::percentile_goal goal = [] {
        serving::percentile_goal g = small();
        g.most_ttft_s = 0.5;
        g.most_tpot_s = 0.02;
        return g;
    }();
    r.prompt = goal.prompt;
    r.output = goal.output;
    r.goal = goal.mean();
    const auto best = serving::best_within(set.models[0], 2, r.like, goal, set.systems[0], shipped());
    REQUIRE(best.most.requests_s > 0);
    const double slow = best.most.requests_s / 2;
    const auto at = serving::latencies_at(set.models[0], best.as, goal, slow, set.systems[0], shipped());
    r.requests_s = slow;
    r.ttft_s = at.ttft_p50_s;
    r.tpot_s = at.tpot_p50_s;
    r.tpot_p99_s = at.tpot_p99_s / 2;
    set.servers.push_back(r);
    r.requests_s = 3 * best.most.requests_s;
    set.servers.push_back(r);
    llm::measured_server offline = r;
    offline.goal = {.prompt = r.goal.prompt, .output = r.goal.output};
    offline.ttft_s = offline.tpot_s = offline.tpot_p99_s = 0;
    set.servers.push_back(offline);
    const auto compared = serving::compare_servers(set, shipped());
    REQUIRE(compared.size() == 3);
    CHECK(compared[0].throughput_error == Approx(1));
    CHECK(compared[0].measured.ttft_p50 == Approx(0).margin(1e-12));
    CHECK(compared[0].measured.tpot_p50 == Approx(0).margin(1e-12));
    CHECK(compared[0].measured.tpot_p99 == Approx(1));
    CHECK(compared[0].largest.tpot_p50 == Approx(best.most.tpot_p50_s / r.tpot_s - 1));
    CHECK(compared[1].throughput_error == Approx(-2.0 / 3));
    CHECK(compared[1].measured.tpot_p50 == Approx(compared[1].largest.tpot_p50).epsilon(0.02));
    CHECK(compared[2].best.most.requests_s ==
          llm::full_rate(set.models[0], compared[2].best.as, r.prompt, r.output, set.systems[0], shipped()));
    CHECK(compared[2].best.most.requests_s > best.most.requests_s);
    CHECK(compared[2].measured.tpot_p50 == 0);
    // Times to the first token that are longer by something outside of steps.
    llm::inference_efficiency bare = shipped();
    tuned(bare).request_s = 0;
    set.servers[0].ttft_s = serving::compare_servers(set, bare)[0].modelled.ttft_p50_s + 0.04;
    set.servers[1].fitted = set.servers[2].fitted = false;
    llm::inference_efficiency fitted = shipped();
    serving::fit_first_tokens(set, fitted);
    CHECK(tuned(fitted).request_s == Approx(0.04));
    const auto without = serving::leave_one_model_out(set, shipped());
    REQUIRE(without.size() == 1);
    CHECK(without[0].row == 0);
    CHECK(serving::leave_one_gpu_out(set, shipped()).size() == 1);
}
