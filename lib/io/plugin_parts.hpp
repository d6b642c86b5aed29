#pragma once
/// \file
/// Parts of plug-ins as policies, placers, sources and cap policies of ours: every call goes through the plug-in's
/// table, what it throws becomes an error of ours, and what it yields is checked.

#include "plugin_library.hpp"

#include <ampacity/power/cap_policy.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/sim/cap_plugin.hpp>

#include <memory>
#include <string>
#include <vector>

namespace ampacity::io {

/// A living part, and the library that it needs.
class plugin_part {
public:
    using recipe = scenario::more_parts::recipe;

    /// \throws scenario_error if an option is wrong, plugin_error if it throws otherwise
    plugin_part(std::shared_ptr<const plugin_library> home, const plugin::part& what, const recipe& r);
    plugin_part(const plugin_part&) = delete;
    plugin_part& operator=(const plugin_part&) = delete;
    ~plugin_part();

    [[nodiscard]] void* self() const noexcept { return self_; }
    [[nodiscard]] const plugin::table& table() const noexcept { return home_->table(); }
    /// Of a cap policy.
    [[nodiscard]] const plugin::cap_calls& cap_calls() const noexcept {
        return *static_cast<const plugin::cap_calls*>(what_.calls);
    }
    /// Where calls put why they failed.
    [[nodiscard]] plugin::failure& failure() const noexcept { return failure_; }
    /// Throws what the failed call has left. `call`: what was called.
    [[noreturn]] void raise(const char* call) const;
    /// The plan has refused what it proposed.
    [[noreturn]] void refuse_plan(const std::string& why) const;
    /// What it yields cannot be.
    [[noreturn]] void refuse(std::string what, std::string value, std::string remedy) const;

private:
    std::shared_ptr<const plugin_library> home_;
    const plugin::part& what_;
    void* self_ = nullptr;
    mutable plugin::failure failure_;
};

class plugin_policy final : public policy::policy {
public:
    template <class... Args>
    explicit plugin_policy(Args&&... args) : part_(std::forward<Args>(args)...) {}

    [[nodiscard]] bool runs_into_closings() const noexcept override {
        return part_.table().policy.runs_into_closings(part_.self());
    }
    void decide(const view& v, plan& p) override;
    void on_submit(const view& v, job_id job) override { tell(plugin::notification::submit, v, job); }
    void on_start(const view& v, job_id job) override { tell(plugin::notification::start, v, job); }
    void on_finish(const view& v, job_id job) override { tell(plugin::notification::finish, v, job); }
    void on_preempt(const view& v, job_id job) override { tell(plugin::notification::preempt, v, job); }
    void on_resize(const view& v, job_id job) override { tell(plugin::notification::resize, v, job); }
    void on_fail(const view& v, job_id job) override { tell(plugin::notification::fail, v, job); }
    void on_requeue(const view& v, job_id job) override { tell(plugin::notification::requeue, v, job); }
    void on_speed_changing(const view& v, job_id job) override { tell(plugin::notification::speed_changing, v, job); }
    void on_speed_changed(const view& v, job_id job) override { tell(plugin::notification::speed_changed, v, job); }
    void on_capacity_changed(const view& v) override { tell(plugin::notification::capacity_changed, v); }
    void on_headroom_changed(const view& v) override { tell(plugin::notification::headroom_changed, v); }
    void on_tick(const view& v) override { tell(plugin::notification::tick, v); }
    [[nodiscard]] bool chooses_gpus() const override;

private:
    void tell(plugin::notification what, const view& v, job_id job = none<job_id>);

    plugin_part part_;
};

class plugin_placer final : public policy::placer {
public:
    template <class... Args>
    explicit plugin_placer(Args&&... args) : part_(std::forward<Args>(args)...) {}

    bool place(const fleet::free_index& free, fleet::demand wanted, std::vector<fleet::gpu_share>& out) const override;
    [[nodiscard]] bool fits(const fleet::free_index& free, fleet::demand wanted) const override;

private:
    void check(const fleet::free_index& free, fleet::demand wanted, std::span<const fleet::gpu_share> chosen) const;

    plugin_part part_;
    mutable std::vector<node_id> nodes_;
};

class plugin_source final : public workload::job_source {
public:
    template <class... Args>
    explicit plugin_source(std::uint16_t entry, Args&&... args) : part_(std::forward<Args>(args)...), entry_(entry) {}

    std::size_t next(std::span<workload::job_request> out) override;
    [[nodiscard]] std::optional<double> progress() const override;
    [[nodiscard]] std::string_view text(std::int64_t index) const override;

private:
    void check(const workload::job_request& r) const;

    plugin_part part_;
    std::uint16_t entry_;
    std::uint64_t rows_ = 0;
    instant last_ = start_of_time;
};

class plugin_cap_policy final : public power::cap_policy {
public:
    template <class... Args>
    explicit plugin_cap_policy(Args&&... args) : part_(std::forward<Args>(args)...) {}

    power::class_limits decide(const power::capped_feed& feed) override;

private:
    plugin_part part_;
};

}  // namespace ampacity::io
