// A queue at one server, as processes: the mean wait of a million customers, and what theory says.
#include <ampacity/core/distributions.hpp>
#include <ampacity/kernel/process_model.hpp>
#include <ampacity/kernel/resource.hpp>

#include <cstdio>

using namespace ampacity;
using namespace ampacity::kernel;

process customer(environment& world, resource& server, duration service, double& waited_s) {
    const instant arrived = world.now();
    const lease turn = co_await server.acquire();
    waited_s += to_seconds(world.now() - arrived);
    co_await delay(service);
}

process arrivals(environment& world, resource& server, int customers, double& waited_s) {
    random_stream gaps(42, purpose::arrivals, 0), services(42, purpose::durations, 0);
    for (int i = 0; i < customers; ++i) {
        co_await delay(draw_duration(exponential_distribution{1.0}, gaps));
        world.spawn(customer(world, server, draw_duration(exponential_distribution{0.8}, services), waited_s));
    }
}

int main() {
    process_model world;
    resource server(world, 1);
    double waited_s = 0;
    world.spawn(arrivals(world, server, 1'000'000, waited_s));
    world.run();
    std::printf("mean wait %.3f s, theory %.3f s\n", waited_s / 1e6, 0.8 * 0.8 / (1 - 0.8));
}
