#pragma once
/// \file
/// The delivery of power as a graph of devices: utility, transformers, UPS lineups, busways, rack shelves. Who carries
/// what, what is lost where, who loses power when a device fails, and how much energy has gone through each.
///
/// Devices come after those that feed them. The feeds of a device share its input equally, those that are dead left out
/// (2N, N+1, 3N/2 and 4N/3 are made of this); or the first that is live carries all, the others are reserves (block
/// redundant). A device with a battery goes on from it when all its feeds have died, for as long as the charge allows,
/// and fills it again from them; a source with a tank lives on that. All power is whole microwatts: input + given =
/// output + loss + kept holds exactly everywhere, with what a battery gives and keeps, sums do not depend on the order
/// of changes, and energies, [uW ns] in 128 bits, are exact integrals of what holds between changes. A change of a load
/// costs O(devices above it); a failure O(devices). Not thread-safe.

#include <ampacity/core/error.hpp>
#include <ampacity/core/time.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/fleet/node_set.hpp>
#include <ampacity/hardware/curves.hpp>
#include <ampacity/power/trip_curve.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
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

/// What a device has stored: the battery of one with feeds, the fuel of one without.
struct storage {
    energy capacity = 0;        ///< in place of its input; full at first
    microwatts recharge = 0;    ///< drawn beside its input until a battery is full; 0: it is not filled again
    double efficiency = 1;      ///< kept of what is drawn to fill it [1]
    std::uint32_t account = 0;  ///< whose sums it counts in, see `delivery::flow`
};
/// Of a tank: without end.
inline constexpr energy endless = energy{1} << 126;

/// What flows out of stores, and into them, now.
struct stored_flow {
    microwatts made = 0;   ///< by sources with a tank
    microwatts given = 0;  ///< by batteries
    microwatts kept = 0;   ///< by batteries, after the losses of filling them
};

struct device {
    microwatts rating = 0;                                   ///< of its output; 0: without limit
    const hardware::efficiency_curve* efficiency = nullptr;  ///< null: no losses. \pre with a rating
    const trip_curve* trips = nullptr;                       ///< null: never. \pre with a rating
    duration cooldown = std::chrono::minutes{10};
    std::vector<device_id> feeds{};  ///< none: it is a source
    feeding how = feeding::shared;
    std::optional<storage> store{};
    bool failed = false;  ///< it stands by from the start, see `delivery::set_failed`
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
    /// What `next_store` announced: a battery is full, or a store is empty, which takes all that lives on it down.
    /// Calls `changed` as `set_failed` does. \pre now: its instant
    template <class F>
    void pass_store(instant now, device_id d, F changed) {
        end_of_store(now, d);
        for (const device_id c : changed_) changed(c, is_live(c));
    }

    /// Has it power?
    [[nodiscard]] bool is_live(device_id d) const noexcept { return rows_[index(d)].live; }
    [[nodiscard]] bool has_failed(device_id d) const noexcept { return rows_[index(d)].failed; }
    [[nodiscard]] microwatts output(device_id d) const noexcept { return rows_[index(d)].output; }
    [[nodiscard]] microwatts input(device_id d) const noexcept { return rows_[index(d)].input; }
    [[nodiscard]] microwatts loss(device_id d) const noexcept {
        const row& r = rows_[index(d)];
        const microwatts lost = r.input - r.output;
        return r.store == no_store ? lost : lost + stores_[r.store].given - stores_[r.store].kept;
    }
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

    // --- stores ----------------------------------------------------------------------------------------

    [[nodiscard]] bool has_store(device_id d) const noexcept { return rows_[index(d)].store != no_store; }
    /// Does its battery carry it?
    [[nodiscard]] bool is_on_battery(device_id d) const noexcept {
        const row& r = rows_[index(d)];
        return r.store != no_store && r.num_feeds != 0 && r.live && !is_fed(r);
    }
    /// When the next battery is full or the next store is empty if all loads stay as they are, and which; `never` and
    /// none. Of several at one instant the first. Batteries are full, and stores empty, at the last nanosecond that
    /// their capacity, or charge, is enough for.
    struct store_end {
        instant at = never;
        device_id device = no_device;
    };
    [[nodiscard]] store_end next_store() const noexcept;
    /// What is in its store, 0 to its capacity. \pre has_store(d)
    [[nodiscard]] energy charge(device_id d, instant now) const noexcept;
    [[nodiscard]] energy capacity(device_id d) const noexcept { return stores_[rows_[index(d)].store].capacity; }
    /// Energy up to `now` that its battery gave, and that it kept. \pre has_store(d)
    [[nodiscard]] energy energy_given(device_id d, instant now) const noexcept;
    [[nodiscard]] energy energy_kept(device_id d, instant now) const noexcept;
    /// Of all stores of an account.
    [[nodiscard]] stored_flow flow(std::uint32_t account) const noexcept {
        return account < flows_.size() ? flows_[account] : stored_flow{};
    }

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
        bool live = true, failed = false, changed = false;
        feeding how = feeding::shared;
        std::uint32_t fuse = no_fuse;
        std::uint32_t store = no_store;
    };
    static constexpr std::uint32_t no_fuse = ~std::uint32_t{0};
    static constexpr std::uint32_t no_store = ~std::uint32_t{0};
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
    /// A battery or a tank. Its powers have held since its device's have.
    struct store {
        device_id device = no_device;
        std::uint32_t account = 0;
        bool empty = false;    // until it is fed
        bool moving = false;   // it fills or empties
        instant ends = never;  // when it is full or empty
        energy capacity = 0, charge = 0;
        microwatts recharge = 0, keeps = 0;        // while it is filled: drawn, kept
        microwatts made = 0, given = 0, kept = 0;  // now
        energy all_given = 0, all_kept = 0;

        [[nodiscard]] microwatts rate() const noexcept { return kept - given - made; }
    };

    [[nodiscard]] std::span<feed_row> feeds_of(const row& r) noexcept {
        return std::span{feeds_}.subspan(r.first_feed, r.num_feeds);
    }
    [[nodiscard]] bool is_fed(const row& r) const noexcept;
    [[nodiscard]] bool lives(const row& r) const noexcept;

    void mark_failed(instant now, device_id d, bool failed);
    void end_of_store(instant now, device_id d);
    void spread(instant now, std::size_t first);
    [[nodiscard]] microwatts put_store(row& r, instant now, microwatts needed);
    void queue(std::size_t i) noexcept { queue_.insert(static_cast<std::uint32_t>(i)); }
    void refresh(instant now, std::size_t i);
    void load(fuse& f, instant now, double load);

    std::vector<row> rows_;
    std::vector<feed_row> feeds_;
    std::vector<fuse> fuses_;
    std::vector<std::uint32_t> hot_;  // of fuses_: those that are
    std::vector<store> stores_;
    std::vector<std::uint32_t> moving_;  // of stores_: those that are
    std::vector<stored_flow> flows_;     // (accounts)
    fleet::node_set queue_;              // rows that are to be refreshed, the last first
    std::vector<device_id> changed_;
};

}  // namespace ampacity::power
