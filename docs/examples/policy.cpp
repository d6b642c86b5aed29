// Module policy: built-in policies and placers, what a policy sees, what it proposes.
#include "example.hpp"

#include <ampacity/policy/checked_plan.hpp>
#include <ampacity/policy/class_queue.hpp>
#include <ampacity/policy/job_view.hpp>
#include <ampacity/policy/placer.hpp>
#include <ampacity/policy/plan.hpp>
#include <ampacity/policy/plugin.hpp>
#include <ampacity/policy/plugin_abi.hpp>
#include <ampacity/policy/policy.hpp>
#include <ampacity/policy/power_budget.hpp>
#include <ampacity/policy/reason.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/policy/site_choice.hpp>
#include <ampacity/policy/view.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace ampacity;
using namespace std::chrono_literals;

namespace {

void placers_choose() {
    auto free = fleet::free_index::nodes(2, 8);
    free.take({.node = node_id{1}, .gpus = 0x0F});
    std::vector<fleet::gpu_share> where;
    require(policy::place(*policy::make_pack(), free, {.gpus = 2}, where), "two GPUs are free");
    require(where.front().node == node_id{1}, "pack fills the node that is fuller");
    where.clear();
    require(policy::place(*policy::make_placer("first-fit"), free, {.gpus = 2}, where), "two GPUs are free");
    require(where.front().node == node_id{0}, "first-fit takes the first node");
    require(!policy::fits(*policy::make_spread(), free, {.gpus = 16}), "four of sixteen are taken");
}

/// A fleet with two queued jobs, as the simulation shows it to a policy.
struct stage {
    fleet::fleet_state fleet = fleet::fleet_state::flat_nodes(1, 8);
    policy::job_table jobs;
    fleet::allocation_arena allocations;
    std::unique_ptr<policy::placer> placer = policy::make_first_fit();
    policy::checked_plan plan{fleet, jobs, allocations, *placer};
    std::vector<duration> work{1h, 2h};

