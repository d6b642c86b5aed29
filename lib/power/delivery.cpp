#include <ampacity/power/delivery.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace ampacity::power {

device_id delivery::add(const device& d) {
    AMPACITY_ASSERT(d.rating >= 0 && ((d.efficiency == nullptr && d.trips == nullptr) || d.rating > 0));
    const auto id = device_id{static_cast<std::uint32_t>(rows_.size())};
    row r{.rating = d.rating,
          .efficiency = d.efficiency,
          .first_feed = static_cast<std::uint32_t>(feeds_.size()),
          .num_feeds = static_cast<std::uint32_t>(d.feeds.size()),
          .failed = d.failed,
          .how = d.how};
    for (const device_id feed : d.feeds) {
        AMPACITY_ASSERT(index(feed) < rows_.size());
        feeds_.push_back({.device = feed});
    }
    r.live = !d.failed && is_fed(r);
    if (d.store) {
        const storage& of = *d.store;
        AMPACITY_ASSERT(of.capacity >= 0 && of.recharge >= 0 && of.efficiency > 0 && of.efficiency <= 1);
        r.store = static_cast<std::uint32_t>(stores_.size());
        stores_.push_back({.device = id,
                           .account = of.account,
                           .capacity = of.capacity,
                           .charge = of.capacity,
                           .recharge = of.recharge,
                           .keeps = std::llround(static_cast<double>(of.recharge) * of.efficiency)});
        if (flows_.size() <= of.account) flows_.resize(std::size_t{of.account} + 1);
    }
    if (d.trips != nullptr) {
        r.fuse = static_cast<std::uint32_t>(fuses_.size());
        fuses_.push_back({.damage = overload{*d.trips, d.cooldown}, .device = id});
    }
    if (rows_.empty() || std::has_single_bit(rows_.size()))
        queue_ = fleet::node_set(2 * static_cast<std::uint32_t>(rows_.size()) + 1);
    rows_.push_back(r);
    queue(index(id));
    settle(start_of_time);
    return id;
}

bool delivery::is_fed(const row& r) const noexcept {
    if (r.num_feeds == 0) return true;
    const auto feeds = std::span{feeds_}.subspan(r.first_feed, r.num_feeds);
    return std::any_of(feeds.begin(), feeds.end(), [this](const feed_row& f) { return is_live(f.device); });
}

/// A battery carries on what was live: it starts nothing.
bool delivery::lives(const row& r) const noexcept {
    if (r.failed) return false;
    if (r.store == no_store) return is_fed(r);
    const bool empty = stores_[r.store].empty;
    if (r.num_feeds == 0) return !empty;
    return is_fed(r) || (r.live && !empty);
}

void delivery::put_load(device_id d, microwatts load) {
    AMPACITY_ASSERT(load >= 0);
    row& r = rows_[index(d)];
    if (r.own == load) return;
    r.own = load;
    queue(index(d));
}

void delivery::mark_failed(instant now, device_id d, bool failed) {
    changed_.clear();
    if (rows_[index(d)].failed == failed) return;
    rows_[index(d)].failed = failed;
    if (!failed && rows_[index(d)].fuse != no_fuse) fuses_[rows_[index(d)].fuse].damage.reset(now);
    spread(now, index(d));
}

void delivery::end_of_store(instant now, device_id d) {
    changed_.clear();
    const row& r = rows_[index(d)];
    AMPACITY_ASSERT(r.store != no_store && stores_[r.store].ends <= now);
    store& s = stores_[r.store];
    if (s.rate() > 0) {
        queue(index(d));
        return settle(now);
    }
    s.empty = true;
    spread(now, index(d));
}

/// From this device on: who lives?
void delivery::spread(instant now, std::size_t first) {
    for (std::size_t i = first; i != rows_.size(); ++i) {
        row& r = rows_[i];
        const bool live = lives(r);
        const auto feeds = feeds_of(r);
        // A feed that comes or goes shifts what a device draws of the others.
        const bool shifts = std::any_of(feeds.begin(), feeds.end(),
                                        [this](const feed_row& f) { return rows_[index(f.device)].changed; });
        if (live != r.live || shifts) queue(i);
        if (live == r.live) continue;
        r.live = live;
        r.changed = true;
        changed_.push_back(device_id{static_cast<std::uint32_t>(i)});
    }
    for (const device_id c : changed_) rows_[index(c)].changed = false;
    settle(now);
}

/// From the last device to the first, each after all that it feeds.
void delivery::settle(instant now) {
    for (auto i = queue_.last(); i != fleet::node_set::npos; i = queue_.last()) {
        queue_.erase(i);
        refresh(now, i);
    }
}

