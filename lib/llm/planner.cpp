#include <ampacity/llm/planner.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace ampacity::llm {
namespace {

constexpr std::uint32_t most_chunks = 16;

std::vector<std::uint32_t> one_or(const std::optional<std::uint32_t>& fixed, std::vector<std::uint32_t> free) {
    return fixed ? std::vector<std::uint32_t>{*fixed} : free;
}

/// Rank order of equal times.
auto order_of(const ranked_plan& r) {
    const parallel_plan& p = r.plan;
    return std::tuple{r.step.time_s, p.gpus(), p.tp, p.pp, p.cp, p.ep, p.micro_batch, p.vp, p.zero};
}

/// Keeps the best of many.
class best_plans {
public:
    explicit best_plans(std::size_t most) : most_{std::max<std::size_t>(1, most)} {}
    void add(ranked_plan r) {
        if (plans_.size() == most_ && !(order_of(r) < order_of(plans_.back()))) return;
        const auto at = std::upper_bound(plans_.begin(), plans_.end(), r,
                                         [](const auto& a, const auto& b) { return order_of(a) < order_of(b); });
        plans_.insert(at, std::move(r));
        if (plans_.size() > most_) plans_.pop_back();
    }
    [[nodiscard]] std::vector<ranked_plan> take() { return std::move(plans_); }

private:
    std::size_t most_;
    std::vector<ranked_plan> plans_;
};

/// One search.
class plan_search {
public:
    plan_search(const model& m, const system& s, const training_efficiency& e, const plan_request& r)
        : m_{m}, s_{with_room(s, r.memory_share)}, e_{e}, r_{r}, best_{r.top} {}

    plan_ranking run() {
        const plan_sizes sizes = sizes_to_try(m_, s_, r_);
        for (const std::uint32_t tp : sizes.tp) {
            for (const std::uint32_t cp : sizes.cp) {
                for (const std::uint32_t pp : sizes.pp) {
                    const std::uint64_t replica = std::uint64_t{tp} * cp * pp;
                    if (replica > r_.gpus) continue;
                    for (const std::uint32_t micro_batch : sizes.micro_batch) {
                        const std::uint32_t dp = data_ranks(r_, replica, micro_batch);
                        if (dp == 0) continue;
                        for (const std::uint32_t ep : sizes.ep)
                            try_chunks({.tp = tp, .pp = pp, .cp = cp, .dp = dp, .ep = ep, .micro_batch = micro_batch});
                    }
                }
            }
        }
        out_.plans = best_.take();
        if (out_.valid == 0)
            out_.fault = fault_.empty()
                             ? fmt::format("no sizes divide a batch of {} over {} GPUs", r_.batch.sequences, r_.gpus)
                             : fault_;
        else if (out_.fitting == 0)
            out_.fault = fmt::format("with {}: {}", text_of(least_plan_), memory_fault_of(least_, s_));
        return std::move(out_);
    }

private:
    static system with_room(system s, double share) {
        s.memory_b *= share;
        return s;
    }

    void try_chunks(parallel_plan p) {
        p.precision = r_.precision;
        p.with_mtp = r_.with_mtp;
        for (const std::uint32_t vp : chunks_to_try(m_, r_, p.pp)) {
            p.vp = vp;
            if (r_.fixed.zero) {
                p.zero = *r_.fixed.zero;
                try_plan(p);
                continue;
            }
            // A pipeline would gather anew for each micro-batch.
            double before_s = 0;
            for (p.zero = 1; p.zero <= (p.pp == 1 ? 3U : 1U); ++p.zero) before_s = try_plan(p, before_s);
        }
    }

    /// Its time, 0 if it cannot be. One that shares more and takes as long as that before is not listed.
    double try_plan(parallel_plan p, double before_s = 0) {
        std::string fault = fault_of(m_, p, r_.batch, s_);
        if (!fault.empty()) {
            if (fault_.empty()) fault_ = std::move(fault);
            return 0;
        }
        ++out_.valid;
        if (!lighten(m_, p, r_.batch, s_)) {
            const memory_use use = memory_of(m_, p, r_.batch);
            if (out_.fitting == 0 && (out_.valid == 1 || use.total_b() < least_.total_b())) {
                least_ = use;
                least_plan_ = p;
            }
            return 0;
        }
        ++out_.fitting;
        const training_step step = step_of(m_, p, r_.batch, s_, e_, r_.count, r_.recipe ? &*r_.recipe : nullptr);
        if (step.time_s != before_s)
            best_.add({.plan = p, .step = step, .memory = memory_of(m_, p, r_.batch), .map = map_groups(p, s_)});
        return step.time_s;
    }

