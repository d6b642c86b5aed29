// Every public header of Ampacity in use, module by module. The tests build this against the installed package.
#include "example.hpp"

#include <cstdio>
#include <exception>

int main() {
    try {
        core_example();
        kernel_example();
        hardware_example();
        fleet_example();
        power_example();
        faults_example();
        llm_example();
        workload_example();
        serving_example();
        fluid_example();
        policy_example();
        simulation_example();
        scenario_example();
        money_example();
        io_example();
        experiment_example();
        report_example();
    } catch (const std::exception& e) {
        std::printf("%s\n", e.what());
        return 1;
    }
    std::puts("all examples are right");
}
