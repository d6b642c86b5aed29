#include "support/catch.hpp"
#include "support/data.hpp"
#include "support/files.hpp"
#include "support/gzip.hpp"
#include "support/zstd.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/request_traces.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using workload::request;

namespace {

class trace_file {
public:
    explicit trace_file(const std::string& text, std::string format = "requests-csv") {
        options.path = directory_.path() / "requests.csv";
        options.format = std::move(format);
        test::write_file(options.path, text);
    }
    [[nodiscard]] std::unique_ptr<io::request_trace> open() const { return io::open_request_trace(options); }
    /// In batches of three, so that batches end anywhere.
    [[nodiscard]] std::vector<request> all() const {
        const auto source = open();
        std::vector<request> out;
        std::array<request, 3> batch;
        while (const std::size_t n = source->next(batch)) out.insert(out.end(), batch.begin(), batch.begin() + n);
        return out;
    }
    /// What reading ends with, without the directory.
    [[nodiscard]] std::string fault() const {
        try {
            static_cast<void>(all());
        } catch (const data_error& e) {
            const std::string text = e.what();
            return text.substr(text.find("requests.csv"));
        }
        return "none";
    }

    io::request_trace_options options;

private:
    test::temporary_directory directory_;
};

const std::string header = "arrival_s,prompt_tokens,output_tokens\n";

}  // namespace

TEST_CASE("requests-csv: all columns in any order") {
    const trace_file file(
        "tenant,output_tokens,arrival_s,session,prompt_tokens,prefix_tokens,priority\n"
        "acme,7,0.5,talk,300,120,3\n"
        ",1,1e1,,1,,\n"
        "acme,2147483648,10,talk,2147483648,0,0\n");
    const auto source = file.open();
    std::array<request, 8> r;
    REQUIRE(source->next(r) == 3);
    CHECK(r[0].arrival == start_of_time + 500ms);
    CHECK(r[0].prompt_tokens == 300);
    CHECK(r[0].output_tokens == 7);
    CHECK(r[0].prefix_tokens == 120);
    CHECK(r[0].priority == 3);
    CHECK(source->text(r[0].tenant) == "acme");
    CHECK(source->text(r[0].session) == "talk");
    CHECK(r[1].tenant == 0);
    CHECK(r[1].session == 0);
    CHECK(r[1].arrival == start_of_time + 10s);
    CHECK(r[2].session == r[0].session);
    CHECK(r[2].prompt_tokens == 2147483648U);
    CHECK(r[2].row == 2);
    CHECK(source->next(r) == 0);
    CHECK(source->progress() == 1.0);
    CHECK(source->time_zero() == 0s);
}

TEST_CASE("requests-csv: rows are sorted stably within the window") {
    trace_file file(header + "5,1,1\n3,2,1\n5,3,1\n3,4,1\n9,5,1\n8,6,1\n");
    file.options.reorder = 2s;
    std::vector<std::uint32_t> prompts;
    std::vector<std::uint64_t> rows;
    for (const request& r : file.all()) {
        prompts.push_back(r.prompt_tokens);
        rows.push_back(r.row);
    }
    CHECK(prompts == std::vector<std::uint32_t>{2, 4, 1, 3, 6, 5});
    CHECK(rows == std::vector<std::uint64_t>{1, 3, 0, 2, 5, 4});
    file.options.reorder = 1s;
    CHECK(file.fault() ==
          "requests.csv:3:1: error: arrival_s: steps back by 2 s, more than `reorder` allows, at byte 44 "
          "(3); sort the rows, or set `reorder` above 1 s");
}

