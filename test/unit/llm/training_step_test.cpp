#include "support/catch.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/training_step.hpp>

#include <string>
#include <vector>

using namespace ampacity;

namespace {

llm::model read(const std::string& name) { return io::read_model<llm::model>(name).value; }
llm::system nvl72() { return llm::system_of(io::read_model<hardware::rack>("gb200-nvl72").value); }
const llm::training_efficiency& shipped() {
    static const auto e = io::read_model<llm::training_efficiency>("training").value;
    return e;
}

struct job {
    llm::model model;
    llm::parallel_plan plan;
    llm::batch_shape batch;
};

/// Plans that use every kind of group.
std::vector<job> jobs() {
    constexpr auto fp8 = llm::precision_kind::fp8;
    return {{read("llama-3.1-405b"), {.tp = 4, .pp = 8, .vp = 8, .cp = 2, .dp = 32, .precision = fp8}, {1280, 8192}},
            {read("llama-3.1-70b"), {.tp = 2, .dp = 32, .zero = 3, .precision = fp8}, {256, 8192}},
            {read("deepseek-v3"), {.tp = 2, .pp = 8, .vp = 4, .dp = 64, .ep = 64, .precision = fp8}, {8192, 4096}},
            {read("nemotron-3-super"), {.tp = 2, .dp = 32, .ep = 64, .precision = fp8}, {512, 8192}}};
}

double time_of(const job& j, const llm::system& s, const llm::training_efficiency& e = shipped()) {
    return llm::step_of(j.model, j.plan, j.batch, s, e).time_s;
}

}  // namespace

TEST_CASE("a step is a (m + (p - 1) / v) + c0", "[llm]") {
    const llm::system s = nvl72();
    const llm::model m = read("llama-3.1-405b");
    llm::parallel_plan p{.tp = 4, .pp = 8, .vp = 8, .cp = 2, .dp = 8, .precision = llm::precision_kind::fp8};
    const auto step = [&](std::uint32_t batch) { return llm::step_of(m, p, {batch, 8192}, s, shipped()); };
    const auto t = step(896);
    CHECK(t.micro_batches == 112);
    CHECK(t.bubble_s == Approx(t.micro_batch_s * 7 / 8));
    CHECK(t.time_s == Approx(t.micro_batch_s * (112 + 7.0 / 8) + t.rest_s));
    CHECK(step(1792).time_s - t.time_s == Approx(112 * t.micro_batch_s));
    CHECK(t.parts.total_s() == Approx(112 * t.micro_batch_s));
    CHECK(t.rest_s == Approx(t.data_s + t.optimizer_s + shipped().step_s));
    p.vp = 1;
    CHECK(step(896).bubble_s == Approx(7 * step(896).micro_batch_s));
    // Tokens and MFU follow.
    CHECK(t.tokens_per_s_per_gpu == Approx(896.0 * 8192 / (512 * t.time_s)));
    CHECK(t.flop == Approx(896.0 * 8192 * m.training_flop_per_token(8192, llm::attention_count::causal)));
    CHECK(t.mfu == Approx(t.flop / (t.time_s * 512 * 5e15)));
    const auto full = llm::step_of(m, p, {896, 8192}, s, shipped(), llm::attention_count::full);
    CHECK(full.time_s == step(896).time_s);
    CHECK(full.mfu / step(896).mfu == Approx(21508e12 / 8192 / 2.524e12).epsilon(1e-3));
}

TEST_CASE("more bandwidth, more FLOP/s or a larger domain is never slower", "[llm]") {
    for (const job& j : jobs()) {
        INFO(j.model.name);
        llm::system s = nvl72();
        REQUIRE(llm::fault_of(j.model, j.plan, j.batch, s).empty());
        const double usual = time_of(j, s);
        for (double llm::system::* member :
             {&llm::system::memory_b_s, &llm::system::bf16_flop_s, &llm::system::fp8_flop_s, &llm::system::domain_b_s,
              &llm::system::rail_b_s}) {
            llm::system better = s;
            better.*member *= 2;
            CHECK(time_of(j, better) <= usual);
            better.*member *= 0.1;
            CHECK(time_of(j, better) >= usual);
        }
        double last = usual;
        for (const std::uint32_t domain : {64U, 32U, 16U, 8U, 4U, 2U, 1U}) {
            s.domain_gpus = domain;
            const double t = time_of(j, s);
            CHECK(t >= last * (1 - 1e-12));
            last = t;
        }
        CHECK(last > 1.05 * usual);
    }
}

TEST_CASE("worse coefficients are never faster", "[llm]") {
    const llm::system s = nvl72();
    for (const job& j : jobs()) {
        const double usual = time_of(j, s);
        for (double llm::training_efficiency::* member :
             {&llm::training_efficiency::small_dim, &llm::training_efficiency::traffic,
              &llm::training_efficiency::expert_traffic, &llm::training_efficiency::scan_traffic,
              &llm::training_efficiency::layer_s, &llm::training_efficiency::expert_layer_s,
              &llm::training_efficiency::tensor_exposed, &llm::training_efficiency::context_exposed,
              &llm::training_efficiency::expert_exposed, &llm::training_efficiency::pipeline_exposed,
              &llm::training_efficiency::data_exposed, &llm::training_efficiency::gather_exposed,
              &llm::training_efficiency::step_s}) {
            llm::training_efficiency worse = shipped();
            worse.*member *= 1.5;
            CHECK(time_of(j, s, worse) >= usual * (1 - 1e-12));
        }
        llm::training_efficiency worse = shipped();
        worse.attention /= 2;
        CHECK(time_of(j, s, worse) > usual);
    }
}

TEST_CASE("what is computed again costs a forward pass at most", "[llm]") {
    const llm::system s = nvl72();
    for (job j : jobs()) {
        INFO(j.model.name);
        const double none = time_of(j, s);
        j.plan.recompute = llm::recompute_kind::selective;
        const double selective = time_of(j, s);
        j.plan.recompute = llm::recompute_kind::full;
        j.plan.recompute_share = 0.5;
        const double half = time_of(j, s);
        j.plan.recompute_share = 1;
        const double full = time_of(j, s);
        CHECK(none <= selective);
        CHECK(selective <= half);
        CHECK(half <= full);
        CHECK(full < none * 1.5);  // experts and tensor parallel groups send again too
    }
}

TEST_CASE("a recipe scales the time of micro-batches and adds to the step", "[llm]") {
    const llm::system s = nvl72();
    const job j = jobs().front();
    const llm::recipe_efficiency recipe{.time_factor = 1.1, .step_s = 0.25};
    const auto plain = llm::step_of(j.model, j.plan, j.batch, s, shipped());
    const auto tuned = llm::step_of(j.model, j.plan, j.batch, s, shipped(), llm::attention_count::causal, &recipe);
    CHECK(tuned.micro_batch_s == Approx(1.1 * plain.micro_batch_s));
    CHECK(tuned.rest_s == Approx(plain.rest_s + 0.25));
    // A suite without runs on these GPUs has the mean factor of its runs.
    llm::training_efficiency e;
    e.recipes = {{.name = "a", .suite = "a", .accelerator = "h100", .precision = {}, .time_factor = 2},
                 {.name = "b", .suite = "a", .accelerator = "b200", .precision = {}, .time_factor = 0.5}};
    CHECK(e.find_recipe("a", "h100", {})->time_factor == 2);
    CHECK(e.find_recipe("a", "gb200", {})->time_factor == Approx(1));
    CHECK_FALSE(e.find_recipe("c", "h100", {}).has_value());
}
