#include "event_trace.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <utility>

namespace ampacity::io {
namespace {

using json = nlohmann::json;

// Numbers of processes and tracks; a track's number is unique in the whole file.
constexpr std::uint64_t cluster = 1;
constexpr std::uint64_t pool = 2;
constexpr std::uint64_t first_node = 3;
constexpr std::uint64_t submits = 1, preemptions = 2, rejections = 3;
constexpr std::uint64_t first_lane = 16;
constexpr std::uint64_t tracks_per_node = 64;

/// Microseconds, exactly.
void append_us(std::string& out, std::int64_t ns) {
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), ns / 1000);
    const auto rest = static_cast<unsigned>(ns % 1000);
    if (rest == 0) return;
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(".{:03}"), rest);
    while (out.back() == '0') out.pop_back();
}

/// As a JSON string. Bytes that are not UTF-8 become the replacement character.
void append_json(std::string& out, std::string_view text) {
    const bool plain =
        std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f' && c != '"' && c != '\\'; });
    if (plain) {
        out += '"';
        out += text;
        out += '"';
    } else {
        out += json(text).dump(-1, ' ', false, json::error_handler_t::replace);
    }
}

void append_name(std::string& out, const sim::job_event& e, const workload::job_source& source) {
    if (e.name_is_text) {
        append_json(out, source.text(e.name));
    } else {
        fmt::format_to(std::back_inserter(out), FMT_COMPILE("\"{}\""), e.name);
    }
}

}  // namespace

event_trace::event_trace(std::filesystem::path path, std::size_t sources)
    : file_(std::move(path)), many_sources_(sources > 1) {
    file_.text() += "{\"traceEvents\":[";
    name_track("process_name", cluster, 0, "cluster");
    name_track("thread_name", cluster, submits, "submits");
    name_track("thread_name", cluster, preemptions, "preemptions");
    name_track("thread_name", cluster, rejections, "rejections");
}

std::string& event_trace::begin(std::string_view phase, std::uint64_t process) {
    file_.row_done();
    std::string& out = file_.text();
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}\n{{\"ph\":\"{}\",\"pid\":{}"), first_ ? "" : ",", phase,
                   process);
    first_ = false;
    return out;
}

void event_trace::name_track(std::string_view kind, std::uint64_t process, std::uint64_t track, std::string_view name) {
    fmt::format_to(std::back_inserter(begin("M", process)),
                   FMT_COMPILE(",\"tid\":{},\"name\":\"{}\",\"args\":{{\"name\":\"{}\"}}}}"), track, kind, name);
}

void event_trace::write_counts() {
    const auto counter = [this](std::string_view name, std::string_view unit, std::int64_t value) {
        std::string& out = begin("C", cluster);
        out += ",\"ts\":";
        append_us(out, ticks(now_));
        fmt::format_to(std::back_inserter(out), FMT_COMPILE(",\"name\":\"{}\",\"args\":{{\"{}\":{}}}}}"), name, unit,
                       value);
    };
    if (counts_.queued != written_.queued) counter("queue length", "jobs", counts_.queued);
    if (counts_.busy != written_.busy) counter("busy GPUs", "GPUs", counts_.busy);
    written_ = counts_;
}

/// The counters of the instant before are complete once time moves on.
void event_trace::reach(instant now) {
    if (now == now_) return;
    write_counts();
    now_ = now;
}

void event_trace::mark(std::string_view what, std::uint64_t track, const sim::job_event& e,
                       const workload::job_source& source) {
    std::string& out = begin("i", cluster);
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(",\"tid\":{},\"s\":\"t\",\"ts\":"), track);
    append_us(out, ticks(e.at));
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(",\"cat\":\"{}\",\"name\":"), what);
    append_name(out, e, source);
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(",\"args\":{{\"gpus\":{}}}}}"), e.gpus);
}

void event_trace::submit(const sim::job_event& e, const workload::job_source& source) {
    reach(e.at);
    ++counts_.queued;
    mark("submit", submits, e, source);
}

void event_trace::reject(const sim::job_event& e, const workload::job_source& source) {
    reach(e.at);
    --counts_.queued;
    mark("reject", rejections, e, source);
}

void event_trace::start(const sim::job_event& e) {
    reach(e.at);
    --counts_.queued;
    counts_.busy += e.gpus;
    if (e.where.empty()) take_lane(e.job);
}

