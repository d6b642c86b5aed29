// The seven years of scenarios/contract: what must hold of any run of them, and a part of one, whole.
#include "cli/program.hpp"

#include <filesystem>
#include <string>
#include <vector>

using namespace ampacity::test;

namespace {

void copy_contract(const workspace& here) {
    std::filesystem::copy_file(std::filesystem::path{AMPACITY_SOURCE_DIR} / "scenarios/contract/aws-openai-38b.yaml",
                               here.path("s.yaml"), std::filesystem::copy_options::overwrite_existing);
}

}  // namespace

TEST_CASE("contract: seven years of 206640 GPUs give the hours that were paid for") {
    const workspace here;
    copy_contract(here);
    // Nobody works: racks come and fail.
    here.run_well({"--set", "workload=[{ training: { name: a, gpus: 8, steps: 1, step: { compute: 1 s } } }]"});
    const document s = here.summary();
    CHECK(s.number("simulated_s") == 2557 * 86400.0);
    CHECK(s.number("build_out.gpus") == 206640);
    // Two leap days, and half of a ramp of 59.8 weeks less, behind which lie a good week of installing and burning in.
    CHECK(s.number("contract.gpu_hours") == Approx(11.6e9).epsilon(0.01));
    CHECK(s.number("contract.gpu_hours") < 206640 * (2557 * 24 - 59.8 * 84));
    CHECK(s.number("contract.paid_usd") == Approx(38e9));
    CHECK(s.number("contract.usd_per_gpu_hour") == Approx(3.27).epsilon(0.01));
    // At the rates of Llama 3, with those of the first 90 days: 98 a day on average of the whole fleet.
    const double per_day = s.number("failures.total") / 2557;
    CHECK(per_day > 85);
    CHECK(per_day < 115);
    check_books(s);

    // A line for each year and, of each, for each of five sites; leap years have their day.
    const std::vector<std::string> years = lines_of(here.read("out/years.csv"));
    REQUIRE(years.size() == 1 + 8 * 6);
    double hours = 0, gpu_hours = 0, paid = 0;
    for (std::size_t i = 1; i != years.size(); ++i) {
        const std::vector<std::string> f = fields_of(years[i]);
        if (f[1] != "all") continue;
        hours += std::stod(f[2]);
        gpu_hours += std::stod(f[3]);
        paid += std::stod(f[24]);
        if (f[0] == "2028") CHECK(std::stod(f[2]) == 8784);
        if (f[0] == "2029") CHECK(std::stod(f[2]) == 8760);
    }
    CHECK(fields_of(years[0])[24] == "contract_usd");
    CHECK(hours == 2557 * 24);
    CHECK(gpu_hours == Approx(s.number("contract.gpu_hours")).epsilon(1e-9));
    CHECK(paid == Approx(38e9).epsilon(1e-9));
}

TEST_CASE("contract: its first weeks with all that works there, twice the same") {
    const workspace here;
    copy_contract(here);
    const std::vector<std::string> until{"--set", "until=50 d", "--set", "workload.0.service.fluid.requests=1000"};
    here.run_well(until);
    const std::string first = here.read("out/summary.json"), years = here.read("out/years.csv");
    here.run_well(until);
    CHECK(here.read("out/summary.json") == first);
    CHECK(here.read("out/years.csv") == years);
    const document s = here.summary();
    check_books(s);
    CHECK(s.number("jobs.finished") > 5000);
    CHECK(s.number("services.assistant.finished") > 1e9);
    // What comes is shared out among the sites, and nothing else.
    double requests = 0;
    for (const char* site : {"ohio", "dallas", "oregon", "stockholm", "aragon"})
        requests += s.number(std::string{"services.assistant.sites."} + site + ".requests");
    CHECK(requests == Approx(s.number("services.assistant.requests")).epsilon(1e-9));
    // Every second of a replica is one in which it works, or does not.
    CHECK(s.number("services.assistant.busy_share") > 0);
    CHECK(s.number("services.assistant.busy_share") <= 1);
}
