#include "support/catch.hpp"
#include "support/data.hpp"
#include "support/files.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/request_traces.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;
using workload::request;

namespace {

class servegen_files {
public:
    servegen_files(const std::string& rates, const std::string& lengths) {
        options.format = "servegen";
        options.path = directory_.path() / "rates.csv";
        options.lengths = directory_.path() / "lengths.jsonl";
        options.seed = 3;
        test::write_file(options.path, rates);
        test::write_file(options.lengths, lengths);
    }
    [[nodiscard]] std::unique_ptr<io::request_trace> open() const { return io::open_request_trace(options); }
    [[nodiscard]] std::string fault() const {
        try {
            static_cast<void>(open());
        } catch (const data_error& e) {
            const std::string text = e.what();
            return text.substr(text.find(directory_.path().string()) + directory_.path().string().size() + 1);
        }
        return "none";
    }

    io::request_trace_options options;

private:
    test::temporary_directory directory_;
};

std::vector<request> all(workload::request_source& source) {
    std::vector<request> out;
    std::array<request, 5> batch;
    while (const std::size_t n = source.next(batch)) out.insert(out.end(), batch.begin(), batch.begin() + n);
    return out;
}

const std::string header = "client,window_start_s,rate,cv,pattern,param1,param2\n";
const std::string lengths = R"({"client":8,"window_start_s":0,"input_tokens_q":[10,20],"output_tokens_q":[5,5]}
{"client":3,"window_start_s":0,"text_tokens_q":[2,2,2],"image_tokens_q":[0,0,100],"output_tokens_q":[7,7,7]}
)";
const std::string rates = header + "8,0,0.5,1,Gamma,1,2\n8,1200,0.5,1,Exponential,,\n3,600,1,0.5,Weibull,2.1,1\n";

}  // namespace

TEST_CASE("servegen: clients send by their windows, with lengths of their tables") {
    const servegen_files files(rates, lengths);
    const auto source = files.open();
    const auto requests = all(*source);
    std::array<std::size_t, 3> sent{};
    for (std::size_t i = 0; i != requests.size(); ++i) {
        const request& r = requests[i];
        CHECK(r.row == i);
        CHECK((i == 0 || r.arrival >= requests[i - 1].arrival));
        const duration at = r.arrival - start_of_time;
        if (source->text(r.tenant) == "8") {
            CHECK((at < 600s || (at >= 1200s && at < 1800s)));
            CHECK((r.prompt_tokens >= 10 && r.prompt_tokens <= 20 && r.output_tokens == 5));
            ++sent[at < 600s ? 0 : 2];
        } else {
            CHECK(source->text(r.tenant) == "3");
            CHECK((at >= 600s && at <= 1200s));
            CHECK((r.prompt_tokens >= 2 && r.prompt_tokens <= 102 && r.output_tokens == 7));
            ++sent[1];
        }
    }
    CHECK(sent[0] == Approx(300).margin(60));
    CHECK(sent[1] == Approx(600).margin(60));
    CHECK(sent[2] == Approx(300).margin(60));
}

TEST_CASE("servegen: a factor of the rates, seeds and entries of the workload") {
    servegen_files files(rates, lengths);
    const auto first = all(*files.open());
    CHECK(all(*files.open()).size() == first.size());
    CHECK(all(*files.open())[20].arrival == first[20].arrival);
    files.options.rate_factor = 3;
    CHECK(all(*files.open()).size() == Approx(3 * static_cast<double>(first.size())).epsilon(0.1));
    files.options.rate_factor = 0;
    CHECK(all(*files.open()).empty());
    files.options.rate_factor = 1;
    files.options.entry = 1;
    CHECK(all(*files.open())[20].arrival != first[20].arrival);
    const auto source = files.open();
    const std::uint64_t digest = source->finish_digest();
    CHECK(digest != 0);
    REQUIRE(source->other_files().size() == 1);
    CHECK(source->other_files()[0].path == files.options.lengths.string());
    CHECK(source->other_files()[0].digest != digest);
    std::array<request, 1> none;
    CHECK(source->next(none) == 0);
}

