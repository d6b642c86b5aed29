// What a user's program sees of the installed library.
#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/core/version.hpp>
#include <ampacity/core/wide.hpp>

#include <chrono>
#include <iostream>

int main() {
    using namespace std::chrono_literals;
    const ampacity::instant end = ampacity::start_of_time + 90min;
    std::cout << "ampacity " << ampacity::version << '\n'
              << ampacity::to_string(ampacity::gpu_time{8} * ampacity::ticks(end)) << " GPU-ns\n";
    try {
        throw ampacity::scenario_error({{}, "fleet.pool_gpus", "expected a number", "many", ""});
    } catch (const ampacity::error& e) {
        std::cout << e.what() << '\n';
    }
}
