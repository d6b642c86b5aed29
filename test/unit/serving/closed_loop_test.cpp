#include "support/catch.hpp"

#include <ampacity/serving/service.hpp>
#include <ampacity/workload/closed_requests.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

using namespace ampacity;
using serving::request_record;
using serving::request_state;
using workload::request;

namespace {

workload::synthetic_request_options options(std::uint64_t requests) {
    return {.seed = 9,
            .entity = 50,
            .requests = requests,
            .arrivals = {.seed = 9, .entity = 50, .rate_per_s = 0.5},
            .prompt = workload::token_lengths({{.law = lognormal_distribution{80, 0.7}}}),
            .output = workload::token_lengths({{.law = exponential_distribution{150}}})};
}

struct served {
    request asked;
    request_record got;
};

/// A source that keeps what it gave.
class watched_source final : public workload::request_source, public workload::request_loop {
public:
    explicit watched_source(workload::closed_requests& of) : of_(of) {}
    std::size_t next(std::span<request> out) override { return of_.next(out); }
    workload::request_loop* loop() noexcept override { return this; }
    instant next_arrival() const override { return of_.next_arrival(); }
    request take() override {
        given.push_back(of_.take());
        return given.back();
    }
    void left(std::uint64_t row, bool answered, instant now) override { of_.left(row, answered, now); }

    std::vector<request> given;

private:
    workload::closed_requests& of_;
};

std::vector<served> serve(workload::closed_requests source, const serving::replica_options& engine,
                          instant until = never) {
    watched_source watched(source);
    serving::service s({.replicas = 2, .engine = engine, .random = {.seed = 1}},
                       serving::iteration_time(serving::linear_step{.base = {5'000'000, 0}, .per_token = {20'000, 0}}));
    std::vector<request_record> records;
    serving::serve(watched, s, until, [&](const request_record& r) { records.push_back(r); });
    std::vector<served> out(watched.given.size());
    REQUIRE(records.size() == out.size());
    for (const request_record& r : records) out[r.row] = {watched.given[r.row], r};
    return out;
}

}  // namespace

TEST_CASE("closed loop: a turn comes a pause after the answer to the one before") {
    const workload::session_options sessions{.turns = 4, .think_s = 3, .context = 3000};
    const auto all = serve({options(5000), sessions, std::nullopt}, {.max_seqs = 8, .prefix_cache = true});
    REQUIRE(all.size() == 5000);
    std::map<std::uint32_t, std::pair<workload::turn_name, const request_record*>> last;
    std::size_t later = 0;
    instant before = start_of_time;
    for (const served& s : all) {
        CHECK(s.asked.arrival >= before);
        before = s.asked.arrival;
        workload::turn_name name{.conversation = s.asked.session - 1};
        if (const auto known = last.find(s.asked.session); known != last.end()) {
            const auto& [was, record] = known->second;
            const workload::turn t = workload::turn_of(was, options(5000), sessions);
            REQUIRE(t.following);
            CHECK(s.asked.arrival == record->end + t.pause);
            name = *t.following;
            ++later;
        }
        const request expected = workload::turn_of(name, options(5000), sessions).asked;
        CHECK(s.asked.prompt_tokens == expected.prompt_tokens);
        CHECK(s.asked.output_tokens == expected.output_tokens);
        CHECK(s.asked.prefix_tokens == expected.prefix_tokens);
        CHECK(s.got.state == request_state::finished);
        last[s.asked.session] = {name, &s.got};
    }
    CHECK(later > 3000);
}

TEST_CASE("closed loop: conversations begin as those that do not wait") {
    const workload::session_options sessions{.turns = 1, .think_s = 1};
    const auto all = serve({options(300), sessions, std::nullopt}, {});
    workload::arrivals arrivals(options(300).arrivals);
    for (const served& s : all) CHECK(s.asked.arrival == arrivals.next());
}

TEST_CASE("closed loop: each user has one request out at a time") {
    for (const double think_s : {0.0, 2.0}) {
        const auto all = serve({options(2000), {.turns = 3, .think_s = 1}, workload::loop_users{5, think_s}},
                               {.max_seqs = 2, .max_wait = std::chrono::milliseconds{300}});
        REQUIRE(all.size() == 2000);
        std::vector<std::pair<instant, int>> changes;
        std::size_t unanswered = 0;
        for (const served& s : all) {
            changes.emplace_back(s.asked.arrival, 1);
            changes.emplace_back(s.got.end, -1);
            unanswered += s.got.state == request_state::cancelled;
        }
        CHECK(unanswered > 10);                     // who begin again
        std::sort(changes.begin(), changes.end());  // leaving before coming
        int out = 0, most = 0;
        for (const auto& [at, change] : changes) most = std::max(most, out += change);
        CHECK(most == 5);
        if (think_s == 0) {
            for (std::size_t i = 0; i != 5; ++i) CHECK(all[i].asked.arrival == start_of_time);
        }
    }
}

TEST_CASE("closed loop: what is cut short has no end, and read without answers it never waits") {
    const workload::session_options sessions{.turns = 3, .think_s = 1};
    const auto cut = serve({options(2000), sessions, workload::loop_users{5, 0}}, {.max_seqs = 2},
                           start_of_time + std::chrono::seconds{30});
    CHECK(std::count_if(cut.begin(), cut.end(), [](const served& s) { return s.got.end == never; }) >= 1);
    workload::closed_requests read({options(700), sessions, std::nullopt});
    std::vector<request> batch(64);
    std::size_t n = 0;
    instant before = start_of_time;
    while (const std::size_t got = read.next(batch)) {
        n += got;
        for (std::size_t i = 0; i != got; ++i) {
            CHECK(batch[i].arrival >= before);
            before = batch[i].arrival;
        }
    }
    CHECK(n == 700);
    CHECK(read.progress() == 1.0);
}
