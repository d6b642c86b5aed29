// Decimals, durations, quantities and dates: read, and written back to be read again.
#include "fuzz.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/scenario/units.hpp>
#include <ampacity/scenario/values.hpp>

#include <array>
#include <cmath>

using namespace ampacity;

namespace {

void check_decimals(std::string_view text) {
    const auto ns = parse_scaled(text, 9);
    const auto seconds = parse_seconds(text);
    if (seconds) {
        fuzz::demand(ns && ns.value == ticks(seconds.value), "seconds are the number times 10^9");
        fuzz::demand(-longest_input <= seconds.value && seconds.value <= longest_input, "within 200 years");
        const std::string written = format_ns_as_seconds(ns.value);
        fuzz::demand(parse_seconds(written).value == seconds.value, "seconds are written exactly");
        fuzz::demand(written.size() <= max_seconds_chars, "seconds fit their room");
        (void)format_gpu_seconds(gpu_time{ns.value} * 2'147'483'648);
    }
    fuzz::demand(parse_scaled_by(text, 1'000'000'000).value == ns.value, "a power of ten is a factor");
    const auto whole = parse_integer(text);
    const auto count = parse_count(text);
    if (whole) {
        const auto plain = parse_scaled(text, 0);
        fuzz::demand(plain && plain.value == whole.value, "a whole number is what it is");
        fuzz::demand(whole.value < 0 ? count.status == decimal_status::negative : count.value == whole.value,
                     "counts are whole numbers from 0 on");
    } else {
        fuzz::demand(!count, "a count is a whole number");
    }
    for (const int scale : {0, 3, max_decimal_scale}) (void)parse_scaled(text, scale);
    (void)parse_scaled_by(text, 3'600'000'000'000, 7);
}

template <class T>
void check_value(std::string_view text, std::string_view bare_unit) {
    T value{};
    if (scenario::parse(text, value, bare_unit)) return;
    const std::string written = scenario::format(value);
    T again{};
    fuzz::demand(!scenario::parse(written, again) && again == value, "a value is written exactly");
}

template <class T>
void check_plain(std::string_view text) {
    T value{};
    if (scenario::parse(text, value)) return;
    T again{};
    fuzz::demand(!scenario::parse(scenario::format(value), again) && again == value, "a number is written exactly");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    check_decimals(text);
    for (const std::string_view bare : {"", "s"}) check_value<duration>(text, bare);
    check_value<scenario::gpu_duration>(text, "GPU-s");
    check_value<scenario::quantity<scenario::dimension::rate>>(text, {});
    check_value<scenario::quantity<scenario::dimension::power>>(text, {});
    check_value<scenario::quantity<scenario::dimension::energy>>(text, {});
    check_value<scenario::quantity<scenario::dimension::data_rate>>(text, {});
    check_value<scenario::quantity<scenario::dimension::price>>(text, {});
    check_value<scenario::quantity<scenario::dimension::share>>(text, {});
    check_value<scenario::quantity<scenario::dimension::data_size>>(text, {});
    check_value<scenario::quantity<scenario::dimension::carbon_intensity>>(text, {});
    check_value<scenario::quantity<scenario::dimension::temperature>>(text, {});
    check_plain<double>(text);
    check_plain<std::uint64_t>(text);
    check_plain<scenario::date>(text);
    return 0;
}