void delivery::refresh(instant now, std::size_t i) {
    row& r = rows_[i];
    AMPACITY_ASSERT(now >= r.since);
    const microwatts output = r.live ? r.own + r.below : 0;
    microwatts input = output;
    if (r.live && r.efficiency != nullptr) {
        const auto w = static_cast<double>(output);
        input = std::llround(w / r.efficiency->at(w / static_cast<double>(r.rating)));
    }
    const energy held = ticks(now - r.since);
    r.in += held * r.input;
    r.lost += held * (r.input - r.output);
    if (r.store != no_store) input = put_store(r, now, input);
    r.since = now;
    r.output = output;
    r.input = input;
    if (r.fuse != no_fuse) load(fuses_[r.fuse], now, static_cast<double>(output) / static_cast<double>(r.rating));

    const auto feeds = feeds_of(r);
    const auto live =
        std::count_if(feeds.begin(), feeds.end(), [this](const feed_row& f) { return is_live(f.device); });
    std::int64_t left = r.how == feeding::reserve ? std::min<std::int64_t>(live, 1) : std::int64_t{live};
    microwatts rest = input;
    for (feed_row& f : feeds) {
        microwatts draws = 0;
        if (left != 0 && is_live(f.device)) {
            draws = rest / left;
            rest -= draws;
            --left;
        }
        if (draws == f.draws) continue;
        rows_[index(f.device)].below += draws - f.draws;
        f.draws = draws;
        queue(index(f.device));
    }
}

/// Brings the store up to `now`. Returns what its device draws of its feeds if it needs so much.
microwatts delivery::put_store(row& r, instant now, microwatts needed) {
    store& s = stores_[r.store];
    const energy held = ticks(now - r.since);
    r.lost += held * (s.given - s.kept);
    s.charge += held * s.rate();
    s.all_given += held * s.given;
    s.all_kept += held * s.kept;

    stored_flow& sum = flows_[s.account];
    sum.made -= std::exchange(s.made, 0);
    sum.given -= std::exchange(s.given, 0);
    sum.kept -= std::exchange(s.kept, 0);
    microwatts input = needed;
    if (r.num_feeds == 0) {
        s.made = needed;
    } else if (!is_fed(r)) {
        s.given = needed;  // 0 if it is dead
        input = 0;
    } else {
        s.empty = false;
        // Full: less than a nanosecond is missing.
        if (r.live && s.keeps != 0 && s.capacity - s.charge >= s.keeps) {
            s.kept = s.keeps;
            input += s.recharge;
        }
    }
    sum.made += s.made;
    sum.given += s.given;
    sum.kept += s.kept;

    const energy rate = s.rate();
    s.ends = never;
    if (rate != 0) {
        const energy ns = rate > 0 ? (s.capacity - s.charge) / rate : s.charge / -rate;
        if (ns < ticks(never - now)) s.ends = now + duration{static_cast<std::int64_t>(ns)};
    }
    const bool moving = s.ends != never;
    if (moving != s.moving) {
        s.moving = moving;
        if (moving)
            moving_.push_back(r.store);
        else
            moving_.erase(std::find(moving_.begin(), moving_.end(), r.store));
    }
    return input;
}

void delivery::load(fuse& f, instant now, double load) {
    // A load that stays leaves the damage to one step, however often it is looked at.
    if (load == f.damage.load()) return;
    f.damage.set(now, load);
    const bool is_hot = f.damage.trips_at() != never;
    if (is_hot == f.is_hot) return;
    f.is_hot = is_hot;
    const auto number = static_cast<std::uint32_t>(&f - fuses_.data());
    if (is_hot)
        hot_.push_back(number);
    else
        hot_.erase(std::find(hot_.begin(), hot_.end(), number));
}

microwatts delivery::headroom(device_id d) const noexcept {
    const row& r = rows_[index(d)];
    return r.rating == 0 ? std::numeric_limits<microwatts>::max() : r.rating - r.output;
}

delivery::trip delivery::next_trip() const noexcept {
    trip next;
    for (const std::uint32_t i : hot_) {
        const trip t{fuses_[i].damage.trips_at(), fuses_[i].device};
        if (t.at < next.at || (t.at == next.at && t.device < next.device)) next = t;
    }
    return next;
}

delivery::store_end delivery::next_store() const noexcept {
    store_end next;
    for (const std::uint32_t i : moving_) {
        const store& s = stores_[i];
        if (s.ends < next.at || (s.ends == next.at && s.device < next.device)) next = {s.ends, s.device};
    }
    return next;
}

energy delivery::charge(device_id d, instant now) const noexcept {
    const row& r = rows_[index(d)];
    return stores_[r.store].charge + energy{ticks(now - r.since)} * stores_[r.store].rate();
}

energy delivery::energy_given(device_id d, instant now) const noexcept {
    const row& r = rows_[index(d)];
    return stores_[r.store].all_given + energy{ticks(now - r.since)} * stores_[r.store].given;
}

energy delivery::energy_kept(device_id d, instant now) const noexcept {
    const row& r = rows_[index(d)];
    return stores_[r.store].all_kept + energy{ticks(now - r.since)} * stores_[r.store].kept;
}

energy delivery::energy_in(device_id d, instant now) const noexcept {
    const row& r = rows_[index(d)];
    return r.in + energy{ticks(now - r.since)} * r.input;
}

energy delivery::energy_lost(device_id d, instant now) const noexcept {
    const row& r = rows_[index(d)];
    return r.lost + energy{ticks(now - r.since)} * loss(d);
}

}  // namespace ampacity::power
