#pragma once
/// \file
/// Parts of the fleet that fail at random or as a log has it, and are repaired: each cause a process of its own over
/// all parts of its kind.
///
/// `next()` says when something happens next, `advance` what. A part fails only while it is in
/// service: what is drawn for one that is down or has not been delivered does not happen. What a log has happens to
/// all that has been delivered. An exponential cause costs O(1) for each failure, however many parts there are; one of
/// another shape keeps a clock for each part. Where a failure does not show at once by nodes being down, what is going
/// on is looked through.
///
/// Lemons and early failures multiply hazards. Of an exponential cause the failures beyond the usual rate are a process
/// of their own: candidates at the highest rate there may be, each with a part and a mark, of which those above the
/// hazard of their part do not happen (thinning). Other clocks run so much faster.
///
/// Draws of a cause come from streams that its name, the seed and, with a clock for each part, the part make: no other
/// cause, job or policy moves them, nor does another share of lemons. The k-th failure that happens takes the k-th
/// repair time, one beyond the usual rate that of its candidate. Not thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/faults/failure_plan.hpp>
#include <ampacity/fleet/fleet_state.hpp>
#include <ampacity/fleet/node_state.hpp>
#include <ampacity/fleet/rack_ranges.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace ampacity::faults {

/// Where nodes stand; what no longer changes of a fleet.
struct fleet_layout {
    std::vector<std::uint64_t> first_gpu{};  ///< (nodes + 1)
    std::vector<fleet::node_range> racks{};  ///< in the order of their nodes

    /// \pre of nodes
    [[nodiscard]] static fleet_layout of(const fleet::free_index& nodes);
    [[nodiscard]] std::size_t num_nodes() const noexcept { return first_gpu.size() - 1; }
};

/// What happens.
struct part_change {
    enum class kind : std::uint8_t {
        hangs,     ///< what it runs gets no further, and nobody knows
        corrupts,  ///< what it runs goes on with wrong results, and nobody knows
        fails,     ///< its nodes leave
        stops,     ///< what it runs stops
        slows,     ///< what it runs goes on slower, see `speed_of`
        recovers,  ///< as before `slows`
        repaired,  ///< its nodes come back
    };
    kind what{};
    std::uint32_t process = 0;
    std::uint32_t first_node = 0, last_node = 0;
    std::uint64_t gpus = ~std::uint64_t{0};  ///< of each node, those that are meant
    instant since{};                         ///< of `fails` and `stops`: when the part failed, noticed now
};

/// What has become of a cause.
struct cause_tally {
    std::uint64_t failures = 0;  ///< those that are not noticed yet, too
    int128 node_ns = 0;          ///< nodes x time for which they waited for their repair, and were repaired [ns]
    int128 slow_ns = 0;          ///< nodes x time for which they were slow [ns]
};

class part_failures {
public:
    /// `states` tells which nodes have been delivered. \pre parts of each kind exist
    part_failures(failure_plan plan, fleet_layout where, std::span<const fleet::node_state> states);

    /// `never` where nothing fails any more.
    [[nodiscard]] instant next() const noexcept;
    /// One step of `next()`: what is going on first, by failure, then causes in their order, then the log. Nothing
    /// where what was drawn does not happen, or nobody can tell. \pre next() is not `never`; `states` are those of now
    [[nodiscard]] std::optional<part_change> advance(std::span<const fleet::node_state> states);
    /// These nodes have been delivered: the clocks of their parts begin.
    void commission(instant now, std::span<const node_id> nodes);

    /// How fast these GPUs of a node are, of their full speed: that of all failures going on, multiplied, down to
    /// 2^-60.
    [[nodiscard]] double speed_of(std::uint32_t node, std::uint64_t gpus) const noexcept {
        return is_affected(node) ? slowest(node, gpus) : 1;
    }
    /// Does anything hang or compute wrong results, or is it slow?
    [[nodiscard]] bool any_effect() const noexcept { return !effects_.empty(); }
    /// Has any of these GPUs of a node failed so that what it runs hangs?
    [[nodiscard]] bool hangs(std::uint32_t node, std::uint64_t gpus) const noexcept {
        return is_affected(node) && has(effect_kind::hangs, node, gpus);
    }
    /// The same, so that what it runs is wrong?
    [[nodiscard]] bool corrupts(std::uint32_t node, std::uint64_t gpus) const noexcept {
        return is_affected(node) && has(effect_kind::corrupts, node, gpus);
    }

