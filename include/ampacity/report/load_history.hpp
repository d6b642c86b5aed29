#pragma once
/// \file
/// Queue length and busy GPUs over a run of any length in a fixed amount of memory, and their picture in one line.
///
/// The time so far is cut into at most 512 equal bins, each with the exact integrals of both; when it outgrows them,
/// neighbours are merged and the bins become twice as wide. So between 256 and 512 bins cover any run longer than 512
/// ns, whatever its length, and 16 KiB hold them. An event costs O(1), and O(bins passed) after a pause. One thread at
/// a time.

#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/sim/observer.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ampacity::report {

class load_history final : public sim::observer {
public:
    /// Means over one of several equal parts of a run.
    struct part {
        double queued = 0;     ///< jobs waiting
        double busy_gpus = 0;  ///< GPUs held by jobs
    };

    void on_submit(const sim::job_event& e) override { change(e.at, 1, 0); }
    void on_reject(const sim::job_event& e) override { change(e.at, -1, 0); }
    void on_start(const sim::job_event& e) override { change(e.at, -1, e.gpus); }
    void on_stop(const sim::job_event& e, sim::run_end how) override;
    void on_resize(const sim::job_event& before, const sim::job_event& after) override {
        change(after.at, 0, std::int64_t{after.gpus} - before.gpus);
    }

    /// The time from the start to `end` in `count` equal parts; fewer if the run is not that many ns long. What a bin
    /// holds is spread evenly over it where a part ends within.
    /// \pre `end` is no earlier than the last event
    [[nodiscard]] std::vector<part> parts(std::size_t count, instant end) const;

private:
    static constexpr std::size_t most_bins = 512;

    struct bin {
        int128 queued = 0;  ///< [jobs x ns]
        int128 busy = 0;    ///< [GPU-ns]
    };

    struct state {
        void reach(std::uint64_t to);

        std::array<bin, most_bins> bins{};
        std::uint64_t width = 1;  ///< of a bin [ns]
        std::uint64_t now = 0;    ///< [ns]
        std::int64_t queued = 0;
        std::int64_t busy = 0;
    };

    void change(instant at, std::int64_t queued, std::int64_t busy);

    state state_;
};

/// One block character of 8 heights for each value; `top` and all above it are full.
[[nodiscard]] std::string sparkline(std::span<const double> values, double top);

}  // namespace ampacity::report
