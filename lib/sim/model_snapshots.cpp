// The books of a run as of instants at which nothing has happened yet.

#include "model.hpp"
#include "sites.hpp"

namespace ampacity::sim {

void simulation::model::take_snapshots(instant now) {
    for (instant then = snapshots_.next(); then <= now && then != never; then = snapshots_.next()) {
        advance(then);
        snapshot s{.at = then, .books = jobs_.books(), .interruptions = snapshots_.interruptions()};
        std::vector<ledger> parts = jobs_.parts().books();
        const auto book = [&](std::size_t i, bool runs, std::uint32_t gpus) {
            const job_books used = jobs_.used_by(i, runs, then, gpus);
            used.book(s.books);
            if (sites_) jobs_.parts().book(parts, i, jobs_[i].part, used);
        };
        for (std::size_t i = 0; i != jobs_.size(); ++i) {
            const partition& p = part_of(i);
            if (i >= p.jobs.size() || p.jobs[i].state == policy::job_state::absent) continue;
            book(i, p.jobs[i].state == policy::job_state::running, p.jobs[i].demand.gpus);
        }
        if (sites_) sites_->for_coming([&book](std::size_t i) { book(i, false, 0); });
        for (std::uint32_t i = 0; services_ && i != services_->size(); ++i) {
            s.services.push_back(services_->count(i, then));
            if (services_->replicas(i) == nullptr) s.books[account::useful] += services_->held(i, then);
        }
        for (const auto& p : partitions_) {
            if (!sites_ || p->number != 0) p->fleet.book(s.books);
        }
        s.books.check();
        if (sites_) s.counts = sites_->counts_at(then, std::move(parts), s.books);
        if (energy_) s.sites = energy_->books_at(then);
        snapshots_.add(std::move(s));
    }
}

}  // namespace ampacity::sim
