#include "run_json.hpp"

#include <ampacity/core/version.hpp>
#include <ampacity/io/xxh64.hpp>

#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <thread>
#include <utility>

namespace ampacity::io {
namespace {

using json = nlohmann::ordered_json;

json host_facts() {
    json host;
    utsname name{};
    if (uname(&name) == 0) {
        host["system"] = std::string{name.sysname} + ' ' + name.release;
        host["machine"] = name.machine;
    }
    host["cores"] = std::thread::hardware_concurrency();
    std::ifstream cpus("/proc/cpuinfo");
    for (std::string line; std::getline(cpus, line);) {
        if (!line.starts_with("model name")) continue;
        host["cpu"] = line.substr(std::min(line.size(), line.find(':') + 2));
        break;
    }
    return host;
}

/// Bins up to the last that holds anything, each by its largest value.
json to_json(const sim::power_histogram& h) {
    json bins = json::array();
    for (std::size_t b = 0; b != h.bins().size(); ++b) {
        if (h.bins()[b] != 0) bins.push_back({{"up_to", h.last_of(b)}, {"count", h.bins()[b]}});
    }
    return {{"mean", h.mean()}, {"max", h.max()}, {"bins", std::move(bins)}};
}

json to_json(const sim::decision_costs& d, const std::string& policy) {
    return {{"policy", policy},
            {"passes", d.passes},
            {"measured", d.measured},
            {"wall_ns", to_json(d.wall_ns)},
            {"per_simulated_hour", to_json(d.per_hour)}};
}

}  // namespace

std::string run_text(const sim::simulation& s, const run_facts& facts, const std::string& policy, double write_s) {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    json out{{"wall_s", facts.wall_s},
             {"load_s", facts.load_s},
             {"write_s", write_s},
             {"events", s.events_processed()},
             {"events_per_s", facts.wall_s > 0 ? static_cast<double>(s.events_processed()) / facts.wall_s : 0.0},
             {"peak_queue", s.peak_queue()},
             {"decisions", to_json(s.decisions(), policy)},
             {"peak_rss_bytes", usage.ru_maxrss * 1024},
             {"version", version},
             {"compiler", compiler},
             {"command", facts.command},
             {"host", host_facts()},
             {"inputs", json::object()}};
    for (const auto& [path, hash] : facts.inputs) out["inputs"][path] = hash;
    for (const auto& [key, steps] : facts.filled) out["filled_steps"][key] = steps;
    if (!facts.notes.empty()) out["notes"] = facts.notes;
    for (const auto& used : facts.surfaces) {
        json& of = out["surfaces"][used->service];
        of = {{"digest", digest_text(used->of.digest)}, {"from", used->of.was_read ? "cache" : "engine"}};
        if (!used->of.file.empty()) of["file"] = used->of.file;
    }
    if (facts.more != nullptr) {
        for (const auto& file : facts.more->files()) {
            out["inputs"][file.path] = digest_text(file.digest);
            out["plugins"][file.path] = file.parts;
        }
    }
    return out.dump(2, ' ', false, json::error_handler_t::replace) + '\n';
}

}  // namespace ampacity::io
