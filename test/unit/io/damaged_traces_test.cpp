// Damaged traces of every format, plain and compressed: their jobs or a data error, nothing else.

#include "support/cases.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/gzip.hpp"
#include "support/zstd.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/job_traces.hpp>

#include <array>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::io;
using workload::job_request;

namespace {

struct sample {
    std::string format;
    std::string text;
};

const std::array samples{
    sample{"jobs-csv",
           "job_id,submit_s,gpus,duration_s,estimate_s,user,priority,spread\n"
           "1,0,8,3600,7200,ann,1,true\n\"x,\"\"2\",1.5,1,2e1,,\"b\nb\",,\n3,10,4,0.25,1,,-2,0\n"},
    sample{"philly-csv",
           "timestamp,duration,num_gpus,gpu_time,cluster\n"
           "2017-09-04 10:30:41,22.5,8,180,7f04ca\n2017-09-04 10:30:40,3256045.0,1,3256045.0,6214e9\n"},
    sample{"swf",
           "; UnixStartTime: 1296571124\n; MaxProcs: 64\n\n"
           "1 10 5 100 8 -1 -1 8 3600 -1 1 7 2 -1 1 -1 -1 -1\n2 9 -1 -1 -1 -1 -1 16 60 -1 5 8 2 -1 1 -1 -1 -1\n"
           "  3\t12 0 2.5 -1 1.5 77 16 -1 -1 0 -1 -1 -1 1 -1 -1 -1\r\n"},
    sample{"alibaba-openb",
           "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,"
           "scheduled_time\n"
           "p-0,12000,16384,1,1000,,LS,Running,0,12537496,0\np-1,6000,12288,1,460,V100M16|V100M32,LS,Failed,4,20,5\n"
           "p-2,1,2,8,1000,T4,BE,Succeeded,7,100.5,9\np-3,1,2,0,0,,BE,Pending,8,10,\n"},
};

/// All jobs, or nothing where the trace is refused; anything else fails the test.
std::optional<std::vector<job_request>> read(const std::filesystem::path& file, const std::string& format) {
    std::vector<job_request> jobs;
    try {
        const auto source = open_job_trace({.path = file, .format = format});
        std::vector<job_request> batch(4);
        instant last{};
        while (const std::size_t n = source->next(batch)) {
            for (std::size_t i = 0; i < n; ++i) {
                REQUIRE(batch[i].submit >= last);
                REQUIRE(batch[i].work >= duration::zero());
                REQUIRE(batch[i].work <= longest_input);
                last = batch[i].submit;
                jobs.push_back(batch[i]);
            }
        }
    } catch (const data_error& e) {
        REQUIRE(e.details().where.line >= 1);
        REQUIRE(e.details().where.column >= 1);
        REQUIRE_FALSE(e.details().remedy.empty());
        return std::nullopt;
    }
    return jobs;
}

bool same(const std::vector<job_request>& a, const std::vector<job_request>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const job_request& x, const job_request& y) {
        return x.row == y.row && x.submit == y.submit && x.work == y.work && x.gpus == y.gpus &&
               x.estimate == y.estimate;
    });
}

std::string packed(const std::string& text, int how) {
    if (how == 1) return test::gzip(text, 1);
    if (how == 2) return test::zstd(text, 1);
    if (how == 3) return test::zstd(text.substr(0, 40)) + test::zstd_skippable("note") + test::zstd(text.substr(40));
    if (how == 4) return test::gzip(text.substr(0, 40)) + test::gzip(text.substr(40));
    return text;
}

}  // namespace

TEST_CASE("damaged traces give jobs or a data error, nothing else", "[job_traces]") {
    std::mt19937_64 random{99};
    const test::temporary_directory directory;
    const auto file = directory.path() / "t";
    for (const sample& s : samples) {
        std::size_t failed = 0;
        std::size_t passed = 0;
        const std::size_t trials = test::random_cases(3000);
        for (std::size_t trial = 0; trial < trials; ++trial) {
            std::string text = s.text;
            for (std::size_t n = 1 + random() % 3; n > 0; --n) {
                const std::size_t where = random() % text.size();
                const char byte = random() % 3 == 0 ? static_cast<char>(random())
                                                    : "0123456789,,\"\"\n\r.-+eE naif:; \t"[random() % 31];
                switch (random() % 4) {
                    case 0: text[where] = byte; break;
                    case 1: text.insert(where, 1, byte); break;
                    case 2: text.erase(where, 1 + random() % 4); break;
                    default: text.insert(where, text.substr(random() % text.size(), random() % 20)); break;
                }
                if (text.empty()) text = ",";
            }
            test::write_file(file, trial % 5 == 0 ? packed(text, 1 + static_cast<int>(trial / 5 % 2)) : text);
            ++(read(file, s.format) ? passed : failed);
        }
        CAPTURE(s.format, passed, failed);
        CHECK(failed > trials / 5);
        CHECK(passed > trials / 20);
    }
}

TEST_CASE("damage to a compressed trace is found, or does not matter", "[job_traces]") {
    std::mt19937_64 random{7};
    const test::temporary_directory directory;
    const auto file = directory.path() / "t";
    for (const sample& s : samples) {
        test::write_file(file, s.text);
        const auto whole = read(file, s.format);
        REQUIRE(whole);
        CHECK(whole->size() >= 2);
        for (const int how : {1, 2, 3, 4}) {
            const std::string bytes = packed(s.text, how);
            test::write_file(file, bytes);
            const auto intact = read(file, s.format);
            REQUIRE(intact);
            CHECK(same(*intact, *whole));
            std::size_t refused = 0;
            const std::size_t trials = test::random_cases(500);
            for (std::size_t trial = 0; trial < trials; ++trial) {
                std::string damaged = bytes;
                for (std::size_t n = 1 + random() % 2; n > 0; --n)
                    damaged[random() % bytes.size()] ^= static_cast<char>(1U << random() % 8);
                if (random() % 2 == 0) damaged.resize(random() % bytes.size());
                test::write_file(file, damaged);
                const auto got = read(file, s.format);
                if (!got) ++refused;
                CAPTURE(s.format, how, trial);
                // A cut between two members or frames leaves a complete file of fewer rows.
                if (got && !same(*got, *whole)) {
                    CHECK(how >= 3);
                    CHECK(damaged.size() < bytes.size());
                }
            }
            CHECK(refused > trials * 8 / 10);
        }
    }
}

TEST_CASE("plain traces cut anywhere give the rows before the cut or a data error", "[job_traces]") {
    const test::temporary_directory directory;
    const auto file = directory.path() / "t";
    for (const sample& s : samples) {
        test::write_file(file, s.text);
        const auto whole = read(file, s.format);
        REQUIRE(whole);
        for (std::size_t n = 0; n < s.text.size(); ++n) {
            test::write_file(file, s.text.substr(0, n));
            const auto got = read(file, s.format);
            CAPTURE(s.format, n);
            if (got) CHECK(got->size() <= whole->size());
        }
    }
}
