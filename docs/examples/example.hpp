#pragma once
/// \file
/// What the examples share: one function per module, and a check that ends the program with what it found.

#include <stdexcept>
#include <string>

/// Throws unless `fact` holds.
inline void require(bool fact, const std::string& what) {
    if (!fact) throw std::runtime_error("not so: " + what);
}

void core_example();
void kernel_example();
void hardware_example();
void fleet_example();
void power_example();
void faults_example();
void llm_example();
void workload_example();
void serving_example();
void fluid_example();
void policy_example();
void simulation_example();
void scenario_example();
void money_example();
void io_example();
void experiment_example();
void report_example();
