#include <ampacity/policy/policy.hpp>
#include <ampacity/policy/reason.hpp>

namespace ampacity::policy {

reason seen_from_outside(const view& v, const fleet::free_index& free, job_id job) {
    const fleet::demand wanted = v[job].demand;
    reason r{.free_gpus = free.free_gpus()};
    if (wanted.gpus > free.free_gpus())
        r.what = obstacle::gpus;
    else if (!fits(v.place, free, wanted))
        r.what = obstacle::placement;
    return r;
}

fleet::free_index free_at_turn(const view& v, const plan& p, job_id job) {
    fleet::free_index free = v.capacity.free;
    for (const action& a : p.actions()) {
        if (a.kind == action_kind::start && v[a.job].order > v[job].order)
            free.give(v[a.job].demand, v.held(a.job));
    }
    return free;
}

reason policy::explain(const view& v, const plan&, job_id job) const {
    reason r = seen_from_outside(v, v.capacity.free, job);
    r.ahead = waiting_before(v, job);
    return r;
}

}  // namespace ampacity::policy