TEST_CASE("requests-csv: faults name their place and a remedy") {
    const auto fault = [](const std::string& row) { return trace_file(header + row + '\n').fault(); };
    CHECK(fault("1,0,5").find(":2:3: error: prompt_tokens: no tokens, at byte 40 (0); give a whole number of tokens "
                              "from 1 to 2147483648") != std::string::npos);
    CHECK(fault("1,5,0").find("output_tokens: no tokens") != std::string::npos);
    CHECK(fault("1,1.5,1").find("prompt_tokens: not a whole number") != std::string::npos);
    CHECK(fault("1,-1,1").find("prompt_tokens: negative") != std::string::npos);
    CHECK(fault("1,1,2147483649").find("output_tokens: too large") != std::string::npos);
    CHECK(fault("1,1,").find("output_tokens: value missing") != std::string::npos);
    CHECK(fault("-1,1,1").find("arrival_s: negative") != std::string::npos);
    CHECK(fault("nan,1,1").find("arrival_s: not a finite number") != std::string::npos);
    CHECK(fault("1e11,1,1").find("arrival_s: beyond 200 years") != std::string::npos);
    CHECK(trace_file("arrival_s,prompt_tokens,output_tokens,prefix_tokens\n1,5,1,6\n")
              .fault()
              .find("prefix_tokens: longer than the prompt") != std::string::npos);
    CHECK(
        trace_file("arrival_s,prompt_tokens,output_tokens,priority\n1,5,1,8\n").fault().find("priority: no priority") !=
        std::string::npos);
    CHECK(trace_file("arrival_s,prompt_tokens,output\n").fault().find("output: unknown column") != std::string::npos);
    CHECK(trace_file("arrival_s,prompt_tokens\n").fault().find("output_tokens: column missing") != std::string::npos);
    CHECK(trace_file(header).all().empty());
}

