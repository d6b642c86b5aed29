// What theory and a pencil say of the policies that rank jobs by service, history or fairness.

#include "analytic/queueing.hpp"

#include <cstddef>

using namespace queueing;
using namespace ampacity;

namespace {

constexpr std::int64_t second = 1'000'000'000;

/// Jobs of 1 to 32 GPUs with an offered load of about 0.95 on 64.
std::vector<customer> mixed_jobs(std::size_t count, std::uint64_t seed) {
    auto jobs = draw(exponential_distribution{13}, lognormal_distribution{40, 1.2}, count, seed);
    random_stream sizes{seed, purpose::sizes, 0};
    for (customer& j : jobs) {
        j.service_ns += 1;
        j.gpus = std::uint32_t{1} << sizes.below(6);
    }
    return jobs;
}

/// Poisson arrivals at one server; each is long with some probability, and then belongs to user 2.
struct two_kinds {
    double rate_per_s = 0;
    double long_share = 0;
    std::int64_t short_ns = 0;
    std::int64_t long_ns = 0;

    [[nodiscard]] std::vector<customer> draw(std::size_t count, std::uint64_t seed) const {
        random_stream kinds{seed, purpose::durations, 0};
        auto customers =
            queueing::draw(exponential_distribution{1 / rate_per_s}, constant_distribution{1}, count, seed);
        for (customer& c : customers) {
            const bool is_long = kinds.uniform01() < long_share;
            c.service_ns = is_long ? long_ns : short_ns;
            c.user = is_long ? 2 : 1;
        }
        return customers;
    }
};

/// [s], of one user's customers.
std::vector<double> seconds_of(const std::vector<std::int64_t>& ns, const std::vector<customer>& customers,
                               std::uint32_t user) {
    std::vector<double> out;
    for (std::size_t i = 0; i != ns.size(); ++i)
        if (customers[i].user == user) out.push_back(static_cast<double>(ns[i]) / 1e9);
    return out;
}

sim::simulation run_with(const std::vector<customer>& customers, std::uint64_t gpus, const std::string& policy,
                         const policy::policy_options& options) {
    return run(std::make_unique<customer_source>(customers), fleet::fleet_state::pool(gpus), policy, options);
}

}  // namespace

