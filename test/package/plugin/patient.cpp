#include <ampacity/policy/plugin.hpp>

#include <set>
#include <tuple>

using namespace ampacity;

/// Shortest estimate first; but a job that has waited too long holds all others back until it has started.
class patient final : public policy::policy {
public:
    explicit patient(plugin::setup& s) : patience_s_(s.number("patience_s", 86'400.0, 0.0)) {}

    void on_submit(const view& v, job_id job) override {
        by_estimate_.insert({v[job].estimate, v[job].order, job});
        by_order_.insert({v[job].order, job});
    }

    void decide(const view& v, plan& p) override {
        while (!by_order_.empty()) {
            const job_id oldest = by_order_.begin()->second;
            if (to_seconds(v.now - v[oldest].submit) < patience_s_) break;
            if (!p.start(oldest)) return;
            forget(v, oldest);
        }
        for (auto at = by_estimate_.begin(); at != by_estimate_.end() && v.capacity.free.free_gpus() > 0;) {
            const job_id job = std::get<job_id>(*at++);
            if (p.start(job)) forget(v, job);
        }
    }

private:
    void forget(const view& v, job_id job) {
        by_estimate_.erase({v[job].estimate, v[job].order, job});
        by_order_.erase({v[job].order, job});
    }

    double patience_s_;
    std::set<std::tuple<duration, std::uint64_t, job_id>> by_estimate_;
    std::set<std::pair<std::uint64_t, job_id>> by_order_;
};

AMPACITY_PLUGIN(policy<patient>("patient", "shortest estimate first, until a job has waited too long"))
