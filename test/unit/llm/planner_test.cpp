#include "support/catch.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/planner.hpp>

#include <chrono>
#include <limits>
#include <string>

using namespace ampacity;

namespace {

llm::model read(const std::string& name) { return io::read_model<llm::model>(name).value; }
llm::system system_called(const std::string& name) {
    return name.starts_with("dgx") ? llm::system_of(io::read_model<hardware::node>(name).value)
                                   : llm::system_of(io::read_model<hardware::rack>(name).value);
}
const llm::training_efficiency& shipped() {
    static const auto e = io::read_model<llm::training_efficiency>("training").value;
    return e;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double most_s = 30;  ///< for a search under a sanitizer [s]
#else
constexpr double most_s = 1;  ///< for a search [s]
#endif

struct best {
    double time_s = std::numeric_limits<double>::infinity();
    llm::parallel_plan plan{};
    std::uint64_t fitting = 0;
};

/// Every plan one by one: all numbers of data-parallel ranks, all stages of ZeRO, all modes of recompute and shares of
/// layers.
best try_all(const llm::model& m, llm::system s, const llm::plan_request& r) {
    s.memory_b *= r.memory_share;
    const llm::plan_sizes sizes = llm::sizes_to_try(m, s, r);
    best out;
    const auto try_one = [&](llm::parallel_plan p) {
        if (p.gpus() > r.gpus || !llm::fault_of(m, p, r.batch, s).empty()) return;
        const std::uint32_t layers = m.num_layers();
        for (std::uint32_t i = 0; i < layers + 2; ++i) {
            p.recompute = i == 0   ? llm::recompute_kind::none
                          : i == 1 ? llm::recompute_kind::selective
                                   : llm::recompute_kind::full;
            p.recompute_share = i < 2 ? 1 : (i - 1.0) / layers;
            if (llm::memory_of(m, p, r.batch).total_b() > s.memory_b) continue;
            ++out.fitting;
            const double t = llm::step_of(m, p, r.batch, s, shipped()).time_s;
            if (t >= out.time_s) continue;
            out.time_s = t;
            out.plan = p;
        }
    };
    for (const auto tp : sizes.tp)
        for (const auto cp : sizes.cp)
            for (const auto pp : sizes.pp)
                for (const auto vp : llm::chunks_to_try(m, r, pp))
                    for (const auto ep : sizes.ep)
                        for (const auto mb : sizes.micro_batch)
                            for (std::uint32_t dp = 1; dp <= r.gpus / (tp * cp * pp); ++dp)
                                for (std::uint32_t zero = 0; zero <= 3; ++zero)
                                    try_one({.tp = tp,
                                             .pp = pp,
                                             .vp = vp,
                                             .cp = cp,
                                             .dp = dp,
                                             .ep = ep,
                                             .micro_batch = mb,
                                             .zero = zero,
                                             .precision = r.precision});
    return out;
}

}  // namespace

TEST_CASE("the planner finds what trying all plans one by one finds", "[llm]") {
    struct small_case {
        const char* model;
        const char* system;
        std::uint64_t gpus;
        llm::batch_shape batch;
    };
    for (const small_case& c : {small_case{"llama-3.1-8b", "dgx-h100", 8, {128, 8192}},
                                small_case{"llama-3.1-8b", "gb200-nvl72", 6, {48, 8192}},
                                small_case{"llama-3.1-70b", "gb200-nvl72", 16, {64, 8192}},
                                small_case{"qwen3-30b-a3b", "dgx-h100", 16, {64, 4096}},
                                small_case{"gpt-oss-120b", "gb300-nvl72", 12, {24, 8192}},
                                small_case{"nemotron-3-nano", "dgx-b200", 8, {32, 8192}}}) {
        const llm::model m = read(c.model);
        const llm::system s = system_called(c.system);
        const llm::plan_request r{.gpus = c.gpus, .batch = c.batch, .top = 3};
        const auto found = llm::find_plans(m, s, shipped(), r);
        const best all = try_all(m, s, r);
        INFO(c.model << " on " << c.gpus << ": " << llm::text_of(all.plan));
        REQUIRE_FALSE(found.plans.empty());
        INFO(llm::text_of(found.plans.front().plan));
        CHECK(found.plans.front().step.time_s == Approx(all.time_s).epsilon(1e-9));
        CHECK(found.fault.empty());
        CHECK(found.fitting <= found.valid);
        for (std::size_t i = 1; i < found.plans.size(); ++i)
            CHECK(found.plans[i - 1].step.time_s <= found.plans[i].step.time_s);
    }
}

TEST_CASE("a plan is found in under a second for any model and number of GPUs", "[llm]") {
    for (const auto& at : io::find_models("llms")) {
        const llm::model m = read(at.name);
        for (const std::uint64_t gpus : {std::uint64_t{1024}, std::uint64_t{100'000}}) {
            const llm::plan_request r{.gpus = gpus, .batch = {25'000, 8192}, .top = 10};
            const auto begin = std::chrono::steady_clock::now();
            const auto found = llm::find_plans(m, system_called("gb300-nvl72"), shipped(), r);
            const double wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
            INFO(at.name << ' ' << gpus << ' ' << wall_s << " s " << found.fault);
            CHECK(wall_s < most_s);
            REQUIRE(found.plans.size() == 10);
            const auto& p = found.plans.front();
            CHECK(p.plan.gpus() <= gpus);
            CHECK(llm::fault_of(m, p.plan, r.batch, system_called("gb300-nvl72")).empty());
            CHECK(p.memory.total_b() <= 0.95 * 298e9);
        }
    }
}

TEST_CASE("fixed sizes are kept, and what cannot be says why", "[llm]") {
    const llm::model m = read("llama-3.1-405b");
    const llm::system s = system_called("gb200-nvl72");
    llm::plan_request r{
        .gpus = 2048, .batch = {1280, 8192}, .fixed = {.tp = 4, .pp = 8, .vp = 8, .cp = 2, .micro_batch = 1}};
    const auto found = llm::find_plans(m, s, shipped(), r);
    REQUIRE(found.plans.size() == 1);
    CHECK(found.plans[0].plan.dp == 32);
    CHECK(llm::text_of(found.plans[0].plan) == "tp 4, pp 8 x 8, cp 2, dp 32, micro-batch 1, ZeRO 1, recompute none");
    r.fixed.tp = 3;
    CHECK(llm::find_plans(m, s, shipped(), r).fault == "the heads 128 is no multiple of tp 3");
    r.gpus = 4;
    r.fixed.tp = r.fixed.pp = r.fixed.vp = r.fixed.cp = 1;
    const auto little = llm::find_plans(m, s, shipped(), r);
    CHECK(little.plans.empty());
    CHECK(little.fault.find("GB too much") != std::string::npos);
    r.batch.sequences = 1;
    r.fixed.micro_batch = 2;
    CHECK(llm::find_plans(m, s, shipped(), r).fault == "no sizes divide a batch of 1 over 4 GPUs");
    // Tensor groups may leave a domain only if they are let.
    r = {.gpus = 64, .batch = {64, 8192}};
    CHECK(llm::sizes_to_try(m, system_called("dgx-h100"), r).tp.back() == 8);
    r.within_domain = false;
    CHECK(llm::sizes_to_try(m, system_called("dgx-h100"), r).tp.back() == 64);
    CHECK(llm::data_ranks({.gpus = 100, .batch = {96, 8192}}, 8, 2) == 12);
    CHECK(llm::data_ranks({.gpus = 7, .batch = {96, 8192}}, 8, 2) == 0);
    CHECK(llm::data_ranks({.gpus = 1'000'000'000, .batch = {999'999'937, 8192}}, 2, 1) == 1);  // a prime
}
