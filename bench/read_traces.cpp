// Question: how many rows of jobs-csv per second does the reader deliver as job requests, on one core?
// Expected answer: all rows, and the same checksum of the requests from the plain and the gzip file.
#include <ampacity/core/decimal.hpp>
#include <ampacity/io/job_traces.hpp>

#include <zlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

namespace {

using namespace ampacity;

constexpr std::uint64_t num_rows = 1'000'000;
constexpr int num_repeats = 5;

std::string make_rows() {
    std::mt19937_64 random{1};
    std::string text = "job_id,submit_s,gpus,duration_s,estimate_s,user\n";
    std::int64_t submit_ms = 0;
    for (std::uint64_t row = 0; row < num_rows; ++row) {
        submit_ms += static_cast<std::int64_t>(random() % 20'000);
        const auto duration_ms = static_cast<std::int64_t>(random() % 90'000'000);
        text += std::to_string(row) + ',';
        append_ns_as_seconds(text, submit_ms * 1'000'000);
        text += ',' + std::to_string(1U << (random() % 6)) + ',';
        append_ns_as_seconds(text, duration_ms * 1'000'000);
        text += ',' + std::to_string(duration_ms / 1000 + 600) + ",user" + std::to_string(random() % 300) + '\n';
    }
    return text;
}

struct measured {
    std::uint64_t rows = 0;
    std::uint64_t checksum = 0;
    double seconds = 0;
};

measured read_once(const std::filesystem::path& file) {
    const auto begin = std::chrono::steady_clock::now();
    measured m;
    std::array<workload::job_request, 256> batch;
    const auto source = io::open_job_trace({.path = file});
    while (const std::size_t n = source->next(batch)) {
        m.rows += n;
        for (std::size_t i = 0; i < n; ++i) {
            m.checksum = m.checksum * 31 +
                         static_cast<std::uint64_t>(ticks(batch[i].submit) ^ ticks(batch[i].work) ^ batch[i].gpus);
        }
    }
    m.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return m;
}

measured best_of(const std::filesystem::path& file) {
    measured best = read_once(file);
    for (int i = 1; i < num_repeats; ++i) {
        const measured again = read_once(file);
        if (again.seconds < best.seconds) best = again;
    }
    return best;
}

void print(const char* question, const measured& m, double target) {
    const double rate = static_cast<double>(m.rows) / m.seconds / 1e6;
    std::printf("%s | %.2f M rows/s | >= %.1f M rows/s | %s\n", question, rate, target,
                rate >= target ? "pass" : "short");
}

int run(const std::filesystem::path& directory) {
    const std::string text = make_rows();
    const auto plain = directory / "jobs.csv";
    const auto compressed = directory / "jobs.csv.gz";
    std::ofstream(plain, std::ios::binary) << text;
    const gzFile gz = ::gzopen(compressed.c_str(), "wb6");
    if (gz == nullptr || ::gzwrite(gz, text.data(), static_cast<unsigned>(text.size())) == 0 || ::gzclose(gz) != Z_OK)
        return EXIT_FAILURE;

    std::printf("question | ours | target | verdict\n");
    const measured of_plain = best_of(plain);
    const measured of_gzip = best_of(compressed);
    print("read jobs-csv, plain, 1e6 rows of 6 columns", of_plain, 3.0);
    print("read jobs-csv, gzip, 1e6 rows of 6 columns", of_gzip, 1.5);
    const bool right = of_plain.rows == num_rows && of_gzip.rows == num_rows && of_plain.checksum == of_gzip.checksum;
    if (!right)
        std::printf("wrong answer: %llu and %llu rows\n", static_cast<unsigned long long>(of_plain.rows),
                    static_cast<unsigned long long>(of_gzip.rows));
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ampacity-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) return EXIT_FAILURE;
    int status = EXIT_FAILURE;
    try {
        status = run(pattern);
    } catch (const std::exception& fault) {
        std::fprintf(stderr, "%s\n", fault.what());
    }
    std::error_code ignored;
    std::filesystem::remove_all(pattern, ignored);
    return status;
}
