#pragma once
/// \file
/// Where the time of a live job went. Values.

#include <ampacity/core/accounts.hpp>
#include <ampacity/core/run_costs.hpp>
#include <ampacity/core/time.hpp>

#include <cstdint>

namespace ampacity::sim {

/// Run time that was not useful.
struct job_waste {
    duration lost{}, checkpoint{}, restart{}, stalled{};

    /// One more stretch, of whose time so much is lost.
    void add(const run_time& t, duration lost_of_it) noexcept {
        lost += lost_of_it;
        checkpoint += t.checkpoint;
        restart += t.restart;
        stalled += t.stalled;
    }
};

/// GPU-time that a job held; what is not useful is part of it. [GPU-ns]
struct job_books {
    gpu_time held = 0, lost = 0, checkpoint = 0, restart = 0, stalled = 0;

    /// Of a job that always has so many GPUs.
    [[nodiscard]] static job_books of(duration ran, const job_waste& w, std::uint32_t gpus) noexcept {
        const auto all = [gpus](duration d) { return gpu_time{ticks(d)} * gpus; };
        return {.held = all(ran),
                .lost = all(w.lost),
                .checkpoint = all(w.checkpoint),
                .restart = all(w.restart),
                .stalled = all(w.stalled)};
    }
    /// One more stretch, of this time, of which so much is lost.
    void add(const run_time& t, duration all, duration lost_of_it, std::uint32_t gpus) noexcept {
        held += gpu_time{ticks(all)} * gpus;
        lost += gpu_time{ticks(lost_of_it)} * gpus;
        checkpoint += gpu_time{ticks(t.checkpoint)} * gpus;
        restart += gpu_time{ticks(t.restart)} * gpus;
        stalled += gpu_time{ticks(t.stalled)} * gpus;
    }
    [[nodiscard]] gpu_time useful() const noexcept { return held - lost - checkpoint - restart - stalled; }
    void book(ledger& to) const noexcept {
        to[account::useful] += useful();
        to[account::lost] += lost;
        to[account::checkpoint] += checkpoint;
        to[account::restart] += restart;
        to[account::stalled] += stalled;
    }
};

}  // namespace ampacity::sim
