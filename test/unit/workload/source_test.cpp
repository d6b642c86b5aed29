#include "support/catch.hpp"

#include <ampacity/workload/source.hpp>

#include <array>
#include <vector>

using namespace ampacity;
using namespace ampacity::workload;

namespace {

job_request submitted(int at, std::int64_t name) {
    job_request job;
    job.submit = instant{duration{at}};
    job.name = name;
    job.row = 99;
    return job;
}

}  // namespace

TEST_CASE("a vector of jobs is a source, sorted stably by submit", "[source]") {
    vector_source source{{submitted(5, 0), submitted(3, 1), submitted(5, 2), submitted(3, 3), submitted(0, 4)}};
    CHECK(source.progress() == 0.0);
    std::array<job_request, 2> batch;
    std::vector<std::int64_t> names;
    std::vector<std::uint64_t> rows;
    while (const std::size_t n = source.next(batch)) {
        for (std::size_t i = 0; i < n; ++i) {
            names.push_back(batch[i].name);
            rows.push_back(batch[i].row);
        }
    }
    CHECK(names == std::vector<std::int64_t>{4, 1, 3, 0, 2});
    CHECK(rows == std::vector<std::uint64_t>{4, 1, 3, 0, 2});
    CHECK(source.progress() == 1.0);
    CHECK(source.next(batch) == 0);
    CHECK(source.text(0).empty());
}

TEST_CASE("an empty vector is an exhausted source", "[source]") {
    vector_source source{{}};
    std::array<job_request, 2> batch;
    CHECK(source.next(batch) == 0);
    CHECK(source.progress() == 1.0);
}
