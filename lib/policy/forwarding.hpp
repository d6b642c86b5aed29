#pragma once
/// \file
/// A policy that passes everything on to another one: the base of those that stand round it. Not thread-safe.

#include <ampacity/core/error.hpp>
#include <ampacity/policy/policy.hpp>

#include <memory>
#include <utility>

namespace ampacity::policy {

class forwarding : public policy {
public:
    explicit forwarding(std::unique_ptr<policy> inner) : inner_(std::move(inner)) { AMPACITY_ASSERT(inner_); }

    [[nodiscard]] bool runs_into_closings() const noexcept override { return inner_->runs_into_closings(); }
    void decide(const view& v, plan& p) override { inner_->decide(v, p); }
    void on_submit(const view& v, job_id job) override { inner_->on_submit(v, job); }
    void on_start(const view& v, job_id job) override { inner_->on_start(v, job); }
    void on_finish(const view& v, job_id job) override { inner_->on_finish(v, job); }
    void on_preempt(const view& v, job_id job) override { inner_->on_preempt(v, job); }
    void on_resize(const view& v, job_id job) override { inner_->on_resize(v, job); }
    void on_fail(const view& v, job_id job) override { inner_->on_fail(v, job); }
    void on_requeue(const view& v, job_id job) override { inner_->on_requeue(v, job); }
    void on_speed_changing(const view& v, job_id job) override { inner_->on_speed_changing(v, job); }
    void on_speed_changed(const view& v, job_id job) override { inner_->on_speed_changed(v, job); }
    void on_capacity_changed(const view& v) override { inner_->on_capacity_changed(v); }
    void on_headroom_changed(const view& v) override { inner_->on_headroom_changed(v); }
    void on_tick(const view& v) override { inner_->on_tick(v); }
    [[nodiscard]] bool chooses_gpus() const override { return inner_->chooses_gpus(); }
    [[nodiscard]] bool moves_runs() const noexcept override { return inner_->moves_runs(); }
    [[nodiscard]] reason explain(const view& v, const plan& p, job_id job) const override {
        return inner_->explain(v, p, job);
    }

protected:
    [[nodiscard]] policy& inner() noexcept { return *inner_; }
    [[nodiscard]] const policy& inner() const noexcept { return *inner_; }

private:
    std::unique_ptr<policy> inner_;
};

}  // namespace ampacity::policy
