// A plug-in with every fault, one at a time: its option `how` says which.
#include <ampacity/policy/plugin.hpp>

#include <array>
#include <stdexcept>
#include <string>

using namespace ampacity;

namespace {

class bad_policy final : public policy::policy {
public:
    explicit bad_policy(plugin::setup& s) : how_(s.text("how", "none")) {
        if (how_ == "factory") throw std::runtime_error("no luck\nat all");
        if (how_ == "option") plugin::setup::fail("how", "not today", "try tomorrow");
    }

private:
    void on_submit(const view&, job_id job) override {
        if (how_ == "on_submit") throw std::logic_error("no such job wanted");
        if (how_ == "long") throw std::runtime_error(std::string(5000, 'x'));
        last_ = job;
    }
    void on_finish(const view&, job_id) override {
        if (how_ == "on_finish") throw std::runtime_error("ends are sad");
    }
    void decide(const view& v, plan& p) override {
        if (how_ == "decide") throw std::runtime_error("cannot decide");
        if (how_ == "int") throw 42;
        if (how_ == "past") p.wake_at(v.now);
        if (how_ == "resize") p.resize(last_, 2);
        if (how_ == "stranger") p.start(job_id{12345});
        if (how_ == "preempt") p.preempt(last_);
        if (how_ == "taken") {
            auto free = v.capacity.free;
            free.take(fleet::gpu_share{.node = node_id{0}, .gpus = 1});
            free.take(fleet::gpu_share{.node = node_id{0}, .gpus = 1});  // an assertion, on the plug-in's side
        }
        for (std::uint32_t i = 0; i != v.jobs.size(); ++i) {
            if (v.jobs[i].state != job_state::queued) continue;
            const job_id job{i};
            if (how_ == "count") p.start(job, std::array{fleet::gpu_share{.node = node_id{0}, .gpus = 0xFF}});
            if (how_ == "no_node") p.start(job, std::array{fleet::gpu_share{.node = node_id{77}, .gpus = 1}});
            if (!p.start(job)) continue;
            if (how_ == "twice") p.start(job);
            if (how_ == "swallow") {
                try {
                    p.start(job);
                } catch (const std::exception&) {
                    p.start(job);
                }
            }
        }
    }

    std::string how_;
    job_id last_{};
};

class bad_placer final : public policy::placer {
public:
    explicit bad_placer(plugin::setup& s) : how_(s.text("how", "none")) {}

private:
    bool place(const fleet::free_index& free, fleet::demand wanted, std::vector<fleet::gpu_share>& out) const override {
        if (free.free_gpus() == 16) {  // the empty fleet, of which a submit asks
            out.push_back({.node = node_id{0}, .gpus = fleet::free_index::full_mask(wanted.gpus)});
            return true;
        }
        if (how_ == "throw") throw std::runtime_error("no place");
        if (how_ == "outside") out.push_back({.node = node_id{99}, .gpus = 1});
        if (how_ == "taken") out.push_back({.node = node_id{0}, .gpus = 1});
        if (how_ == "nothing") out.push_back({.node = node_id{1}, .gpus = 0});
        if (how_ == "few") out.push_back({.node = node_id{1}, .gpus = 1});
        if (how_ == "twice") {
            out.push_back({.node = node_id{1}, .gpus = 1});
            out.push_back({.node = node_id{1}, .gpus = 2});
        }
        if (how_ == "false") {
            out.push_back({});
            return false;
        }
        return true;
    }

    std::string how_;
};

class bad_source final : public workload::job_source {
public:
    explicit bad_source(plugin::setup& s) : how_(s.text("how", "none")) {}

private:
    std::size_t next(std::span<workload::job_request> out) override {
        if (done_) return 0;
        done_ = true;
        if (how_ == "throw") throw std::runtime_error("no more");
        if (how_ == "overfull") return out.size() + 1;
        for (std::int64_t i = 0; i != 3; ++i) {
            workload::job_request& r = out[static_cast<std::size_t>(i)];
            r = {};
            r.row = ~std::uint64_t{0};
            r.name = i;
            r.submit = instant{std::chrono::seconds{how_ == "unsorted" ? 10 - i : i}};
            if (how_ == "negative") r.submit -= std::chrono::seconds{1};
            r.work = how_ == "work" ? duration{-1} : std::chrono::seconds{5};
            if (how_ == "estimate") r.estimate = duration::max();
            r.gpus = r.gpus_min = r.gpus_max = how_ == "gpus" ? 0x8000'0001U : 1;
            if (how_ == "elastic") r.gpus_max = 4;
            if (how_ == "speed") r.accelerator.speed = 0;
            if (how_ == "text") r.name_is_text = true;
        }
        return 3;
    }
    std::string_view text(std::int64_t) const override { throw std::runtime_error("no names"); }

    std::string how_;
    bool done_ = false;
};

}  // namespace

AMPACITY_PLUGIN(policy<bad_policy>("bad", "breaks the rules"), placer<bad_placer>("bad", "breaks the rules"),
                source<bad_source>("bad", "breaks the rules"))