    [[nodiscard]] const std::vector<failure_process>& processes() const noexcept { return plan_.processes; }
    /// As of now.
    [[nodiscard]] cause_tally tally(std::size_t process, instant now) const;

private:
    /// A part with a clock.
    struct clock {
        instant at{};
        std::uint32_t part = 0;
    };
    /// Candidates for failures beyond the usual rate.
    struct excess {
        exponential_distribution law{};
        random_stream failures, repairs, delays;
        double most = 1;     ///< the highest hazard, of the usual one
        instant at = never;  ///< the next one
        std::uint64_t part = 0;
        double mark = 0;  ///< in [0, most - 1)
        std::uint64_t drawn = 0;
    };
    struct process_state {
        duration_law law{};  ///< exponential: of the first of all parts
        random_stream failures, repairs, delays;
        std::uint64_t parts = 0;
        instant at = never;                  ///< the next failure
        std::uint64_t drawn = 0;             ///< exponential: failures
        std::vector<clock> clocks{};         ///< others: a heap, the earliest first
        std::vector<std::uint32_t> draws{};  ///< (parts) taken
        std::optional<excess> beyond{};      ///< exponential
        cause_tally tally{};
    };
    /// What a failure takes.
    struct course {
        duration delay{};                 ///< until it is noticed, or its part swapped
        std::optional<duration> takes{};  ///< its repair
        bool logged = false;              ///< it needs no crew
    };
    enum class stage : std::uint8_t { unnoticed, slow, in_repair, slow_in_repair };
    /// A failure that is going on, or waits for a crew.
    struct episode {
        instant at{};  ///< end of its stage
        std::uint64_t number = 0;
        instant since{};  ///< of its nodes being out of service, or slow
        instant failed_at{};
        course takes{};
        stage now{};
        std::uint64_t part = 0;
        part_change where{};
    };
    enum class effect_kind : std::uint8_t { slow, hangs, corrupts };
    /// What a failure does to nodes that are in service, for now.
    struct effect {
        std::uint64_t number = 0;  ///< of the failure
        std::uint32_t first_node = 0, last_node = 0;
        std::uint64_t gpus = 0;
        effect_kind kind{};
        double speed = 1;  ///< where slow

        [[nodiscard]] bool is_on(std::uint32_t node, std::uint64_t of) const noexcept {
            return first_node <= node && node < last_node && (gpus & of) != 0;
        }
    };

    /// From where the next failure comes.
    enum class origin : std::uint8_t { usual, beyond, log };

    [[nodiscard]] std::uint64_t parts_of(part_kind kind) const noexcept;
    [[nodiscard]] part_change place(std::uint32_t process, part_kind kind, std::uint64_t part) const;
    void draw_lemons();
    void begin_process(std::uint32_t process);
    [[nodiscard]] double lemon_factor(const part_change& at, part_kind kind) const noexcept;
    [[nodiscard]] instant ripe_at(const part_change& at) const noexcept;
    [[nodiscard]] instant end_of_life(const part_change& at, part_kind kind, instant now, duration life) const;
    void start_clock(std::uint32_t process, instant now, std::uint32_t part);
    static void draw_next(process_state& of, instant now);
    void draw_beyond(std::uint32_t process, instant now);
    [[nodiscard]] std::optional<part_change> fail(std::uint32_t process, std::span<const fleet::node_state> states);
    [[nodiscard]] std::optional<part_change> fail_beyond(std::uint32_t process,
                                                         std::span<const fleet::node_state> states);
    [[nodiscard]] std::optional<part_change> replay();
    [[nodiscard]] bool may_fail(const part_change& at, std::uint64_t part,
                                std::span<const fleet::node_state> states) const;
    [[nodiscard]] part_change happen(const part_change& at, std::uint64_t part, instant now, course takes);
    [[nodiscard]] part_change show(episode of, instant now);
    void go_on(const episode& with);
    void begin_repair(episode of, instant now);
    [[nodiscard]] std::optional<part_change> end_stage();
    [[nodiscard]] part_change end_repair(const episode& of);
    void restart_clock(const episode& of);
    [[nodiscard]] static int128 node_time(const episode& of, instant now) noexcept;
    void add_effect(const episode& of, effect_kind kind, double speed = 1);
    [[nodiscard]] bool is_affected(std::uint32_t node) const noexcept {
        return !effects_.empty() && effects_on_[node] != 0;
    }
    [[nodiscard]] double slowest(std::uint32_t node, std::uint64_t gpus) const noexcept;
    [[nodiscard]] bool has(effect_kind kind, std::uint32_t node, std::uint64_t gpus) const noexcept;
    void end_effect(const episode& of);
    void find_next() noexcept;

    failure_plan plan_;
    fleet_layout where_;
    std::vector<process_state> states_;  // (processes)
    std::vector<instant> came_;          // (nodes) into service; never: not yet
    std::vector<bool> lemons_;           // (nodes); empty: none
    std::size_t next_logged_ = 0;
    std::uint32_t first_ = 0;  // the process that fails first
    origin first_from_{};
    instant fails_at_ = never;
    std::vector<episode> going_on_;          // a heap, the earliest end of a stage first
    std::deque<episode> waiting_;            // for a crew, in the order of their need
    std::uint64_t busy_ = 0;                 // crews
    std::vector<effect> effects_;            // by failure
    std::vector<std::uint32_t> effects_on_;  // (nodes) of these; empty: there are none
    std::uint64_t failures_ = 0;
};

}  // namespace ampacity::faults
