#pragma once
/// \file
/// A policy round another one that tells of the plans it makes, limits of GPUs above all.

#include <ampacity/policy/policy.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::test {

/// A limit of a plan.
struct planned_cap {
    std::string feed;
    policy::gpu_limits to{};
};

class cap_recorder final : public policy::policy {
public:
    using told = std::function<void(const view&, const plan&, const std::vector<planned_cap>&)>;

    /// Tells of each plan before it is committed.
    cap_recorder(std::unique_ptr<policy> inner, told tell) : inner_(std::move(inner)), tell_(std::move(tell)) {}

    void on_submit(const view& v, job_id job) override { inner_->on_submit(v, job); }
    void on_start(const view& v, job_id job) override { inner_->on_start(v, job); }
    void on_finish(const view& v, job_id job) override { inner_->on_finish(v, job); }
    void on_fail(const view& v, job_id job) override { inner_->on_fail(v, job); }
    void on_requeue(const view& v, job_id job) override { inner_->on_requeue(v, job); }
    void on_headroom_changed(const view& v) override { inner_->on_headroom_changed(v); }
    void decide(const view& v, plan& p) override {
        inner_->decide(v, p);
        std::vector<planned_cap> caps;
        for (const auto& a : p.actions()) {
            if (a.kind == ::ampacity::policy::action_kind::set_cap)
                caps.push_back({v.headroom.facts->name(a.feed), a.cap});
        }
        tell_(v, p, caps);
    }

private:
    std::unique_ptr<policy> inner_;
    told tell_;
};

}  // namespace ampacity::test
