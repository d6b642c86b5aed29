#include "support/catch.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/linear_pieces.hpp>

#include <algorithm>
#include <cmath>
#include <string>

using namespace ampacity;

namespace {

llm::model read(const std::string& name) { return io::read_model<llm::model>(name).value; }
llm::system h100() { return llm::system_of(io::read_model<hardware::node>("dgx-h100").value); }
llm::inference_efficiency shipped() { return io::read_model<llm::inference_efficiency>("inference").value; }

}  // namespace

TEST_CASE("pieces of a dense model are nearly exact", "[llm]") {
    const auto e = shipped();
    const auto with = e.find_software("vllm");
    const llm::model m = read("llama-3.1-70b");
    const llm::inference_plan p{.tp = 4, .precision = llm::precision_kind::fp8, .mixers = llm::precision_kind::fp8};
    const llm::batch_range range{.decodes = 128, .context = 8192, .prefill_tokens = 8192};
    const auto t = llm::linear_pieces(m, p, h100(), e, with, range);
    REQUIRE(t.pieces.size() >= 2);
    CHECK(t.pieces.size() <= range.pieces);
    CHECK(t.mean_error < 0.01);
    CHECK(t.most_error < 0.03);
    for (const auto& piece : t.pieces)
        CHECK(std::min({piece.base, piece.per_token, piece.per_kv_token, piece.per_prefill_attention}) >= 0);
    // Batches that neither grid has.
    for (const double decodes : {3.0, 17.0, 90.0}) {
        for (const double prompt : {0.0, 700.0, 3000.0}) {
            const llm::inference_batch b{
                .decodes = decodes, .context = 2345, .prefills = prompt > 0 ? 1.0 : 0.0, .prefill_tokens = prompt};
            const double exact = llm::iteration_of(m, p, b, h100(), e, with).time_s();
            CHECK(t.time_s(b.tokens(), decodes * 2345, prompt * (prompt + 1) / 2) == Approx(exact).epsilon(0.03));
        }
    }
    CHECK(llm::linear_pieces(m, p, h100(), e, with, range).pieces == t.pieces);
}

TEST_CASE("more pieces are nearer and narrower ranges too", "[llm]") {
    const auto e = shipped();
    const auto with = e.find_software("vllm");
    const llm::model m = read("llama-3.1-8b");
    const auto one = llm::linear_pieces(m, {}, h100(), e, with, {.decodes = 128, .pieces = 1});
    CHECK(one.pieces.size() == 1);
    CHECK(one.most_error > 0.1);
    CHECK(llm::linear_pieces(m, {}, h100(), e, with, {.decodes = 128, .pieces = 4}).mean_error < 0.2 * one.mean_error);
    // Experts that a batch visits are no maximum of linear functions.
    const llm::model experts = read("gpt-oss-120b");
    const llm::inference_plan p{.tp = 2, .precision = llm::precision_kind::nvfp4};
    const auto wide = llm::linear_pieces(experts, p, h100(), e, with, {.decodes = 256});
    const auto narrow = llm::linear_pieces(experts, p, h100(), e, with, {.decodes = 256, .least_tokens = 32});
    CHECK(wide.most_error > 0.2);
    CHECK(narrow.mean_error < 0.05);
    CHECK(narrow.mean_error < wide.mean_error / 2);
}
