// How many rows of jobs-csv per second does the reader deliver as job requests, on one core?
//
// Files of 1e6 rows with 6 columns, written to a temporary directory that is removed at the end; the fastest of five
// readings. The answer that a fast wrong reader fails: all rows, and the checksum of the requests that were written,
// from the plain and from the gzip file.

#include "draws.hpp"
#include "table.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/io/job_traces.hpp>

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

using namespace ampacity;
using namespace bench;

constexpr std::uint64_t num_rows = 1'000'000;
constexpr int num_repeats = 5;

struct rows {
    std::string text;
    std::uint64_t checksum = 0;  ///< of submit, duration and size
};

std::uint64_t add(std::uint64_t checksum, std::int64_t submit_ns, std::int64_t duration_ns, std::uint32_t gpus) {
    return checksum * 31 + static_cast<std::uint64_t>(submit_ns ^ duration_ns ^ gpus);
}

rows make_rows() {
    draws d(1);
    rows out{.text = "job_id,submit_s,gpus,duration_s,estimate_s,user\n"};
    std::int64_t submit_ms = 0;
    for (std::uint64_t row = 0; row < num_rows; ++row) {
        submit_ms += static_cast<std::int64_t>(d.bits() % 20'000);
        const auto duration_ms = static_cast<std::int64_t>(d.bits() % 90'000'000);
        const std::uint32_t gpus = 1U << (d.bits() % 6);
        out.checksum = add(out.checksum, submit_ms * 1'000'000, duration_ms * 1'000'000, gpus);
        out.text += std::to_string(row) + ',';
        append_ns_as_seconds(out.text, submit_ms * 1'000'000);
        out.text += ',' + std::to_string(gpus) + ',';
        append_ns_as_seconds(out.text, duration_ms * 1'000'000);
        out.text += ',' + std::to_string(duration_ms / 1000 + 600) + ",user" + std::to_string(d.bits() % 300) + '\n';
    }
    return out;
}

/// Reads a file several times, and prints a row.
void measure(table& t, const std::string& question, const std::filesystem::path& file, const rows& written,
             double wanted) {
    double best_s = 0;
    for (int i = 0; i != num_repeats; ++i) {
        const stopwatch watch;
        std::uint64_t rows = 0;
        std::uint64_t checksum = 0;
        std::array<workload::job_request, 256> batch;
        const auto source = io::open_job_trace({.path = file});
        while (const std::size_t n = source->next(batch)) {
            rows += n;
            for (std::size_t at = 0; at < n; ++at) {
                checksum = add(checksum, ticks(batch[at].submit), ticks(batch[at].work), batch[at].gpus);
            }
        }
        best_s = i == 0 ? watch.s() : std::min(best_s, watch.s());
        t.expect(rows == num_rows && checksum == written.checksum, "rows of " + question);
    }
    t.row(question, {}, {static_cast<double>(num_rows) / best_s * 1e-6, "M/s"}, at_least(wanted));
    t.note(std::to_string(num_rows) + " rows, " + std::to_string(std::filesystem::file_size(file)) + " bytes");
}

bool write_gzip(const std::filesystem::path& file, const std::string& text) {
    const gzFile gz = ::gzopen(file.c_str(), "wb6");
    if (gz == nullptr) return false;
    const bool written = ::gzwrite(gz, text.data(), static_cast<unsigned>(text.size())) != 0;
    return ::gzclose(gz) == Z_OK && written;
}

int run(const std::filesystem::path& directory) {
    const rows written = make_rows();
    const auto plain = directory / "jobs.csv";
    const auto compressed = directory / "jobs.csv.gz";
    std::ofstream(plain, std::ios::binary) << written.text;
    table t;
    t.expect(write_gzip(compressed, written.text), "the compressed file can be written");
    measure(t, "rows of jobs-csv, plain", plain, written, 3.0);
    measure(t, "rows of jobs-csv, gzip", compressed, written, 1.5);
    return t.exit_status();
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