TEST_CASE("azure-llm: dates become time from the first kept request, empty ones are counted") {
    trace_file file(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:40.0000000,0,9\n"
        "2023-11-16 18:15:46.6805900,374,44\n"
        "2023-11-16 18:15:50.9951690,396,109\n"
        "2023-11-16 18:15:51.0000000+00:00,10,0\n"
        "2023-11-17 00:00:00Z,10,1\n",
        "azure-llm");
    const auto source = file.open();
    std::array<request, 8> r;
    REQUIRE(source->next(r) == 3);
    CHECK(r[0].arrival == start_of_time);
    CHECK(r[0].row == 0);
    CHECK(r[1].arrival == start_of_time + 4'314'579us);
    CHECK(r[1].prompt_tokens == 396);
    CHECK(r[1].output_tokens == 109);
    CHECK(r[2].arrival == start_of_time + 5h + 44min + 13s + 319'410us);
    const auto skipped = source->skipped();
    REQUIRE(skipped.size() == 2);
    CHECK(skipped[0].reason == "no_output_tokens");
    CHECK(skipped[0].count == 1);
    CHECK(skipped[1].reason == "no_prompt_tokens");
    CHECK(source->skipped(start_of_time + 1s).size() == 1);

    file.options.align = scenario::alignment::absolute;
    file.options.unix_start_ns = 1'700'158'540'000'000'000;  // 2023-11-16 18:15:40
    CHECK(file.all()[0].arrival == start_of_time + 6'680'590us);
    file.options.unix_start_ns += 1'000'000'000;
    CHECK(file.fault().find("before the scenario's start") != std::string::npos);
    CHECK(trace_file("TIMESTAMP,ContextTokens,GeneratedTokens\n16/11/2023,1,1\n", "azure-llm")
              .fault()
              .find("TIMESTAMP: not a date") != std::string::npos);
}

TEST_CASE("azure-llm: the published conversations of 2023 are read whole") {
    const auto path = test::real_data("requests/AzureLLMInferenceTrace_2023_conv.csv.gz");
    if (!path) return;
    const auto source = io::open_request_trace({.path = *path, .format = "azure-llm"});
    std::array<request, 512> batch;
    std::uint64_t count = 0;
    std::uint64_t prompt = 0;
    std::uint64_t output = 0;
    instant last = start_of_time;
    while (const std::size_t n = source->next(batch)) {
        for (const request& r : std::span{batch}.first(n)) {
            if (count == 0) CHECK(r.arrival == start_of_time);
            CHECK(r.arrival >= last);
            last = r.arrival;
            ++count;
            prompt += r.prompt_tokens;
            output += r.output_tokens;
        }
    }
    CHECK(count == 19366);
    CHECK(last == start_of_time + 3501s + 721'937us);
    CHECK(static_cast<double>(prompt) / 19366 == Approx(1154.7).epsilon(1e-4));
    CHECK(static_cast<double>(output) / 19366 == Approx(211.13).epsilon(1e-4));
    CHECK(source->finish_digest() != 0);
}

TEST_CASE("burstgpt: seconds and sessions and models are read and failed requests are counted") {
    const trace_file file(
        "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "5,s1,1.5,ChatGPT,472,18,490,Conversation log\n"
        "45,s1,2,GPT-4,1087,230,1317,Conversation log\n"
        "50.25,,2,ChatGPT,12,0,12,API log\n"
        "118,s2,3,ChatGPT,417,276,693,API log\n"
        "119,s2,3,ChatGPT,0,276,693,API log\n",
        "burstgpt");
    const auto source = file.open();
    std::array<request, 8> r;
    REQUIRE(source->next(r) == 3);
    CHECK(r[0].arrival == start_of_time);
    CHECK(r[1].arrival == start_of_time + 40s);
    CHECK(r[2].arrival == start_of_time + 113s);
    CHECK(r[1].prompt_tokens == 1087);
    CHECK(r[1].output_tokens == 230);
    CHECK(source->text(r[1].tenant) == "GPT-4");
    CHECK(r[0].session == r[1].session);
    CHECK(source->text(r[2].session) == "s2");
    const auto skipped = source->skipped();
    REQUIRE(skipped.size() == 2);
    CHECK(skipped[0].reason == "no_output_tokens");
    CHECK(skipped[1].reason == "no_prompt_tokens");
    trace_file absolute("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,a,1,1,2,b\n",
                        "burstgpt");
    absolute.options.align = scenario::alignment::absolute;
    CHECK(absolute.all()[0].arrival == start_of_time + 5s);
    CHECK(trace_file("Timestamp,Request tokens,Response tokens\n1,x,2\n", "burstgpt")
              .fault()
              .find(":2:3: error: Request tokens: ") != std::string::npos);
}

TEST_CASE("mooncake-jsonl: a conversation is a chain of blocks that grows") {
    const std::string rows =
        "{\"timestamp\": 3000, \"input_length\": 1100, \"output_length\": 5, \"hash_ids\": [0, 1, 2]}\n"
        "{\"timestamp\": 3001, \"input_length\": 1600, \"output_length\": 6, \"hash_ids\": [0, 3, 4, 5]}\r\n"
        "\n"
        "{\"timestamp\": 6000, \"input_length\": 2100, \"output_length\": 7, \"hash_ids\": [0, 1, 6, 7, 8]}\n"
        "{\"timestamp\": 6000, \"input_length\": 0, \"output_length\": 7, \"hash_ids\": []}\n"
        "{\"timestamp\": 6000, \"input_length\": 9, \"output_length\": 0, \"hash_ids\": [9]}\n"
        "{\"timestamp\": 6000, \"input_length\": 500, \"output_length\": 7, \"hash_ids\": [10]}\n"
        "{\"timestamp\": 7000, \"input_length\": 2049, \"output_length\": 7, \"hash_ids\": [0, 3, 4, 11, 12]}\n"
        "{\"timestamp\": 8000, \"input_length\": 1024, \"output_length\": 7}";
    const trace_file file(rows, "mooncake-jsonl");
    const std::vector<request> r = file.all();
    REQUIRE(r.size() == 6);
    CHECK(r[0].arrival == start_of_time);
    CHECK(r[1].arrival == start_of_time + 1ms);
    CHECK(r[2].arrival == start_of_time + 3s);
    CHECK(r[0].prefix_tokens == 0);
    CHECK(r[1].prefix_tokens == 0);
    CHECK(r[1].session != r[0].session);  // it branches off behind the first block
    CHECK(r[2].session == r[0].session);
    CHECK(r[2].prefix_tokens == 1024);
    CHECK(r[3].session == 0);  // no full block
    CHECK(r[4].session == r[1].session);
    CHECK(r[4].prefix_tokens == 1536);
    CHECK(r[5].session == 0);
    const auto source = file.open();
    std::array<request, 16> all;
    CHECK(source->next(all) == 6);
    REQUIRE(source->skipped().size() == 2);
    CHECK(source->skipped()[0].count == 1);

    // However the file is packed; a file that ends too soon is none.
    for (const std::string& packed : {test::gzip(rows), test::zstd(rows)}) {
        const trace_file whole(packed, "mooncake-jsonl");
        CHECK(whole.all().size() == 6);
        const trace_file cut(packed.substr(0, packed.size() - 9), "mooncake-jsonl");
        CHECK(cut.fault() != "none");
    }
}

TEST_CASE("mooncake-jsonl: faults name their line, key and value") {
    const auto fault = [](const std::string& row) {
        return trace_file("{\"timestamp\": 1, \"input_length\": 1, \"output_length\": 1}\n" + row + '\n',
                          "mooncake-jsonl")
            .fault();
    };
    CHECK(fault("{\"timestamp\": 1, \"input_length\": -4, \"output_length\": 1}") ==
          "requests.csv:2:18: error: input_length: no whole number, at byte 73 (-4); give a whole number of tokens "
          "from 0 to "
          "2147483648");
    CHECK(fault("{\"timestamp\": 1, \"input_length\": 4}").find("output_length: is missing") != std::string::npos);
    CHECK(fault("{\"timestamp\": 1.5, \"input_length\": 4, \"output_length\": 1}")
              .starts_with("requests.csv:2:2: error: timestamp: no whole number, at byte 57 (1.5)"));
    CHECK(fault("{\"timestamp\": 1, \"input_length\": 99999999999, \"output_length\": 1}").find("too large") !=
          std::string::npos);
    CHECK(fault("{\"timestamp\": 1, \"input_length\": 4, \"output").starts_with("requests.csv:2:") == true);
    CHECK(fault("{\"timestamp\": 1, \"input_length\": 4, \"output").find("no JSON") != std::string::npos);
    CHECK(fault("[1]").find("no JSON object") != std::string::npos);
    CHECK(fault("{\"timestamp\": 1e999}").find("a number is too large") != std::string::npos);
    CHECK(fault("{\"timestamp\": 1, \"input_length\": 600, \"output_length\": 1, \"hash_ids\": []}")
              .find("hash_ids: fewer than the prompt has full blocks") != std::string::npos);
    CHECK(fault("{\"timestamp\": 1, \"input_length\": 600, \"output_length\": 1, \"hash_ids\": [\"a\"]}")
              .find("hash_ids: no whole number in it") != std::string::npos);
    trace_file back(
        "{\"timestamp\": 9000000, \"input_length\": 1, \"output_length\": 1}\n"
        "{\"timestamp\": 1, \"input_length\": 1, \"output_length\": 1}\n",
        "mooncake-jsonl");
    CHECK(back.fault().find("timestamp: steps back by") != std::string::npos);
}

TEST_CASE("mooncake-jsonl: the published conversations are read whole") {
    const auto path = test::real_data("requests/mooncake_conversation_trace.jsonl.gz");
    if (!path) return;
    const auto source = io::open_request_trace({.path = *path, .format = "mooncake-jsonl"});
    std::array<request, 512> batch;
    double count = 0, prompt = 0, output = 0, blocks = 0, shared = 0;
    instant last = start_of_time;
    while (const std::size_t n = source->next(batch)) {
        for (const request& r : std::span{batch}.first(n)) {
            last = r.arrival;
            ++count;
            prompt += r.prompt_tokens;
            output += r.output_tokens;
            blocks += (r.prompt_tokens + 511) / 512;
            shared += r.prefix_tokens / 512;
        }
    }
    CHECK(count == 12031);
    CHECK(to_seconds(last - start_of_time) == Approx(3537).epsilon(1e-4));
    CHECK(prompt / count == Approx(12035.06).epsilon(1e-5));
    CHECK(output / count == Approx(342.62).epsilon(1e-4));
    CHECK(blocks == Approx(288500).epsilon(1e-3));
    // An unbounded cache that knows every block finds 0.3664; chains leave out what branches share.
    CHECK(shared / blocks == Approx(0.315).epsilon(0.01));
}

TEST_CASE("request traces: unknown formats and negative windows are refused") {
    CHECK_THROWS_AS(io::open_request_trace({.path = "x", .format = "azure"}), scenario_error);
    CHECK_THROWS_AS(io::open_request_trace({.path = "x", .reorder = -1s}), scenario_error);
    CHECK_THROWS_AS(io::open_request_trace({.path = "/nowhere/requests.csv"}), data_error);
    CHECK(io::request_trace_formats().size() == 5);
}
