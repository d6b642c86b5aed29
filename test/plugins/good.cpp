// A plug-in without fault: a policy that gives the schedule of `fifo`, one of its own, a placer and a source.
#include <ampacity/core/stream.hpp>
#include <ampacity/policy/plugin.hpp>

#include <algorithm>
#include <bit>
#include <deque>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>

using namespace ampacity;

namespace {

class in_order final : public policy::policy {
    std::deque<job_id> queue_;

    void on_submit(const view&, job_id job) override { queue_.push_back(job); }
    void decide(const view&, plan& p) override {
        while (!queue_.empty() && p.start(queue_.front())) queue_.pop_front();
    }
};

/// In order, elastic jobs with their smallest number of GPUs; once nothing waits they get all that is free.
class stretching final : public policy::policy {
    std::deque<job_id> queue_;
    std::set<job_id> running_;
    std::uint64_t resizes_ = 0;  // that it was told of

    [[nodiscard]] bool chooses_gpus() const override { return true; }
    void on_submit(const view&, job_id job) override { queue_.push_back(job); }
    void on_start(const view& v, job_id job) override {
        if (v.elastic(job) != nullptr) running_.insert(job);
    }
    void on_finish(const view&, job_id job) override { running_.erase(job); }
    void on_resize(const view&, job_id) override {
        if (++resizes_ == 3) throw std::logic_error("told too often");
    }
    void decide(const view& v, plan& p) override {
        while (!queue_.empty()) {
            const auto* const range = v.elastic(queue_.front());
            if (!(range == nullptr ? p.start(queue_.front()) : p.start_on(queue_.front(), range->gpus_min))) return;
            queue_.pop_front();
        }
        for (const job_id job : running_) {
            const std::uint64_t room = v[job].demand.gpus + v.capacity.free.free_gpus();
            const auto gpus = static_cast<std::uint32_t>(std::min<std::uint64_t>(room, v.elastic(job)->gpus_max));
            if (gpus > v[job].demand.gpus) p.resize(job, gpus);
        }
    }
};

/// By estimate, the shortest first or the longest, a head that waits too long before all others.
class by_estimate final : public policy::policy {
public:
    explicit by_estimate(plugin::setup& s)
        : longest_(s.flag("longest_first", false)), patience_s_(s.number("patience_s", 1e18, 0.0)) {}

private:
    void on_submit(const view& v, job_id job) override {
        const auto estimate = longest_ ? -v[job].estimate : v[job].estimate;
        queue_.insert({estimate, v[job].order, job});
    }
    void decide(const view& v, plan& p) override {
        for (auto at = queue_.begin(); at != queue_.end();) {
            const job_id job = std::get<job_id>(*at);
            if (p.start(job)) {
                at = queue_.erase(at);
            } else if (to_seconds(v.now - v[job].submit) > patience_s_) {
                return;
            } else {
                ++at;
            }
        }
    }

    std::set<std::tuple<duration, std::uint64_t, job_id>> queue_;
    bool longest_;
    double patience_s_;
};

/// Free GPUs node by node, from the last node on.
class from_last final : public policy::placer {
public:
    bool place(const fleet::free_index& free, fleet::demand wanted, std::vector<fleet::gpu_share>& out) const override {
        if (wanted.gpus > free.free_gpus()) return false;
        std::uint32_t left = wanted.gpus;
        for (std::uint32_t row = free.num_nodes(); left != 0;) {
            const node_id node{--row};
            const std::uint64_t all = free.free_mask(node);
            std::uint64_t rest = all;
            for (; rest != 0 && left != 0; --left) rest &= rest - 1;
            if (rest != all) out.push_back({.node = node, .gpus = all & ~rest});
        }
        return true;
    }
};

/// `jobs` jobs, one every `every_s`, of 1 to `most_gpus` GPUs; their names are texts.
class drizzle final : public workload::job_source {
public:
    explicit drizzle(plugin::setup& s)
        : draws_(s.seed(), static_cast<purpose>(1U << 31U), s.entry()),
          left_(s.number<std::uint64_t>("jobs", 100, 0)),
          every_(std::chrono::seconds{s.number<std::int64_t>("every_s", 60, 0, 1'000'000)}),
          most_gpus_(s.number<std::uint32_t>("most_gpus", 4, 1)) {}

    std::size_t next(std::span<workload::job_request> out) override {
        std::size_t n = 0;
        for (; n != out.size() && left_ != 0; ++n, --left_, at_ += every_) {
            workload::job_request r;
            r.name = static_cast<std::int64_t>(names_.size());
            r.name_is_text = true;
            names_.push_back("drop-" + std::to_string(names_.size()));
            r.submit = at_;
            r.work = std::chrono::seconds{static_cast<std::int64_t>(1 + draws_.below(600))};
            r.gpus = r.gpus_min = r.gpus_max = static_cast<std::uint32_t>(1 + draws_.below(most_gpus_));
            out[n] = r;
        }
        return n;
    }
    std::string_view text(std::int64_t index) const override { return names_.at(static_cast<std::size_t>(index)); }

private:
    random_stream draws_;
    std::uint64_t left_;
    duration every_;
    std::uint32_t most_gpus_;
    instant at_ = start_of_time;
    std::deque<std::string> names_;
};

}  // namespace

AMPACITY_PLUGIN(policy<in_order>("in-order", "submit order, as fifo"),
                policy<stretching>("stretching", "elastic jobs get what is free"),
                policy<by_estimate>("by-estimate", "shortest or longest estimate first"),
                placer<from_last>("from-last", "the last node first"), source<drizzle>("drizzle", "a job at a time"))