    const model& m_;
    system s_;  ///< with the memory that may be used
    const training_efficiency& e_;
    const plan_request& r_;
    best_plans best_;
    plan_ranking out_{};
    memory_use least_{};
    parallel_plan least_plan_{};
    std::string fault_;
};

}  // namespace

plan_sizes sizes_to_try(const model& m, const system& s, const plan_request& r) {
    const auto powers = [](std::uint64_t most) {
        std::vector<std::uint32_t> out;
        for (std::uint32_t v = 1; v <= most; v *= 2) out.push_back(v);
        return out;
    };
    plan_sizes out;
    out.tp = one_or(r.fixed.tp, powers(std::min<std::uint32_t>(r.within_domain ? s.domain_gpus : 64, 64)));
    // A context rank keeps at least 4096 tokens.
    out.cp = one_or(r.fixed.cp, powers(std::max<std::uint32_t>(1, r.batch.length / 4096)));
    std::set<std::uint32_t> stages;
    const std::uint32_t layers = m.num_layers();
    for (std::uint32_t pp = 1; pp <= std::min<std::uint32_t>(layers, 128); ++pp) {
        // Stages of as many layers each, one or two places of the pipeline taken by embedding and head.
        if (layers % pp == 0 || (layers + 1) % pp == 0 || (layers + 2) % pp == 0 || (pp & (pp - 1)) == 0)
            stages.insert(pp);
    }
    out.pp = one_or(r.fixed.pp, {stages.begin(), stages.end()});
    std::uint32_t experts = 0;
    for (const layer& l : m.layers) experts = std::max(experts, l.experts.value_or(0));
    std::vector<std::uint32_t> groups{1};
    for (std::uint32_t ep = 2; ep <= experts && ep <= 1024; ++ep) {
        if (experts % ep == 0) groups.push_back(ep);
    }
    out.ep = one_or(r.fixed.ep, groups);
    out.micro_batch = one_or(r.fixed.micro_batch, powers(8));
    return out;
}

std::vector<std::uint32_t> chunks_to_try(const model& m, const plan_request& r, std::uint32_t pp) {
    if (r.fixed.vp) return {*r.fixed.vp};
    std::vector<std::uint32_t> out{1};
    const std::uint32_t layers = m.num_layers();
    for (std::uint32_t vp = 2; pp > 1 && pp <= layers && vp <= most_chunks; ++vp) {
        const std::uint32_t chunks = pp * vp;
        if (chunks <= layers + 2 && (layers % chunks == 0 || (layers + 1) % chunks == 0 || (layers + 2) % chunks == 0))
            out.push_back(vp);
    }
    return out;
}

std::uint32_t data_ranks(const plan_request& r, std::uint64_t replica_gpus, std::uint32_t micro_batch) {
    if (replica_gpus == 0 || micro_batch == 0 || r.batch.sequences % micro_batch != 0) return 0;
    const std::uint32_t pieces = r.batch.sequences / micro_batch;
    const std::uint64_t room = std::min<std::uint64_t>(r.gpus / replica_gpus, pieces);
    // Divisors come in pairs.
    std::uint64_t best = 0;
    for (std::uint64_t d = 1; d * d <= pieces; ++d) {
        if (pieces % d != 0) continue;
        if (d <= room) best = std::max(best, d);
        if (pieces / d <= room) best = std::max(best, pieces / d);
    }
    return static_cast<std::uint32_t>(best);
}

plan_ranking find_plans(const model& m, const system& s, const training_efficiency& e, const plan_request& r) {
    return plan_search{m, s, e, r}.run();
}

std::string text_of(const parallel_plan& p) {
    std::string out = fmt::format("tp {}, pp {}", p.tp, p.pp);
    if (p.vp > 1) out += fmt::format(" x {}", p.vp);
    out += fmt::format(", cp {}, dp {}", p.cp, p.dp);
    if (p.ep > 1) out += fmt::format(", ep {}", p.ep);
    out += fmt::format(", micro-batch {}, ZeRO {}, recompute {}", p.micro_batch, p.zero, name_of(p.recompute));
    if (p.recompute == recompute_kind::full && p.recompute_share < 1)
        out += fmt::format(" of {:.0f} % of the layers", 100 * p.recompute_share);
    return out;
}

}  // namespace ampacity::llm
