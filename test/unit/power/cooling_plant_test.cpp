// Cooling power at an outdoor temperature, in closed form.
#include "support/catch.hpp"

#include <ampacity/io/catalogue.hpp>
#include <ampacity/power/cooling_plant.hpp>

using namespace ampacity;
using power::cooling_plant;

TEST_CASE("chillers take heat over their COP, and none while it is cool enough outside", "[cooling]") {
    hardware::cooling c;
    c.kind = hardware::cooling_kind::liquid;
    c.power_share = 0.2;
    c.other_share = 0.017;
    c.water_m3_per_j = 2;
    c.units = hardware::coolant_units{.pump_share = 0.01};
    c.fan_share = 0.05;
    CHECK(!cooling_plant{c}.follows_weather());
    CHECK(cooling_plant{c}.year_share() == 0.2);
    CHECK(cooling_plant{c}.water_m3(10) == 20);
    c.chiller = hardware::chiller{.rated_cop = 6, .slope_per_k = -0.025, .rated_outdoor_c = 30};
    const cooling_plant chilled{c};
    REQUIRE(chilled.follows_weather());
    CHECK(chilled.share(30) == Approx(0.01 + 1.0 / 6).epsilon(1e-15));
    CHECK(chilled.share(10) == Approx(0.01 + 1.0 / 9).epsilon(1e-15));  // COP 6 x 1.5
    CHECK(chilled.share(40) == Approx(0.01 + 1.0 / 4.5).epsilon(1e-15));
    CHECK(chilled.pue(10) == Approx(1 + 0.01 + 1.0 / 9 + 0.017).epsilon(1e-15));
    // The line ends at a COP of 1.
    CHECK(power::chiller_cop(*c.chiller, 69.9) == 1);
    CHECK(power::chiller_cop(*c.chiller, 300) == 1);
    // A fifth of the heat goes into air.
    CHECK(cooling_plant(c, 0.8).share(30) == Approx(0.8 * 0.01 + 0.2 * 0.05 + 1.0 / 6).epsilon(1e-15));
    // Free cooling up to and with 22 degC: pumps alone.
    c.free_below_c = 22;
    const cooling_plant dry{c};
    CHECK(dry.is_free(22));
    CHECK(!dry.is_free(22.001));
    CHECK(dry.share(22) == 0.01);
    CHECK(dry.share(-20) == 0.01);
    CHECK(dry.share(30) == chilled.share(30));
    // Air cooling: fans for all heat, no pumps.
    c.kind = hardware::cooling_kind::air;
    CHECK(cooling_plant(c, 0.8).share(0) == 0.05);
}

TEST_CASE("the catalogue's chilled liquid agrees with its mean of a year at a mean temperature", "[cooling]") {
    const auto c = io::read_model<hardware::cooling>("chilled-liquid").value;
    const cooling_plant plant{c};
    REQUIRE(plant.follows_weather());
    CHECK(plant.share(13.5) == Approx(plant.year_share()).epsilon(0.02));
}
