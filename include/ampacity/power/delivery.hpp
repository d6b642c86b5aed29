#pragma once
/// \file
/// The delivery of power as a graph of devices: utility, transformers, UPS lineups, busways, rack shelves. Who carries
/// what, what is lost where, who loses power when a device fails, and how much energy has gone through each.
///
/// Devices come after those that feed them. The feeds of a device share its input equally, those that are dead left out
/// (2N, N+1, 3N/2 and 4N/3 are made of this); or the first that is live carries all, the others are reserves (block
/// redundant). All power is whole microwatts: input = output +
/// loss holds exactly everywhere, sums do not depend on the order of changes, and energies, [uW ns] in 128 bits, are
/// exact integrals of what holds between changes. A change of a load costs O(devices above it); a failure O(devices).
/// Not thread-safe.

#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/hardware/curves.hpp>
#include <ampacity/power/trip_curve.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ampacity::power {

/// [uW]
using microwatts = std::int64_t;
/// [uW ns] = 1e-15 J
using energy = int128;

[[nodiscard]] constexpr double to_joules(energy e) noexcept { return static_cast<double>(e) * 1e-15; }
[[nodiscard]] constexpr double to_kwh(energy e) noexcept { return static_cast<double>(e) / 3.6e21; }

/// A row of the graph.
enum class device_id : std::uint32_t {};
[[nodiscard]] constexpr std::size_t index(device_id d) noexcept { return static_cast<std::size_t>(d); }
inline constexpr device_id no_device{~std::uint32_t{0}};

/// How feeds of a device go together.
enum class feeding : std::uint8_t {
    shared,   ///< all that are live carry the same, to a microwatt
    reserve,  ///< the first that is live carries all
};

struct device {
    microwatts rating = 0;                                   ///< of its output; 0: without limit
    const hardware::efficiency_curve* efficiency = nullptr;  ///< null: no losses. \pre with a rating
    const trip_curve* trips = nullptr;                       ///< null: never. \pre with a rating
    duration cooldown = std::chrono::minutes{10};
    std::vector<device_id> feeds{};  ///< none: it is a source
    feeding how = feeding::shared;
};

class delivery {
public:
    /// \pre its feeds, and the curves outlive this
    device_id add(const device& d);

    [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }

    /// What is connected to the device beside the devices that it feeds, from `now` on. While it is dead nothing is
    /// drawn. \pre not before any other change
    void set_load(instant now, device_id d, microwatts load) {
        put_load(d, load);
        settle(now);
    }
    /// The same of several at once: they hold from `settle` on. \pre all of one instant; nothing else in between
    void put_load(device_id d, microwatts load);
    void settle(instant now);
    /// The device fails, or is repaired. Calls `changed(device, is_live)` in their order for each, itself or below it,
    /// that loses power or gets it back.
    template <class F>
    void set_failed(instant now, device_id d, bool failed, F changed) {
        mark_failed(now, d, failed);
        for (const device_id c : changed_) changed(c, is_live(c));
    }

    /// Has it power?
    [[nodiscard]] bool is_live(device_id d) const noexcept { return rows_[index(d)].live; }
    [[nodiscard]] bool has_failed(device_id d) const noexcept { return rows_[index(d)].failed; }
    [[nodiscard]] microwatts output(device_id d) const noexcept { return rows_[index(d)].output; }
    [[nodiscard]] microwatts input(device_id d) const noexcept { return rows_[index(d)].input; }
    [[nodiscard]] microwatts loss(device_id d) const noexcept { return input(d) - output(d); }
    /// Of its output; 0: without limit.
    [[nodiscard]] microwatts rating(device_id d) const noexcept { return rows_[index(d)].rating; }
    /// Null: no losses.
    [[nodiscard]] const hardware::efficiency_curve* efficiency(device_id d) const noexcept {
        return rows_[index(d)].efficiency;
    }
    /// Calls `f(feed, share)` for each feed that carries the device now; the shares of a live device add up to 1.
    template <class F>
    void for_carriers(device_id d, F f) const {
        const row& r = rows_[index(d)];
        const std::span<const feed_row> feeds = std::span{feeds_}.subspan(r.first_feed, r.num_feeds);
        std::size_t live = 0;
        for (const feed_row& of : feeds) live += is_live(of.device) ? 1U : 0U;
        for (const feed_row& of : feeds) {
            if (!is_live(of.device)) continue;
            f(of.device, r.how == feeding::reserve ? 1.0 : 1.0 / static_cast<double>(live));
            if (r.how == feeding::reserve) return;
        }
    }
    /// What it could carry more; the largest number without a limit.
    [[nodiscard]] microwatts headroom(device_id d) const noexcept;

    /// When the next device trips if all loads stay as they are, and which; `never` and none. Of several at one instant
    /// the first.
    struct trip {
        instant at = never;
        device_id device = no_device;
    };
    [[nodiscard]] trip next_trip() const noexcept;

    /// Energy up to `now` that went in, and that was lost.
    [[nodiscard]] energy energy_in(device_id d, instant now) const noexcept;
    [[nodiscard]] energy energy_lost(device_id d, instant now) const noexcept;

private:
    struct row {
        microwatts rating = 0;
        const hardware::efficiency_curve* efficiency = nullptr;
        microwatts own = 0;    // connected to it directly
        microwatts below = 0;  // of the devices that it feeds
        microwatts output = 0, input = 0;
        std::uint32_t first_feed = 0, num_feeds = 0;  // rows of feeds_
        instant since = start_of_time;                // output and input have held
        energy in = 0, lost = 0;                      // until then
        bool live = true, failed = false, queued = false, changed = false;
        feeding how = feeding::shared;
        std::uint32_t fuse = no_fuse;
    };
    static constexpr std::uint32_t no_fuse = ~std::uint32_t{0};
    /// What a device draws of a feed.
    struct feed_row {
        device_id device = no_device;
        microwatts draws = 0;
    };
    /// A device that may trip.
    struct fuse {
        overload damage;
        device_id device = no_device;
        bool is_hot = false;  // it trips unless its load falls
    };

    [[nodiscard]] std::span<feed_row> feeds_of(const row& r) noexcept {
        return std::span{feeds_}.subspan(r.first_feed, r.num_feeds);
    }
    [[nodiscard]] bool is_fed(const row& r) noexcept;

    void mark_failed(instant now, device_id d, bool failed);
    void queue(std::size_t i);
    void refresh(instant now, std::size_t i);
    void load(fuse& f, instant now, double load);

    std::vector<row> rows_;
    std::vector<feed_row> feeds_;
    std::vector<fuse> fuses_;
    std::vector<std::uint32_t> hot_;    // of fuses_: those that are
    std::vector<std::uint32_t> queue_;  // a heap, the last device first
    std::vector<device_id> changed_;
};

}  // namespace ampacity::power
