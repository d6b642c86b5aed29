// Two classes at one server, the urgent one preempting the other: M/M/1 with preemptive resume (White and Christie
// 1958).

#include "analytic/queueing.hpp"

using namespace queueing;
using namespace ampacity;

namespace {

/// Customers of which some, drawn independently, are urgent.
class two_classes final : public workload::job_source {
public:
    two_classes(std::span<const customer> customers, double urgent, std::uint64_t seed)
        : customers_(customers), urgent_(urgent), classes_{seed, purpose::sizes, 0} {}

    std::size_t next(std::span<workload::job_request> out) override {
        const std::size_t count = customers_.next(out);
        for (auto& job : out.first(count)) job.priority = classes_.uniform01() < urgent_ ? 1 : 0;
        return count;
    }
    [[nodiscard]] std::string_view text(std::int64_t) const override { return {}; }

private:
    customer_source customers_;
    double urgent_;
    random_stream classes_;
};

}  // namespace

TEST_CASE("mean sojourns of two classes with preemptive resume") {
    constexpr double rho = 0.8;
    constexpr double urgent = 0.4;
    constexpr std::uint64_t seed = 90;
    const auto customers = draw_poisson(rho, 1, exponential_distribution{mean_service_s}, 800'000, seed);
    const auto s = run(std::make_unique<two_classes>(customers, urgent, seed), fleet::fleet_state::pool(1), "priority");
    const auto sojourns = in_services(sojourns_ns(s));
    std::vector<double> of_class[2];
    random_stream classes{seed, purpose::sizes, 0};
    for (const double t : sojourns) of_class[classes.uniform01() < urgent ? 1 : 0].push_back(t);
    const double rho_urgent = rho * urgent;
    check_mean("urgent", of_class[1], 1 / (1 - rho_urgent), 0.02);
    check_mean("others", of_class[0], 1 / ((1 - rho_urgent) * (1 - rho)), 0.05);
}
