#include "plugin_parts.hpp"

#include <ampacity/core/decimal.hpp>

#include <algorithm>
#include <bit>
#include <utility>

namespace ampacity::io {
namespace {

constexpr const char* its_fault = "the fault is in the plug-in";

/// The options as the plug-in reads them; the texts stay with the scenario.
std::vector<plugin::option> options_of(const scenario::free_options* given) {
    std::vector<plugin::option> out;
    if (given == nullptr) return out;
    for (const auto& [key, value] : given->entries)
        out.push_back({.key = {key.data(), key.size()}, .value = {value.data(), value.size()}});
    return out;
}

std::string value_of(const scenario::free_options* given, std::string_view key) {
    if (given != nullptr) {
        for (const auto& [k, value] : given->entries)
            if (k == key) return value;
    }
    return {};
}

}  // namespace

plugin_part::plugin_part(std::shared_ptr<const plugin_library> home, const plugin::part& what, const recipe& r)
    : home_(std::move(home)), what_(what) {
    const auto options = options_of(r.options);
    self_ = what.make({.options = options.data(), .num_options = options.size(), .seed = r.seed, .entry = r.entry},
                      failure_);
    if (self_ != nullptr) return;
    if (failure_.kind != plugin::failure_kind::option) raise("its constructor");
    const std::string key = failure_.key;
    throw scenario_error({.where = {},
                          .key = r.key + '.' + key,
                          .what = failure_.text,
                          .value = value_of(r.options, key),
                          .remedy = failure_.remedy});
}

plugin_part::~plugin_part() {
    if (self_ == nullptr) return;
    const plugin::table& t = table();
    switch (what_.kind) {
        case plugin::part_kind::policy: t.policy.destroy(self_); break;
        case plugin::part_kind::placer: t.placer.destroy(self_); break;
        case plugin::part_kind::source: t.source.destroy(self_); break;
        case plugin::part_kind::cap_policy: cap_calls().destroy(self_); break;
    }
}

void plugin_part::raise(const char* call) const {
    const std::string at = call;
    switch (failure_.kind) {
        case plugin::failure_kind::plan: refuse_plan(failure_.text);
        case plugin::failure_kind::other_plugin:
            refuse("met a fault of another plug-in in " + at, failure_.text, its_fault);
        case plugin::failure_kind::unknown: refuse("threw what is no std::exception from " + at, {}, its_fault);
        default: refuse("threw an exception from " + at, failure_.text, its_fault);
    }
}

void plugin_part::refuse_plan(const std::string& why) const {
    throw plan_error(home_->file() + ": error: " + name_of(what_) + ": " + why);
}

void plugin_part::refuse(std::string what, std::string value, std::string remedy) const {
    home_->refuse(name_of(what_), std::move(what), std::move(value), std::move(remedy));
}

void plugin_policy::decide(const view& v, plan& p) {
    if (!part_.table().policy.decide(part_.self(), v, p, part_.failure())) part_.raise("decide");
    try {
        p.check();  // it may have caught the error
    } catch (const plan_error& e) {
        part_.refuse_plan(e.what());
    }
}

void plugin_policy::tell(plugin::notification what, const view& v, job_id job) {
    if (part_.table().policy.notify(part_.self(), what, v, job, part_.failure())) return;
    static constexpr std::array calls{"on_submit", "on_start",   "on_finish",           "on_preempt",
                                      "on_resize", "on_fail",    "on_capacity_changed", "on_headroom_changed",
                                      "on_tick",   "on_requeue", "on_speed_changing",   "on_speed_changed"};
    part_.raise(calls.at(static_cast<std::size_t>(what)));
}

bool plugin_policy::chooses_gpus() const {
    bool chooses = false;
    if (!part_.table().policy.chooses_gpus(part_.self(), chooses, part_.failure())) part_.raise("chooses_gpus");
    return chooses;
}

bool plugin_placer::place(const fleet::free_index& free, fleet::demand wanted,
                          std::vector<fleet::gpu_share>& out) const {
    const std::size_t before = out.size();
    bool found = false;
    if (!part_.table().placer.place(part_.self(), free, wanted, out, found, part_.failure())) part_.raise("place");
    if (!found && out.size() != before)
        part_.refuse("place returned false and changed its output", {}, "leave it as it was");
    if (found) {
        if (out.size() < before) part_.refuse("place took away what was in its output", {}, "append to it");
        check(free, wanted, std::span{out}.subspan(before));
    }
    return found;
}

bool plugin_placer::fits(const fleet::free_index& free, fleet::demand wanted) const {
    bool found = false;
    if (!part_.table().placer.fits(part_.self(), free, wanted, found, part_.failure())) part_.raise("fits");
    return found;
}

void plugin_placer::check(const fleet::free_index& free, fleet::demand wanted,
                          std::span<const fleet::gpu_share> chosen) const {
    const auto bad = [&](const fleet::gpu_share& s, const char* why) {
        part_.refuse("chose an impossible place: node " + std::to_string(index(s.node)) + ": " + why,
                     "for " + std::to_string(wanted.gpus) + " GPUs", "choose free GPUs, each node once");
    };
    std::uint64_t gpus = 0;
    nodes_.clear();
    for (const auto& s : chosen) {
        if (index(s.node) >= free.num_nodes()) bad(s, "it does not exist");
        if (s.gpus == 0) bad(s, "no GPU of it is named");
        if (!free.is_free(s)) bad(s, "its GPUs are not free");
        gpus += static_cast<std::uint64_t>(std::popcount(s.gpus));
        nodes_.push_back(s.node);
    }
    std::sort(nodes_.begin(), nodes_.end());
    const auto twice = std::adjacent_find(nodes_.begin(), nodes_.end());
    if (twice != nodes_.end()) bad({.node = *twice, .gpus = 0}, "it is named twice");
    if (gpus != wanted.gpus) {
        part_.refuse("chose " + std::to_string(gpus) + " GPUs for a job",
                     "for " + std::to_string(wanted.gpus) + " GPUs", "choose as many as are wanted");
    }
}

std::size_t plugin_source::next(std::span<workload::job_request> out) {
    std::size_t count = 0;
    if (!part_.table().source.next(part_.self(), out, count, part_.failure())) part_.raise("next");
    if (count > out.size())
        part_.refuse("yielded more jobs than there is room for", std::to_string(count),
                     "write at most out.size() jobs");
    for (auto& r : out.first(count)) {
        check(r);
        last_ = r.submit;
        r.row = rows_++;
        r.source = entry_;
    }
    return count;
}

void plugin_source::check(const workload::job_request& r) const {
    const auto bad = [&](const char* why, std::string value, const char* remedy) {
        part_.refuse("yielded an impossible job, number " + std::to_string(rows_) + " from 0: " + why, std::move(value),
                     remedy);
    };
    const auto seconds = [](duration d) { return format_ns_as_seconds(ticks(d)) + " s"; };
    const duration submit = r.submit - start_of_time;
    if (r.submit < start_of_time || submit > longest_input)
        bad("its submit is out of range", seconds(submit), "write 0 to 200 years");
    if (r.submit < last_)
        bad("its submit is before that of the job before it", seconds(submit),
            "yield jobs in the order of their submits");
    if (r.work < duration{} || r.work > longest_input)
        bad("its duration is out of range", seconds(r.work), "write 0 to 200 years");
    if (r.estimate != workload::no_estimate && (r.estimate < duration{} || r.estimate > longest_input))
        bad("its estimate is out of range", seconds(r.estimate), "write 0 to 200 years, or no_estimate");
    if (r.gpus > workload::max_gpus_per_job)
        bad("it asks for too many GPUs", std::to_string(r.gpus), "ask for at most 2147483648");
    if (r.kind == workload::job_kind::service) bad("it is a service", {}, "set kind to rigid or elastic");
    if (const char* const remedy = workload::wrong_gpus(r))
        bad("its numbers of GPUs do not go together",
            std::to_string(r.gpus) + " in " + std::to_string(r.gpus_min) + ".." + std::to_string(r.gpus_max), remedy);
    if (!(r.serial_fraction >= 0 && r.serial_fraction <= 1))
        bad("its serial fraction is out of range", std::to_string(r.serial_fraction), "write 0 to 1");
    if (!(r.accelerator.speed > 0 && r.accelerator.speed <= 1048576.0))
        bad("its speed is out of range", std::to_string(r.accelerator.speed), "write more than 0, at most 2^20");
}

std::optional<double> plugin_source::progress() const {
    std::optional<double> share;
    if (!part_.table().source.progress(part_.self(), share, part_.failure())) part_.raise("progress");
    return share;
}

std::string_view plugin_source::text(std::int64_t index) const {
    std::string_view value;
    if (!part_.table().source.text(part_.self(), index, value, part_.failure())) part_.raise("text");
    return value;
}

power::class_limits plugin_cap_policy::decide(const power::capped_feed& feed) {
    power::class_limits out{};
    if (!part_.cap_calls().decide(part_.self(), feed, out, part_.failure())) part_.raise("decide");
    for (const power::permille limit : out) {
        if (limit == 0 || limit > power::no_limit)
            part_.refuse("decided on a limit that cannot be", std::to_string(limit) + " thousandths",
                         "return 1 to 1000 thousandths");
    }
    return out;
}

}  // namespace ampacity::io