    stage() {
        for (const std::uint32_t gpus : {6U, 4U})
            jobs.push_back(
                {.estimate = 3h, .demand = {.gpus = gpus}, .state = policy::job_state::queued, .order = jobs.size()});
        plan.begin(start_of_time);
    }
    [[nodiscard]] policy::view view() const {
        return {.capacity = {fleet.free(), fleet.empty(), fleet.in_service(), fleet.up_gpus()},
                .jobs = jobs.span(),
                .allocations = allocations,
                .place = *placer,
                .oracle = policy::oracle_view(work.data(), sizeof(duration))};
    }
};

void a_plan_shows_at_once() {
    stage s;
    const auto v = s.view();
    require(v.oracle.work(job_id{1}) == 2h, "only oracles ask for the truth");
    require(s.plan.start(job_id{0}), "six of eight GPUs are free");
    require(v[job_id{0}].state == policy::job_state::running && v.held(job_id{0}).size() == 1, "it runs on one node");
    require(v.planned_end(job_id{0}) == start_of_time + 3h, "by its estimate");
    require(!s.plan.start(job_id{1}), "two are left");
    require(s.plan.actions().size() == 1, "what does not fit is not proposed");
    try {
        s.plan.preempt(job_id{1});
        require(false, "a queued job cannot be preempted");
    } catch (const plan_error& e) {
        require(e.exit_status() == 5, "that is the policy's fault");
    }
    require(s.fleet.free().free_gpus() == 8, "an impossible proposal takes all others back");
}

void a_policy_of_the_registry_decides() {
    stage s;
    const auto easy = policy::make_policy("easy", {});
    const auto v = s.view();
    easy->on_submit(v, job_id{0});
    easy->on_submit(v, job_id{1});
    easy->decide(v, s.plan);
    require(s.plan.actions().size() == 1 && s.plan.actions()[0].job == job_id{0}, "the head of the queue starts");
    const policy::reason why = easy->explain(v, s.plan, job_id{1});
    require(why.what == policy::obstacle::gpus && why.free_gpus == 2 && why.until == start_of_time + 3h,
            "the other one waits for GPUs that are planned to be free in three hours");
    const auto known = policy::policies();
    require(std::any_of(known.begin(), known.end(), [](const auto& d) { return d.name == "easy"; }), "it is listed");
    require(policy::make_policy("no-such", {}) == nullptr, "an unknown name makes nothing");
}

void a_queue_by_demand() {
    policy::class_queue q;
    q.push(job_id{0}, 10, {.gpus = 8}, 1h);
    q.push(job_id{1}, 11, {.gpus = 1}, 5h);
    q.push(job_id{2}, 12, {.gpus = 1}, 1h);
    std::vector<job_id> found;
    q.for_lanes(4, [&](const policy::class_queue::lane& l) { found.push_back(l.first(0, 2h).job); });
    require(found == std::vector{job_id{2}}, "the first of at most four GPUs and two hours");
    require(q.front() == job_id{0} && q.next(job_id{0}) == job_id{1}, "and all in submit order");
}

void a_job_gets_a_site() {
    const std::vector<policy::site_offer> offers{
        {.room = policy::site_room::in_service, .outlook = {.price_usd_per_j = 1e-8}},
        {.room = policy::site_room::now, .outlook = {.price_usd_per_j = 3e-8}},
        {.room = policy::site_room::now, .outlook = {.price_usd_per_j = 2e-8}}};
    require(policy::choose_site(offers, hardware::site_preference::cheapest, {}, 0) == 2,
            "the cheapest of those where it starts at once");
}

/// Head-room of two feeds, as the simulation shows it: a row of each node.
class two_feeds final : public policy::feed_facts {
public:
    [[nodiscard]] std::uint32_t kind(job_id) const override { return 0; }
    [[nodiscard]] std::string name(std::uint32_t feed) const override { return "row-" + std::to_string(feed); }
    [[nodiscard]] instant limited_until(std::uint32_t) const override { return never; }
    [[nodiscard]] policy::headroom_view view() const {
        return {.limit_uw = limit,
                .room_uw = room,
                .group = each,
                .model = model,
                .first = first,
                .shares = shares,
                .added_uw = added,
                .models = 1,
                .gpus = 1,
                .facts = this};
    }

private:
    std::vector<std::int64_t> limit{10'000'000, 10'000'000}, room{5'000'000, 1'000'000}, added{0, 3'000'000};
    std::vector<std::uint32_t> each{0, 1}, model{0, 0}, first{0, 1, 2};
    std::vector<policy::headroom_view::feed_share> shares{{0, 1'000'000'000}, {1, 1'000'000'000}};
};

void a_budget_of_power() {
    const two_feeds feeds;
    const auto view = feeds.view();
    policy::power_budget budget;
    budget.begin(view);
    const std::vector<fleet::gpu_share> here{{node_id{0}, 1}}, there{{node_id{1}, 1}};
    require(budget.short_of(0, there)->feed == 1, "a GPU takes 3 W, and row 1 has 1 W left");
    require(!budget.short_of(0, here), "row 0 has 5");
    budget.charge(0, here);
    require(budget.short_of(0, here)->feed == 0, "of which 2 are left for the rest of the plan");
}

class idle final : public policy::policy {
    void decide(const view&, plan&) override { throw std::logic_error("never asked"); }
};
constexpr plugin::part parts[] = {plugin::policy<idle>("idle", "does nothing")};
constexpr plugin::table table = plugin::make_table(parts);  // what AMPACITY_PLUGIN exports

void a_plugin_is_a_table() {
    require(std::string_view{table.abi} == plugin::abi.text, "both sides agree on what crosses");
    plugin::failure why;
    const plugin::option unknown{.key = {"pace", 4}, .value = {"slow", 4}};
    require(table.parts[0].make({.options = &unknown, .num_options = 1}, why) == nullptr, "nobody asks for a pace");
    require(why.kind == plugin::failure_kind::option && std::string_view{why.key} == "pace", "which it says");
    void* const made = table.parts[0].make({}, why);
    stage s;
    const auto v = s.view();
    require(!table.policy.decide(made, v, s.plan, why), "exceptions end on the plug-in's side");
    require(std::string_view{why.text} == "never asked", "and travel as text");
    table.policy.destroy(made);
}

}  // namespace

void policy_example() {
    placers_choose();
    a_plan_shows_at_once();
    a_policy_of_the_registry_decides();
    a_queue_by_demand();
    a_job_gets_a_site();
    a_budget_of_power();
    a_plugin_is_a_table();
}
