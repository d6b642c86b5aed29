// Scenario files: read, checked, written out in full and read again. A first line behind `!` is a `--set`.
#include "fuzz.hpp"

#include <ampacity/io/scenario_file.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/resolved.hpp>

#include <vector>

using namespace ampacity;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text{reinterpret_cast<const char*>(data), size};
    std::string_view set;
    if (text.starts_with('!')) {
        set = text.substr(1, text.find('\n') - 1);
        text.remove_prefix(std::min(text.size(), set.size() + 2));
        set = set.substr(0, set.find('\0'));  // no argument holds one
    }
    fuzz::refusal([&] {
        std::vector<io::scenario_override> overrides;
        if (!set.empty()) overrides.push_back(io::parse_override(set));
        const auto loaded = io::read_scenario_text("fuzz.yaml", text, overrides);
        scenario::validate(loaded.value, [&](std::string_view key) { return loaded.locate(key); });
        const std::string resolved = scenario::write_resolved(loaded.value);
        const auto again = fuzz::refusal([&] {
            const auto second = io::read_scenario_text("resolved.yaml", resolved);
            scenario::validate(second.value);
            fuzz::demand(second.value == loaded.value, "a resolved scenario is the same scenario");
            fuzz::demand(scenario::write_resolved(second.value) == resolved, "and is written as the same text");
        });
        if (again) std::fprintf(stderr, "%s\n%s\n", again->c_str(), resolved.c_str());
        fuzz::demand(!again, "a resolved scenario can be read");
    });
    return 0;
}