TEST_CASE("where all jobs have the same GPUs the least remaining service is the least remaining time") {
    for (const std::uint32_t gpus : {1U, 3U, 64U}) {
        auto jobs = mixed_jobs(5'000, 90);
        for (customer& j : jobs) j.gpus = gpus;
        check_equal(sojourns_ns(run(jobs, 64, "srsf")), sojourns_ns(run(jobs, 64, "srtf")));
    }
}

TEST_CASE("running jobs swap places as their remaining service falls") {
    // A holds 6 of 8 GPUs for 10 s, B 2 for 25 s: B has less service left until t = 5/2 s, then A.
    const customer a{.arrival_ns = 0, .service_ns = 10 * second, .gpus = 6};
    const customer b{.arrival_ns = 0, .service_ns = 25 * second, .gpus = 2};
    SECTION("a third job that comes early costs A its GPUs") {
        const std::vector<customer> jobs{a, b, {.arrival_ns = 1 * second, .service_ns = 5 * second, .gpus = 4}};
        const auto s = run(jobs, 8, "srsf");
        check_equal(sojourns_ns(s), std::vector<std::int64_t>{15 * second, 25 * second, 5 * second});
        CHECK(s.records(0)[0].preemptions == 1);
        CHECK(s.records(0)[1].preemptions == 0);
    }
    SECTION("one that comes late does not fit beside A, and B, which is behind it, must wait with it") {
        const std::vector<customer> jobs{a, b, {.arrival_ns = 9 * second, .service_ns = 5 * second, .gpus = 4}};
        const auto s = run(jobs, 8, "srsf");
        check_equal(sojourns_ns(s), std::vector<std::int64_t>{10 * second, 26 * second, 6 * second});
        CHECK(s.records(0)[0].preemptions == 0);
        CHECK(s.records(0)[1].preemptions == 1);
    }
}

TEST_CASE("services beyond 64 bits are told apart") {
    // 2^31 GPUs for 100 years are 6.8e27 GPU-ns; the first job takes one GPU-ns less for each GPU.
    constexpr std::int64_t century = std::int64_t{36'525} * 86'400 * second;
    const std::vector<customer> jobs{{.arrival_ns = 0, .service_ns = 1, .gpus = 1U << 31U},
                                     {.arrival_ns = 0, .service_ns = century, .gpus = 1U << 31U},
                                     {.arrival_ns = 0, .service_ns = century - 1, .gpus = 1U << 31U}};
    const auto s = run(jobs, std::uint64_t{1} << 31U, "srsf");
    CHECK(ticks(s.records(0)[2].first_start) == 1);
    CHECK(ticks(s.records(0)[1].first_start) == century);
}

TEST_CASE("exponential services: no order that does not know them changes the mean sojourn") {
    const double rho = 0.8;
    const auto customers = draw_poisson(rho, 1, exponential_distribution{mean_service_s}, 400'000, 91);
    policy::policy_options options;
    options.gittins = {.quantum = gpu_time{40} * second, .stages = 16};
    check_mean("mean sojourn", in_services(sojourns_ns(run_with(customers, 1, "gittins", options))), 1 / (1 - rho),
               0.07);
}

TEST_CASE("two kinds of jobs under the Gittins index: the short ones see an M/D/1 queue of first quanta") {
    // One in ten takes 400 s, the others 10 s, the quantum: a new job ends in its first quantum with a chance of 0.9,
    // one that has not ended then has 39 quanta before it. So first quanta, those of long jobs among them, go before
    // all else, in the order of arrival.
    const two_kinds kinds{.rate_per_s = 0.017, .long_share = 0.1, .short_ns = 10 * second, .long_ns = 400 * second};
    const auto customers = kinds.draw(300'000, 92);
    policy::policy_options options;
    options.gittins = {.quantum = gpu_time{10} * second, .stages = 2};
    for (int i = 0; i != 10; ++i) options.gittins.service.push_back(gpu_time{i == 0 ? 400 : 10} * second);
    const auto gittins = run_with(customers, 1, "gittins", options);
    const double expected_s = 10 + 10 * pollaczek_khinchine(kinds.rate_per_s * 10, 0);
    check_mean("mean sojourn of the short", seconds_of(sojourns_ns(gittins), customers, 1), expected_s, 0.01);
    SECTION("two buckets of attained service are the same") {
        options.las_thresholds = {gpu_time{10} * second};
        check_equal(sojourns_ns(run_with(customers, 1, "las", options)), sojourns_ns(gittins));
    }
    SECTION("learned from the run it is the same but for the beginning") {
        options.gittins.service.clear();
        const auto learned = run_with(customers, 1, "gittins", options);
        check_mean("mean sojourn of the short", seconds_of(sojourns_ns(learned), customers, 1), expected_s, 0.01);
    }
    SECTION("in the order of arrival the sum of sojourns is larger") {
        CHECK(sum(sojourns_ns(run(customers, 1, "fifo"))) > sum(sojourns_ns(gittins)));
    }
}

TEST_CASE("services that are alike: under the Gittins index jobs do not take turns") {
    // Who has come further goes first, so nobody is ever preempted.
    const auto customers = draw_poisson(0.9, 4, constant_distribution{mean_service_s}, 20'000, 94);
    policy::policy_options options;
    options.gittins = {.quantum = gpu_time{7} * second, .stages = 64, .service = {gpu_time{100} * second}};
    check_equal(sojourns_ns(run_with(customers, 4, "gittins", options)), sojourns_ns(run(customers, 4, "fifo")));
}

TEST_CASE("users whose jobs are always alike: predictions are right, and waits those of Cobham's priorities") {
    const two_kinds kinds{.rate_per_s = 0.02, .long_share = 0.3, .short_ns = 10 * second, .long_ns = 100 * second};
    const auto customers = kinds.draw(300'000, 93);
    const double rho_short = kinds.rate_per_s * (1 - kinds.long_share) * 10;
    const double rho_long = kinds.rate_per_s * kinds.long_share * 100;
    const double residual_s = (rho_short * 10 + rho_long * 100) / 2;
    for (const bool skip : {false, true}) {  // one server: who is passed over does not matter
        policy::policy_options options;
        options.qssf.skip = skip;
        const auto waits = waits_ns(run_with(customers, 1, "qssf", options));
        check_mean("wait of the short", seconds_of(waits, customers, 1), residual_s / (1 - rho_short), 0.03);
        check_mean("wait of the long", seconds_of(waits, customers, 2),
                   residual_s / ((1 - rho_short) * (1 - rho_short - rho_long)), 0.08);
    }
}

TEST_CASE("a prediction is the rolling mean of the user's jobs of these GPUs") {
    // One GPU. User 1 has run for 100 s, then 20 s: 0.8 x 100 + 0.2 x 20 = 84 s. User 2 has run for 83 s or 85 s.
    const std::int64_t other_s = GENERATE(83, 85);
    const std::vector<customer> jobs{{.arrival_ns = 0, .service_ns = 100 * second, .gpus = 1, .user = 1},
                                     {.arrival_ns = 1, .service_ns = 20 * second, .gpus = 1, .user = 1},
                                     {.arrival_ns = 2, .service_ns = other_s * second, .gpus = 1, .user = 2},
                                     {.arrival_ns = 3, .service_ns = 500 * second, .gpus = 1, .user = 3},
                                     // While user 3 runs, and nobody knows for how long:
                                     {.arrival_ns = 300 * second, .service_ns = second, .gpus = 1, .user = 1},
                                     {.arrival_ns = 301 * second, .service_ns = second, .gpus = 1, .user = 2}};
    const auto s = run(jobs, 1, "qssf");
    CHECK((s.records(0)[4].first_start < s.records(0)[5].first_start) == (other_s == 85));
}

TEST_CASE("jobs that need the whole fleet and come together take turns, a lease each") {
    const std::int64_t lease_s = 1'200;
    const std::int64_t jobs_there = GENERATE(2, 5, 7);
    constexpr std::int64_t leases = 3;
    std::vector<customer> jobs(static_cast<std::size_t>(jobs_there),
                               {.arrival_ns = 0, .service_ns = leases * lease_s * second, .gpus = 16});
    const auto s = run(jobs, 16, "ftf");
    for (std::int64_t i = 0; i != jobs_there; ++i) {
        INFO("job " << i << " of " << jobs_there);
        const auto& r = s.records(0)[static_cast<std::size_t>(i)];
        CHECK(ticks(r.first_start) == i * lease_s * second);
        CHECK(ticks(r.finish) == ((leases - 1) * jobs_there + i + 1) * lease_s * second);
    }
}

TEST_CASE("who is worst off in finish time gets the GPUs at the end of a lease") {
    // 8 GPUs. A (8 GPUs, 2 h) runs from 0; B (8 GPUs, 1 h) and C (2 GPUs, 1 h) come at 10 min. At 20 min there are
    // three, so A and B have a third of what they need and C all of it:
    // rho A = 120 / (3 x 120) = 1/3, rho B = (10 + 60) / (3 x 60) = 7/18, rho C = (10 + 60) / 60 = 7/6.
    // One bidder in three, rounded up from 0.6, goes first: C. Of the others, by arrival, nobody fits into the other 6.
    const std::int64_t minute = 60 * second;
    const std::vector<customer> jobs{{.arrival_ns = 0, .service_ns = 120 * minute, .gpus = 8},
                                     {.arrival_ns = 10 * minute, .service_ns = 60 * minute, .gpus = 8},
                                     {.arrival_ns = 10 * minute, .service_ns = 60 * minute, .gpus = 2}};
    const auto s = run(jobs, 8, "ftf");
    CHECK(ticks(s.records(0)[2].first_start) == 20 * minute);
    CHECK(s.records(0)[0].preemptions >= 1);
    CHECK(ticks(s.records(0)[1].first_start) > 20 * minute);
}
