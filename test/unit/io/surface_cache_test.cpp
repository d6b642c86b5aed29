// The cache of surfaces: what comes from a file is what was built, and a file that is none, or of something else, is
// not taken.
#include "support/catch.hpp"
#include "support/files.hpp"

#include <ampacity/fluid/surface.hpp>
#include <ampacity/io/prepare.hpp>
#include <ampacity/io/surface_cache.hpp>
#include <ampacity/io/surface_file.hpp>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace ampacity;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

fluid::surface_options small() {
    serving::step_grid grid{{0, 4}, {0, 256}, {}};
    for (const int us : {0, 100, 900, 1000}) grid.time.push_back(serving::to_exact(us * 1us));
    return {
        .engine = {.max_seqs = 4, .max_batched_tokens = 256, .kv_capacity_tokens = 4000},
        .time = serving::iteration_time(serving::linear_step{.base = serving::to_exact(5ms), .per_token = {20'000, 0}},
                                        serving::step_table{grid}),
        .prompt = workload::token_lengths({{.law = lognormal_distribution{50, 0.6}}}, 300),
        .output = workload::token_lengths({{.law = lognormal_distribution{10, 0.5}}}),
        .targets = {.ttft = 1s},
        .requests = 1000};
}

std::string text_of(const io::kept_surface& s) { return io::surface_text(*s.made, small(), {}); }

std::vector<fs::path> files_in(const fs::path& folder) {
    std::vector<fs::path> out;
    for (const auto& e : fs::directory_iterator(folder)) out.push_back(e.path());
    return out;
}

/// An environment variable for as long as it lives; null: not set.
class variable {
public:
    variable(const char* name, const char* value) : name_(name) {
        if (const char* const had = std::getenv(name)) had_ = had;
        set(value);
    }
    variable(const variable&) = delete;
    variable& operator=(const variable&) = delete;
    ~variable() { set(had_ ? had_->c_str() : nullptr); }

private:
    void set(const char* value) const {
        if (value != nullptr)
            ::setenv(name_, value, 1);
        else
            ::unsetenv(name_);
    }
    const char* name_;
    std::optional<std::string> had_{};
};

}  // namespace

TEST_CASE("a surface is built once and read from then on") {
    const test::temporary_directory folder;
    const io::surface_cache cache{folder.path() / "a" / "surfaces"};
    const std::string expected = io::surface_text(fluid::surface::build(small()), small(), {});
    const auto first = cache.get(small());
    CHECK_FALSE(first.was_read);
    CHECK(fs::path{first.file}.filename() == io::surface_cache::name_of(small()));
    const auto second = cache.get(small());
    CHECK(second.was_read);
    CHECK(second.file == first.file);
    CHECK(second.digest == first.digest);
    CHECK(text_of(first) == expected);
    CHECK(text_of(second) == expected);
    CHECK(files_in(folder.path() / "a" / "surfaces").size() == 1);
}

TEST_CASE("a damaged file is as none, and is made anew") {
    const test::temporary_directory folder;
    const io::surface_cache cache{folder.path()};
    const auto first = cache.get(small());
    const std::string whole = test::read_file(first.file), expected = text_of(first);
    std::vector<std::string> damaged{"", "x", whole.substr(0, whole.size() / 2), whole + "\n",
                                     whole.substr(whole.find('\n') + 1)};
    for (const std::size_t at : {std::size_t{8}, whole.size() / 3, whole.size() / 2, whole.size() - 20}) {
        damaged.push_back(whole);
        damaged.back()[at] = damaged.back()[at] == '1' ? '2' : '1';
    }
    for (const std::string& text : damaged) {
        INFO(text.size() << ' ' << text.substr(0, 60));
        test::write_file(first.file, text);
        const auto again = cache.get(small());
        CHECK_FALSE(again.was_read);
        CHECK(text_of(again) == expected);
        CHECK(test::read_file(first.file) == whole);
    }
    // Whole, and of another replica.
    fluid::surface_options other = small();
    other.engine.max_seqs = 3;
    fs::copy_file(cache.get(other).file, first.file, fs::copy_options::overwrite_existing);
    CHECK_FALSE(cache.get(small()).was_read);
    CHECK(cache.get(small()).was_read);
}

TEST_CASE("a folder that cannot be written is no fault") {
    const test::temporary_directory folder;
    test::write_file(folder.path() / "file", "");
    const auto none = io::surface_cache{folder.path() / "file" / "surfaces"}.get(small());
    CHECK(none.file.empty());
    CHECK_FALSE(none.was_read);
    const auto off = io::surface_cache{std::nullopt}.get(small());
    CHECK(off.file.empty());
    CHECK(text_of(off) == text_of(none));
}

TEST_CASE("whatever a surface hangs on is in the name of its file") {
    std::set<std::string> names{io::surface_cache::name_of(small())};
    CHECK(names.contains(io::surface_cache::name_of(small())));
    const auto differs = [&](auto change) {
        fluid::surface_options o = small();
        change(o);
        CHECK(names.insert(io::surface_cache::name_of(o)).second);
    };
    differs([](auto& o) { o.requests = 1001; });
    differs([](auto& o) { o.seed = 2; });
    differs([](auto& o) { o.prompt_scales = {1, 2}; });
    differs([](auto& o) { o.output_scales = {1, 2}; });
    differs([](auto& o) { o.replicas = 2; });
    differs([](auto& o) { o.targets.ttft = 2s; });
    // One prompt of the thousand is that long.
    differs([](auto& o) { o.prompt = workload::token_lengths({{.law = lognormal_distribution{50, 0.6}}}, 299); });
    // A corner and a line between those that any set of batches would meet.
    const auto table = [](std::vector<std::int64_t> columns, std::vector<int> us) {
        serving::step_grid grid{{0, 4}, std::move(columns), {}};
        for (const int t : us) grid.time.push_back(serving::to_exact(t * 1us));
        return serving::iteration_time(serving::linear_step{.base = serving::to_exact(5ms), .per_token = {20'000, 0}},
                                       serving::step_table{grid});
    };
    differs([&](auto& o) { o.time = table({0, 37, 256}, {0, 15, 100, 900, 920, 1000}); });
    differs([&](auto& o) { o.time = table({0, 39, 256}, {0, 15, 100, 900, 920, 1000}); });
    differs([&](auto& o) { o.time = table({0, 37, 256}, {0, 16, 100, 900, 920, 1000}); });
}

TEST_CASE("threads that want one surface at a time all get it") {
    const test::temporary_directory folder;
    const io::surface_cache cache{folder.path()};
    std::vector<io::kept_surface> got(4);
    std::vector<std::thread> crew;
    for (auto& mine : got) crew.emplace_back([&cache, &mine] { mine = cache.get(small()); });
    for (std::thread& t : crew) t.join();
    for (const auto& one : got) {
        CHECK(text_of(one) == text_of(got[0]));
        CHECK(one.digest == got[0].digest);
    }
    REQUIRE(files_in(folder.path()).size() == 1);
    CHECK(cache.get(small()).was_read);
}

TEST_CASE("where surfaces are kept") {
    const variable own("AMPACITY_CACHE", nullptr), xdg("XDG_CACHE_HOME", "/x"), home("HOME", "/h");
    CHECK(io::surface_cache_folder() == fs::path{"/x/ampacity/surfaces"});
    {
        const variable given("AMPACITY_CACHE", "c");
        CHECK(io::surface_cache_folder() == fs::path{"c/surfaces"});
        const variable off("AMPACITY_CACHE", "");
        CHECK(io::surface_cache_folder() == std::nullopt);
    }
    const variable relative("XDG_CACHE_HOME", "x");
    CHECK(io::surface_cache_folder() == fs::path{"/h/.cache/ampacity/surfaces"});
    const variable none("HOME", nullptr);
    CHECK(io::surface_cache_folder() == std::nullopt);
}

TEST_CASE("trials of one process share a surface") {
    const variable off("AMPACITY_CACHE", "");
    const std::string text = R"(ampacity: 1
name: f
seed: 3
fleet: { nodes: { gpus: 4, count: 8 } }
workload:
  - service:
      name: chat
      fidelity: fluid
      fluid: { tick: "30 s", requests: 1000 }
      replicas: 2
      gpus_per_replica: 4
      engine: { max_seqs: 8, kv_capacity_tokens: 4000, step: { base: "5 ms" } }
      synthetic: { requests: 100, rate: "RATE /s", prompt: { median: "20 token" }, output: { median: "5 token" } }
scheduler: { policy: fifo }
until: "1 min"
)";
    io::shared_inputs shared;
    const auto surface_at = [&](const std::string& rate, io::shared_inputs* of) {
        std::string own = text;
        own.replace(own.find("RATE"), 4, rate);
        auto prepared = io::prepare(io::read_scenario_text("s.yaml", own), nullptr, of);
        REQUIRE(prepared.surfaces.size() == 1);
        CHECK(prepared.surfaces[0]->service == "chat");
        CHECK(prepared.surfaces[0]->of.made == nullptr);
        sim::simulation s(std::move(prepared.parts));
        s.run();
        return prepared.surfaces[0]->of.made;
    };
    const auto one = surface_at("1", &shared);
    REQUIRE(one != nullptr);
    CHECK(surface_at("2", &shared) == one);
    CHECK(surface_at("1", nullptr) != one);
}
