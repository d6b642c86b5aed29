#include "trial_session.hpp"

#include <ampacity/core/error.hpp>

#include <algorithm>
#include <utility>

namespace ampacity::experiment {
namespace {

/// Have all variants a mean that is good enough after n replications?
bool met(const sweep& s, const result_store& store, std::uint64_t n) {
    const auto all = store.values(s.until->metric);
    return std::all_of(s.variants.begin(), s.variants.end(), [&](const variant& v) {
        const auto of = all.find(v.key);
        if (of == all.end()) return false;
        std::vector<double> values;
        for (const auto& [replication, value] : of->second) {
            if (replication < n) values.push_back(value);
        }
        return s.until->met_by(values);
    });
}

std::uint64_t next_look(const sweep& s, std::uint64_t n) {
    return std::min<std::uint64_t>(s.described.replications, stopping_rule::next_look(static_cast<std::uint32_t>(n)));
}

}  // namespace

std::vector<trial> trials_of(const sweep& s, std::uint64_t replications, const shard& part) {
    std::vector<trial> out;
    std::uint64_t number = 0;
    for (std::uint64_t r = 0; r != replications; ++r) {
        for (std::size_t v = 0; v != s.variants.size(); ++v) {
            if (number++ % part.of == part.number - 1) out.push_back({v, r});
        }
    }
    return out;
}

sweep_outcome run_sweep(const sweep& s, const trial_runner& runner, result_store& store, const sweep_options& options) {
    AMPACITY_ASSERT(options.part.of >= 1 && options.part.number >= 1 && options.part.number <= options.part.of);
    if (s.until && options.part.of != 1)
        throw scenario_error({s.described.at_until, "until", "cannot be told from a part of the trials",
                              s.described.until, "remove it, or run the sweep in one piece"});
    trial_session session(s, runner, store, options);
    const std::uint64_t most = s.described.replications;
    std::uint64_t n = s.until ? stopping_rule::least : most;
    for (;; n = next_look(s, n)) {
        auto list = trials_of(s, n, options.part);
        const std::size_t count = list.size();
        if (!session.run(std::move(list), count) || n == most || met(s, store, n)) break;
    }
    return {.state = session.state(),
            .interrupted = session.interrupted(),
            .replications = n,
            .first_error = session.first_error(),
            .absences = session.absences()};
}

}  // namespace ampacity::experiment
