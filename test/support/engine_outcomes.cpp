#include "support/engine_outcomes.hpp"

#include <algorithm>

namespace naive {

using namespace ampacity;

void start_recorder::on_start(const sim::job_start& s) {
    attempt a{.start_ns = ticks(s.at), .type = s.type};
    for (const auto& share : s.where) a.nodes.emplace_back(static_cast<std::uint32_t>(share.node), share.gpus);
    std::sort(a.nodes.begin(), a.nodes.end());
    of[s.name].push_back(std::move(a));
}

workload::job_request request(const job& j, std::size_t number, std::uint8_t speeds_row) {
    workload::job_request r;
    r.name = static_cast<std::int64_t>(number);
    r.submit = instant{duration{j.submit_ns}};
    r.work = duration{j.duration_ns};
    if (j.estimate_ns) r.estimate = duration{*j.estimate_ns};
    r.gpus = r.gpus_min = r.gpus_max = static_cast<std::uint32_t>(j.gpus);
    r.placement = {.segment = static_cast<std::uint16_t>(j.segment),
                   .within = j.within,
                   .exclusive = j.exclusive,
                   .spread = j.spread};
    r.accelerator.row = speeds_row;
    r.user = j.user;
    r.group = j.group;
    r.priority = j.priority;
    return r;
}

preemption_options costs_of(const overheads& how) {
    preemption_options o{.checkpoint = duration{how.checkpoint_ns}, .restart = duration{how.restart_ns}};
    if (how.checkpoint_interval_ns) o.checkpoint_interval = duration{*how.checkpoint_interval_ns};
    return o;
}

std::vector<outcome> outcomes_of(const sim::simulation& s, const start_recorder& starts, std::size_t jobs) {
    std::vector<outcome> out(jobs);
    const auto records = s.records(0);
    for (std::size_t i = 0; i != jobs; ++i) {
        outcome& o = out[i];
        if (i >= records.size() || records[i].submit == sim::unset) continue;
        const sim::job_record& r = records[i];
        switch (r.state) {
            case sim::outcome::finished: o.st = state::finished; break;
            case sim::outcome::rejected: o.st = state::rejected; break;
            case sim::outcome::killed: o.st = state::killed; break;
            case sim::outcome::unfinished: o.st = state::unfinished; break;
        }
        if (r.first_start != sim::unset) o.first_start_ns = ticks(r.first_start);
        if (r.finish != sim::unset) o.finish_ns = ticks(r.finish);
        if (const auto t = s.times(0, i); t.eligible != sim::unset) o.entered_ns = ticks(t.eligible);
        o.preemptions = r.preemptions;
        o.restarts = r.restarts;
        o.useful_gpu_ns = int128{ticks(r.useful)} * r.gpus;
        o.lost_gpu_ns = int128{ticks(r.lost)} * r.gpus;
        if (const auto a = starts.of.find(static_cast<std::int64_t>(i)); a != starts.of.end()) o.attempts = a->second;
    }
    return out;
}

std::string describe(const outcome& o) {
    std::string out = "state " + std::to_string(static_cast<int>(o.st)) + " start " +
                      (o.first_start_ns ? std::to_string(*o.first_start_ns) : "-") + " finish " +
                      (o.finish_ns ? std::to_string(*o.finish_ns) : "-") + " preemptions " +
                      std::to_string(o.preemptions) +
                      (o.restarts == 0 ? "" : " restarts " + std::to_string(o.restarts)) + " useful " +
                      to_string(o.useful_gpu_ns) + " lost " + to_string(o.lost_gpu_ns);
    for (const auto& a : o.attempts) {
        out += " [" + std::to_string(a.start_ns) + ":";
        for (const auto& [node, gpus] : a.nodes) out += " " + std::to_string(node) + "/" + std::to_string(gpus);
        out += "]" + (a.type == 0 ? "" : " type " + std::to_string(a.type));
    }
    return out;
}

bool same_overheads(const ledger& books, const std::vector<outcome>& expected) {
    int128 checkpoint = 0;
    int128 restart = 0;
    for (const auto& o : expected) {
        checkpoint += o.checkpoint_gpu_ns;
        restart += o.restart_gpu_ns;
    }
    return books[account::checkpoint] == checkpoint && books[account::restart] == restart;
}

}  // namespace naive