TEST_CASE("servegen: faults have places") {
    const auto of_rates = [](const std::string& row) { return servegen_files(header + row + '\n', lengths).fault(); };
    using Catch::Matchers::StartsWith;
    CHECK_THAT(of_rates("x,0,1,1,Gamma,1,1"), StartsWith("rates.csv:2:1: error: client: no whole number"));
    CHECK_THAT(of_rates("8,-1,1,1,Gamma,1,1"), StartsWith("rates.csv:2:3: error: window_start_s: no time"));
    CHECK_THAT(of_rates("8,0,nan,1,Gamma,1,1"), StartsWith("rates.csv:2:5: error: rate: out of range"));
    CHECK_THAT(of_rates("8,0,1e,1,Gamma,1,1"), StartsWith("rates.csv:2:5: error: rate: no number"));
    CHECK_THAT(of_rates("8,0,1,1,Gauss,1,1"), StartsWith("rates.csv:2:9: error: pattern: unknown law"));
    CHECK_THAT(of_rates("8,0,1,1,Gamma,0,1"), StartsWith("rates.csv:2:15: error: param1: out of range"));
    CHECK_THAT(of_rates("8,600,1,1,Gamma,1,1\n8,1199,1,1,Gamma,1,1"),
               StartsWith("rates.csv:3:3: error: window_start_s: begins before"));
    CHECK_THAT(of_rates("9,0,1,1,Gamma,1,1"), StartsWith("rates.csv:2:1: error: client: has no lengths"));
    const auto of_lengths = [](const std::string& line) { return servegen_files(rates, line + '\n').fault(); };
    CHECK_THAT(of_lengths("[1]"), StartsWith("lengths.jsonl:1:1"));
    CHECK_THAT(of_lengths("{\"client\":8"), StartsWith("lengths.jsonl:1:1"));
    CHECK_THAT(of_lengths(R"({"client":-8})"), StartsWith("lengths.jsonl:1:2: error: client: no whole number"));
    CHECK_THAT(of_lengths(R"({"client":8,"window_start_s":0,"output_tokens_q":[1,2]})"),
               StartsWith("lengths.jsonl:1:1: error: input_tokens_q: is missing"));
    CHECK_THAT(of_lengths(R"({"client":8,"window_start_s":0,"input_tokens_q":[2,1],"output_tokens_q":[1,2]})"),
               StartsWith("lengths.jsonl:1:32: error: input_tokens_q: quantiles fall"));
    CHECK_THAT(of_lengths(R"({"client":8,"window_start_s":0,"input_tokens_q":[1],"output_tokens_q":[1,2]})"),
               StartsWith("lengths.jsonl:1:32: error: input_tokens_q: no list"));
    CHECK_THAT(
        of_lengths(lengths + R"({"client":8,"window_start_s":0,"input_tokens_q":[1,1],"output_tokens_q":[1,2]})"),
        StartsWith("lengths.jsonl:3:13: error: window_start_s: not after"));
}

TEST_CASE("servegen: the published clients of DeepSeek-R1") {
    const auto rates_file = test::real_data("requests/servegen_deepseek-r1_clients_rate.csv.gz");
    const auto lengths_file = test::real_data("requests/servegen_deepseek-r1_lengths_quantiles.jsonl.gz");
    if (!rates_file || !lengths_file) return;
    const io::request_trace_options options{
        .path = *rates_file, .format = "servegen", .lengths = *lengths_file, .rate_factor = 0.1, .seed = 1};
    const auto source = io::open_request_trace(options);
    double prompt = 0, output = 0, n = 0;
    std::array<request, 256> batch;
    while (const std::size_t got = source->next(batch)) {
        for (std::size_t i = 0; i != got; ++i) {
            prompt += batch[i].prompt_tokens;
            output += batch[i].output_tokens;
        }
        n += static_cast<double>(got);
    }
    // Published: 16.01 requests/s over 144 windows; rate-weighted means of 1,268.2 and 1,527.4 tokens.
    CHECK(n == Approx(0.1 * 16.01 * 144 * 600).epsilon(0.02));
    CHECK(prompt / n == Approx(1268.2).epsilon(0.03));
    CHECK(output / n == Approx(1527.4).epsilon(0.03));
}
