#include "loading.hpp"

#include <ampacity/scenario/build.hpp>

#include <string_view>
#include <vector>

namespace ampacity::cli {

io::loaded_scenario load(const scenario_options& o, const io::plugins& more) {
    std::vector<io::scenario_override> overrides;
    for (const auto& text : o.set) overrides.push_back(io::parse_override(text));
    if (!o.seed.empty()) overrides.push_back({.path = "seed", .value = o.seed, .origin = "--seed " + o.seed});
    if (!o.policy.empty())
        overrides.push_back({.path = "scheduler.policy", .value = o.policy, .origin = "--policy " + o.policy});
    if (!o.until.empty()) overrides.push_back({.path = "until", .value = o.until, .origin = "--until " + o.until});
    auto loaded = io::read_scenario(o.scenario, overrides);
    scenario::validate(loaded.value, [&loaded](std::string_view key) { return loaded.locate(key); }, &more);
    return loaded;
}

}  // namespace ampacity::cli