std::uint32_t event_trace::take_lane(job_id job) {
    std::uint32_t lane = lanes_;
    if (free_lanes_.empty()) {
        if (lanes_ == 0) name_track("process_name", pool, 0, "pool");
        name_track("thread_name", pool, first_lane + lane, fmt::format("lane {}", lane));
        ++lanes_;
    } else {
        lane = free_lanes_.top();
        free_lanes_.pop();
    }
    if (lane_of_.size() <= index(job)) lane_of_.resize(std::max<std::size_t>(index(job) + 1, 2 * lane_of_.size()));
    lane_of_[index(job)] = lane;
    return lane;
}

void event_trace::name_gpu(std::uint64_t node, unsigned gpu) {
    if (named_gpus_.size() <= node) named_gpus_.resize(std::max<std::size_t>(node + 1, 2 * named_gpus_.size()), 0);
    std::uint64_t& named = named_gpus_[node];
    if ((named >> gpu & 1U) != 0) return;
    if (named == 0) name_track("process_name", first_node + node, 0, fmt::format("node {}", node));
    name_track("thread_name", first_node + node, first_lane + tracks_per_node * node + gpu, fmt::format("gpu {}", gpu));
    named |= std::uint64_t{1} << gpu;
}

void event_trace::slice(const sim::job_event& e, std::string_view end, const workload::job_source& source,
                        std::uint64_t process, std::uint64_t track, std::uint64_t node_gpus) {
    std::string& out = begin("X", process);
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(",\"tid\":{},\"ts\":"), track);
    append_us(out, ticks(e.since));
    out += ",\"dur\":";
    append_us(out, ticks(e.at - e.since));
    out += ",\"cat\":\"run\",\"name\":";
    append_name(out, e, source);
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(",\"args\":{{\"gpus\":{},\"attempt\":{},\"end\":\"{}\""),
                   e.gpus, e.attempt, end);
    if (!e.where.empty()) fmt::format_to(std::back_inserter(out), FMT_COMPILE(",\"node_gpus\":{}"), node_gpus);
    if (e.user != 0) {
        out += ",\"user\":";
        append_json(out, source.text(e.user));
    }
    if (many_sources_) fmt::format_to(std::back_inserter(out), FMT_COMPILE(",\"workload\":{}"), e.source);
    out += "}}";
}

void event_trace::stop(const sim::job_event& e, sim::run_end how, const workload::job_source& source) {
    static constexpr std::array<std::string_view, 5> ends{"finished", "killed", "preempted", "failed", "unfinished"};
    reach(e.at);
    if (how != sim::run_end::unfinished) counts_.busy -= e.gpus;
    if (sim::waits_again(how)) {
        ++counts_.queued;
        mark(how == sim::run_end::failed ? "failure" : "preempt", preemptions, e, source);
    }
    slices(e, ends[static_cast<std::size_t>(how)], source);
    if (e.where.empty()) free_lanes_.push(lane_of_[index(e.job)]);
}

void event_trace::resize(const sim::job_event& before, const sim::job_event& after,
                         const workload::job_source& source) {
    reach(after.at);
    counts_.busy += std::int64_t{after.gpus} - before.gpus;
    slices(before, "resized", source);
}

void event_trace::slices(const sim::job_event& e, std::string_view end, const workload::job_source& source) {
    if (e.where.empty()) return slice(e, end, source, pool, first_lane + lane_of_[index(e.job)], 0);
    for (const fleet::gpu_share& share : e.where) {
        const auto node = static_cast<std::uint64_t>(index(share.node));
        const auto gpu = static_cast<unsigned>(std::countr_zero(share.gpus));
        name_gpu(node, gpu);
        slice(e, end, source, first_node + node, first_lane + tracks_per_node * node + gpu,
              static_cast<std::uint64_t>(std::popcount(share.gpus)));
    }
}

void event_trace::commit(instant end, const std::string& scenario) {
    reach(end);
    written_ = {-1, -1};  // so that the counters reach to the end
    write_counts();
    std::string& out = file_.text();
    out += "\n],\"displayTimeUnit\":\"ms\",\"otherData\":{\"scenario\":";
    append_json(out, scenario);
    out += "}}\n";
    file_.commit();
}

}  // namespace ampacity::io
