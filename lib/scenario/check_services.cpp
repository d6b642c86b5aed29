#include "check_services.hpp"

#include "check_synthetic.hpp"
#include "gpu_fleet.hpp"

#include <ampacity/scenario/values.hpp>
#include <ampacity/serving/iteration_time.hpp>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace ampacity::scenario {
namespace {

/// It is part of the name of a file.
void check_name(const std::string& name, const std::string& path, const reporter& report) {
    const auto unusable = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '/' || c == '\\';
    };
    if (name.empty()) report.fail(path, "is empty", {}, "write a name, such as chat");
    if (name.size() > 128)
        report.fail(path, "longer than 128 bytes", name.substr(0, 32) + "...", "write a name, such as chat");
    if (std::any_of(name.begin(), name.end(), unusable))
        report.fail(path, "contains a slash, a backslash or a control character", yaml_text(name),
                    "write a name that can be part of a file's, such as chat");
}

void check_requests(const inference_service& service, const std::string& path, const reporter& report) {
    if (service.requests.has_value() == service.synthetic.has_value())
        report.fail(path,
                    service.requests ? "says twice which requests it gets" : "does not say which requests it gets",
                    service.name, "give one of: requests, synthetic");
    if (service.requests && service.requests->path.empty())
        report.fail(path + ".requests.path", "is empty", {}, "write the name of a file");
    if (!service.synthetic) return;
    const synthetic_requests& r = *service.synthetic;
    const std::string at = path + ".synthetic";
    if (r.arrivals) check_arrivals(*r.arrivals, r.cv, r.rate, at, report.of_map(at));
    // Half of the limit of input times leaves room for a stream that runs longer than its mean.
    if (static_cast<double>(r.requests) / r.rate.value > to_seconds(longest_input) / 2)
        report.fail(at + ".rate", "the requests would take more than 100 years to arrive", format(r.rate),
                    "write a larger rate or fewer requests");
}

/// Either a model says what a replica is, or the keys do.
void check_engine(const inference_service& service, const std::string& path, const reporter& report) {
    const engine_options& engine = service.engine;
    const std::string at = path + ".engine";
    if (engine.step.size() > serving::iteration_time::max_pieces)
        report.fail(at + ".step", "wrong number of terms", std::to_string(engine.step.size()), "write 1 to 16");
    if (service.model) {
        for (const auto& [given, key] : {std::pair{!engine.step.empty(), ".step"}, {!engine.table.empty(), ".table"}}) {
            if (given) report.fail(at + key, "the model says how long steps take", {}, "remove it, or `model`");
        }
        if (service.assumptions && service.assumptions->kv_cache &&
            *service.assumptions->kv_cache != llm::precision_kind::bf16 &&
            *service.assumptions->kv_cache != llm::precision_kind::fp8)
            report.fail(path + ".assumptions.kv_cache", "no format of keys and values",
                        std::string{name_of_value(*service.assumptions->kv_cache)}, "write bf16 or fp8");
        return;
    }
    if (engine.step.empty() && engine.table.empty())
        report.fail(at, "does not say how long a step takes", service.name,
                    "write engine.step, such as { base: \"5 ms\", per_token: \"20 us\" }, or `model`");
    if (!engine.kv_capacity_tokens)
        report.fail(at + ".kv_capacity_tokens", "required key is missing", {},
                    "add it, such as `kv_capacity_tokens: 60000`, or `model`");
    if (!service.gpus_per_replica)
        report.fail(path + ".gpus_per_replica", "required key is missing", {},
                    "add it, such as `gpus_per_replica: 8`, or `model`");
    for (const auto& [given, key] : {std::pair{service.system.has_value(), ".system"},
                                     {service.precision.has_value(), ".precision"},
                                     {service.parallel.has_value(), ".parallel"},
                                     {service.assumptions.has_value(), ".assumptions"}}) {
        if (given) report.fail(path + key, "is for a model", {}, "remove it, or write `model`");
    }
}

/// Nothing may take the nodes of a service away, or make them slow.
void check_surroundings(const scenario& s, const reporter& report) {
    const auto refuse = [&report](bool given, const std::string& key) {
        if (given) report.fail(key, "not supported together with services yet", {}, "remove it, or the services");
    };
    refuse(is_mixed(s), "fleet");
    refuse(!s.fleet.slowdowns.empty(), "fleet.slowdowns");
    refuse(!s.fleet.deliveries.empty(), "fleet.deliveries");
    refuse(!s.scheduler.reservations.empty(), "scheduler.reservations");
    refuse(!s.faults.outages.empty(), "faults.outages");
    refuse(!s.faults.planned.empty(), "faults.maintenance");
    refuse(s.faults.drain_rack_at != 0, "faults.drain_rack_at");
    refuse(s.faults.parts_fail(), s.faults.model ? "faults.model" : s.faults.log ? "faults.log" : "faults.processes");
    refuse(s.power.has_value(), "power");
}

}  // namespace

void check_services(const scenario& s, const reporter& report) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i != s.workload.size(); ++i) {
        const workload_entry& entry = s.workload[i];
        if (!entry.service) continue;
        const std::string path = "workload." + std::to_string(i);
        const inference_service& service = *entry.service;
        check_name(service.name, path + ".service.name", report);
        if (!names.insert(service.name).second)
            report.fail(path + ".service.name", "another service has this name", service.name, "name each once");
        check_engine(service, path + ".service", report);
        check_requests(service, path + ".service", report);
        for (const auto& [given, key] : {std::pair{entry.speeds.has_value(), ".speeds"},
                                         {entry.reservation.has_value(), ".reservation"},
                                         {entry.swing.has_value(), ".swing"}}) {
            if (given) report.fail(path + key, "is for jobs, not for a service", {}, "remove it");
        }
    }
    if (!names.empty()) check_surroundings(s, report);
    if (s.output.requests && names.empty())
        report.fail("output.requests", "there is no service that gets any", "true",
                    "write workload.N.service, or false");
}

}  // namespace ampacity::scenario
