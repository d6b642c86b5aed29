#pragma once
/// \file
/// What the golden tests share: a run through the public simulation, and its results as text in integers.

#include <ampacity/core/decimal.hpp>
#include <ampacity/io/xxh64.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/sim/simulation.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace golden {

/// Where and how jobs run.
struct setting {
    std::string policy;
    std::string placer;       ///< empty: on a pool
    std::uint32_t nodes = 0;  ///< of 8 GPUs each; as a pool, their sum
};

/// The rows of placement.csv.
struct placements final : ampacity::sim::observer {
    void on_resize(const ampacity::sim::job_event&, const ampacity::sim::job_event& after) override { on_start(after); }
    void on_start(const ampacity::sim::job_start& s) override {
        text += std::to_string(s.name) + ',' + std::to_string(s.attempt) + ',' + std::to_string(ampacity::ticks(s.at)) +
                ',';
        for (const auto& share : s.where)
            text += std::to_string(ampacity::index(share.node)) + ':' + std::to_string(std::popcount(share.gpus)) + ';';
        text += '\n';
    }
    std::string text;
};

/// Runs the source to its end.
inline ampacity::sim::simulation run(std::unique_ptr<ampacity::workload::job_source> source, const setting& how,
                                     ampacity::sim::observer* seen = nullptr) {
    using ampacity::fleet::fleet_state;
    ampacity::sim::parts p{
        .fleet = how.placer.empty() ? fleet_state::pool(how.nodes * 8U) : fleet_state::flat_nodes(how.nodes, 8),
        .sources = {},
        .policy = ampacity::policy::make_policy(how.policy, {}),
        .placer = ampacity::policy::make_placer(how.placer.empty() ? "first-fit" : how.placer),
        .until = {},
        .enforce_estimate = false,
        .sample_every = {},
        .observers = {}};
    p.sources.push_back(std::move(source));
    if (seen != nullptr) p.observers.push_back(seen);
    ampacity::sim::simulation s(std::move(p));
    s.run();
    s.results();
    return s;
}

/// A job's fate in integers.
inline std::string row(const ampacity::sim::job_record& r) {
    using ampacity::ticks;
    std::string text;
    for (const std::int64_t v :
         {r.name, ticks(r.submit), ticks(r.first_start), ticks(r.finish), std::int64_t{r.gpus},
          static_cast<std::int64_t>(r.state), std::int64_t{r.preemptions}, ticks(r.useful), ticks(r.lost)}) {
        text += std::to_string(v) + ',';
    }
    text.back() = '\n';
    return text;
}

inline std::string digest(std::string_view text) {
    ampacity::io::xxh64 hash;
    hash.update(text);
    return ampacity::io::digest_text(hash.digest());
}

/// One line: what happened, in sums of integers, and a digest of every job's fate.
inline std::string figures(ampacity::sim::simulation& s) {
    const auto& result = s.results();
    ampacity::int128 wait = 0;
    ampacity::int128 completion = 0;
    std::int64_t last = 0;
    std::string rows;
    for (const auto& r : s.records(0)) {
        rows += row(r);
        if (r.state != ampacity::sim::outcome::finished) continue;
        wait += ampacity::ticks(r.first_start - r.submit);
        completion += ampacity::ticks(r.finish - r.submit);
        last = std::max(last, ampacity::ticks(r.finish));
    }
    return "finished " + std::to_string(result.finished) + " rejected " + std::to_string(result.rejected) +
           " preemptions " + std::to_string(result.preemptions) + " wait " + ampacity::to_string(wait) + " jct " +
           ampacity::to_string(completion) + " last " + std::to_string(last) + " idle " +
           ampacity::to_string(result.books[ampacity::account::idle]) + " jobs " + digest(rows);
}

}  // namespace golden
