#include "support/catch.hpp"

#include <ampacity/workload/scaling.hpp>

#include <array>
#include <cstdint>

using namespace ampacity;
using workload::amdahl_speed;

TEST_CASE("speed 1 is that of the preferred GPUs, whatever is serial", "[scaling]") {
    for (const double serial : {0.0, 1e-15, 0.02, 1.0 / 3, 0.5, 1.0}) {
        for (const std::uint32_t p : {1U, 3U, 8U, 1000U, 1U << 31U}) CHECK(amdahl_speed(serial, p, p) == 1.0);
    }
}

TEST_CASE("without a serial part speed is in proportion to GPUs, and all serial work is as fast on any number",
          "[scaling]") {
    CHECK(amdahl_speed(0, 8, 12) == 1.5);
    CHECK(amdahl_speed(0, 3, 1) == 1.0 / 3);
    CHECK(amdahl_speed(0, 1, 1U << 20U) == 1048576.0);
    CHECK(amdahl_speed(1, 8, 1) == 1.0);
    CHECK(amdahl_speed(1, 8, 64) == 1.0);
}

TEST_CASE("speeds are those of Amdahl's law, and never fall", "[scaling]") {
    // 20 s of 100 s on one GPU are serial: 60 s on 2 GPUs, 40 s on 4, 36 s on 5, 20 s at best.
    CHECK(amdahl_speed(0.2, 4, 1) == Approx(40.0 / 100));
    CHECK(amdahl_speed(0.2, 4, 2) == Approx(40.0 / 60));
    CHECK(amdahl_speed(0.2, 4, 5) == Approx(40.0 / 36));
    CHECK(amdahl_speed(0.2, 4, 1U << 22U) == Approx(2.0).epsilon(1e-5));
    for (const double serial : {0.0, 1e-9, 0.013, 0.4, 1.0}) {
        double before = 0;
        for (std::uint32_t n = 1; n != 5000; ++n) {
            const double speed = amdahl_speed(serial, 7, n);
            if (!(speed >= before && speed <= n / 7.0 * (n > 7 ? 1.0 : 7.0))) FAIL(serial << ' ' << n);
            before = speed;
        }
    }
}
