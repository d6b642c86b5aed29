#include "support/catch.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/llm/model.hpp>

#include <string>

using namespace ampacity;

namespace {

llm::model read(const std::string& name) { return io::read_model<llm::model>(name).value; }

/// Hidden size 8, 2 layers, nothing special.
llm::model small() {
    return {.name = "small",
            .hidden = 8,
            .vocabulary = 10,
            .layers = {
                {.name = "dense", .count = 2, .heads = 2, .kv_heads = 1, .head_dim = 4, .width = 16, .matrices = 3}}};
}

}  // namespace

TEST_CASE("parameters are counted matrix by matrix", "[llm]") {
    const llm::model m = small();
    // q 8x8, k and v 8x4 each, o 8x8, three of 8x16, two gains of 8; embedding and head 10x8, a last gain.
    CHECK(m.parameters() == 2 * (64 + 32 + 32 + 64 + 3 * 128 + 16) + 80 + 80 + 8);
    CHECK(m.active_parameters() == m.parameters());
    llm::model tied = m;
    tied.tied = true;
    CHECK(tied.parameters() == m.parameters() - 80);
    CHECK(read("llama-3.1-8b").parameters() == 8'030'261'248.0);
    CHECK(read("llama-3.1-70b").parameters() == 70'553'706'496.0);
    CHECK(read("llama-3.1-405b").parameters() == 405'853'388'800.0);
}

TEST_CASE("parameters of every model of the catalogue agree with what was published", "[llm]") {
    std::size_t compared = 0;
    for (const auto& at : io::find_models("llms")) {
        const auto m = io::read_model<llm::model>(at.file.string());
        INFO(at.name);
        CHECK(m.value.num_layers() > 0);
        CHECK(m.value.active_parameters() <= m.value.parameters());
        CHECK(m.value.has_experts() == (m.value.active_parameters() < m.value.parameters()));
        for (const auto& p : m.text.published) {
            for (const auto& t : m.text.totals) {
                if (t.key != p.key) continue;
                ++compared;
                CHECK(t.value == Approx(p.value).epsilon(p.tolerance + 1e-12));
            }
        }
    }
    CHECK(compared > 35);
}

TEST_CASE("both conventions of attention FLOP are those of who uses them", "[llm]") {
    const llm::model m = read("llama-3.1-405b");
    const double full = m.training_flop_per_token(8192, llm::attention_count::full);
    const double causal = m.training_flop_per_token(8192, llm::attention_count::causal);
    CHECK(full * 8192 == Approx(21508e12).epsilon(1e-3));  // MLPerf, per sample
    CHECK(causal == Approx(2.524e12).epsilon(1e-4));       // Megatron-Bridge, per token
    // 6 (N - N_embed) + k L n d s.
    const double products = 6 * (m.parameters() - m.embedding_parameters() - 126 * 2 * 16384 - 16384);
    CHECK(full == Approx(products + 12.0 * 126 * 128 * 128 * 8192).epsilon(1e-12));
    CHECK(causal == Approx(products + 6.0 * 126 * 128 * 128 * 8192).epsilon(1e-12));
    CHECK(llm::name_of(llm::attention_count::full) == "full");
}

TEST_CASE("bytes of the KV cache", "[llm]") {
    CHECK(read("llama-3.1-405b").kv_bytes_per_token(2) == 516096);
    CHECK(read("deepseek-v3").kv_bytes_per_token(2) == 70272);
    CHECK(read("gpt-3-175b").kv_bytes_per_token(2) == 2 * 96 * 96 * 128 * 2);
    // Half of the layers see a window: they keep 128 tokens whatever the length.
    const llm::model oss = read("gpt-oss-120b");
    CHECK(oss.kv_bytes_per_token(2) == 18 * 2 * 8 * 64 * 2);
    CHECK(oss.state_bytes(2) == 18 * 128 * 2 * 8 * 64 * 2);
    // Mamba keeps a state and no keys.
    const llm::model nano = read("nemotron-3-nano");
    CHECK(nano.kv_bytes_per_token(2) == 6 * 2 * 2 * 128 * 2);
    CHECK(nano.state_bytes(2) > 23 * 64 * 64 * 128);
}

TEST_CASE("keys that a query sees", "[llm]") {
    const llm::layer all{.name = "a", .count = 1};
    CHECK(llm::keys_seen(all, 1000, llm::attention_count::full) == 1000);
    CHECK(llm::keys_seen(all, 1000, llm::attention_count::causal) == 500);
    llm::layer window = all;
    window.window = 100;
    CHECK(llm::keys_seen(window, 1000, llm::attention_count::full) == 100);
    // The first hundred queries see fewer: the mean of min(k, 100).
    CHECK(llm::keys_seen(window, 1000, llm::attention_count::causal) == Approx(100 - 100.0 * 100 / 2000));
    CHECK(llm::keys_seen(window, 50, llm::attention_count::causal) == 25);
    llm::layer sparse = window;
    sparse.compression = 4;
    sparse.sparse_keys = 64;
    CHECK(llm::keys_seen(sparse, 100'000, llm::attention_count::full) == 100 + 64);
    llm::layer chosen = all;
    chosen.sparse_keys = 2048;
    CHECK(llm::keys_seen(chosen, 4096, llm::attention_count::causal) == 2048);
    CHECK(llm::keys_seen(chosen, 1024, llm::attention_count::causal) == 512);
}

TEST_CASE("multi-token prediction adds a layer, a projection and a head", "[llm]") {
    const llm::model m = read("deepseek-v3");
    const double without = m.training_flop_per_token(4096, llm::attention_count::causal);
    const double with = m.training_flop_per_token(4096, llm::attention_count::causal, true);
    CHECK(without == Approx(249.7e9).epsilon(0.005));  // Megatron-Bridge, without MTP
    CHECK(with == Approx(260.0e9).epsilon(0.005));     // with it
    CHECK(read("llama-3.1-8b").training_flop_per_token(4096, llm::attention_count::causal, true) ==
          read("llama-3.1-8b").training_flop_per_token(4096, llm::attention_count::causal));
}
