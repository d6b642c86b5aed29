#pragma once
/// \file
/// The fast event queue: multi-level buckets on the bits of the time (a radix queue), exact order.
///
/// Most events lie in `far_`, unsorted lists by the bits of their time. The earliest list is spread over
/// finer lists until it is short or all of one instant; a short one is sorted into `near_`, one
/// instant's becomes the `crowd_`, which needs no sorting. What is pushed into the range that `near_` covers
/// is inserted there if its place is close to the end, else goes to a small 4-ary heap; the earliest
/// event is the smaller of the two fronts. Few pending events live in `near_` and the heap alone.
///
/// Push O(1); an event moves at most 8 times, in practice 2 or 3, whatever the number pending; cancel O(1),
/// leaving a corpse that is skipped when met and swept out when corpses outnumber the living. Allocates
/// only at new maxima. 50 to 60 bytes per pending event from 1e5 on, 70 KiB when empty.
/// Not shared between threads.
///
/// Measured by bench/hold.cpp on a noisy 2-core EPYC (Zen 5), GCC 12 -O3, ns per event of the hold model
/// with exponential increments, against `std::priority_queue` with the same payload and without handles:
///
///     pending             1e3   1e5   1e6   1e7
///     std::priority_queue  96   219   604   898
///     heap_queue<4>        88   365   535   800
///     bucket_queue         41    72    67    78

#include <ampacity/core/error.hpp>
#include <ampacity/kernel/chunk_pool.hpp>
#include <ampacity/kernel/crowd.hpp>
#include <ampacity/kernel/dary_heap.hpp>
#include <ampacity/kernel/entry_buffer.hpp>
#include <ampacity/kernel/event_queue.hpp>
#include <ampacity/kernel/event_slots.hpp>
#include <ampacity/kernel/radix_lists.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace ampacity::kernel {

class bucket_queue {
public:
    bucket_queue() = default;
    bucket_queue(const bucket_queue&) = delete;
    bucket_queue& operator=(const bucket_queue&) = delete;

    [[gnu::always_inline]] event_handle push(instant t, phase p, event what) {
        const packed_event packed = packed_event::of(what);
        return push_packed(ticks(t), p, packed.low, packed.high);
    }

    bool cancel(const event_handle& h) {
        if (!slots_.alive(h)) return false;
        slots_.release(h.slot);
        bury();
        return true;
    }

    event_handle reschedule(const event_handle& h, instant t) {
        AMPACITY_ASSERT(ticks(t) >= floor_);
        if (!slots_.alive(h)) return no_event;
        const queued_event e = slots_.renumber(h, ticks(t));
        insert(e);
        bury();
        return {e.key.phase_sequence, static_cast<std::uint32_t>(e.slot)};
    }

    [[nodiscard]] bool is_pending(const event_handle& h) const noexcept { return slots_.alive(h); }
    [[nodiscard]] bool empty() const noexcept { return slots_.living() == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return slots_.living(); }

    [[nodiscard]] bool due(instant t) { return settle(ticks(t)) != nowhere; }

    [[nodiscard]] instant top_time() {
        const place at = settle(ticks(never));
        AMPACITY_ASSERT(at != nowhere);
        return front(at).key.time();
    }

    [[gnu::always_inline]] bool take_due(instant t, queued_event& out) {
        const place at = settle(ticks(t));
        if (at == nowhere) return false;
        write_entry(&out, front(at));
        drop(at);
        floor_ = out.key.time_ns;
        return true;
    }

    popped_event pop() {
        queued_event e;
        const bool any = take_due(never, e);
        AMPACITY_ASSERT(any);
        return {e.key, slots_.release(e.slot)};
    }

    void take_round(instant t, entry_buffer& out) {
        for (queued_event e; take_due(t, e);) out.push_back(e);
    }

    bool claim(const queued_event& e, popped_event& out) {
        if (!slots_.alive(e)) {
            --corpses_;
            return false;
        }
        out = {e.key, slots_.release(e.slot)};
        return true;
    }

    /// Makes room for this many pending events, so that reaching it allocates next to nothing.
    void reserve(std::size_t events) {
        slots_.reserve(events);
        pool_.reserve(events / chunk_pool::per_chunk + std::min(events, std::size_t{3} * radix_lists::lists_per_level));
        near_.reserve(most_sorted + split_above);
        heap_.reserve(2 * split_above);
    }

    void clear() {
        const auto all = [](const queued_event&) { return true; };
        far_.erase_if(all);
        far_.raise_base(0);
        crowd_.erase_if(all);
        near_.clear();
        head_ = 0;
        heap_.clear();
        slots_.clear();
        corpses_ = 0;
        spared_ = 0;
        last_ = whole_range;
        floor_ = std::numeric_limits<std::int64_t>::min();
    }

    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return sizeof(*this) + near_.memory_bytes() + heap_.memory_bytes() + slots_.memory_bytes() +
               pool_.memory_bytes();
    }

private:
    static constexpr std::size_t few = 64;            ///< so many need no buckets, and are always worth sorting
    static constexpr std::size_t split_above = 128;   ///< heap entries that make a wide range worth spreading
    static constexpr std::size_t most_shifted = 8;    ///< distance from the end of `near_` that is not left to the heap
    static constexpr std::size_t look_ahead = 8;      ///< entries of `near_` whose rows are fetched before their turn
    static constexpr std::size_t worth_a_turn = 16;   ///< short lists are taken together until so many entries
    static constexpr std::size_t most_sorted = 1024;  ///< longer lists are always spread
    static constexpr std::size_t most_in_bin = 24;    ///< longer bins would make the final insertion sort slow
    static constexpr std::uint64_t whole_range = ~std::uint64_t{0};

    enum place : std::uint8_t { nowhere, in_near, in_heap };

    event_handle push_packed(std::int64_t t, phase p, std::uint64_t low, std::uint32_t high) {
        AMPACITY_ASSERT(t >= floor_);
        const queued_event e = slots_.acquire(t, p, {low, high});
        insert(e);
        return {e.key.phase_sequence, static_cast<std::uint32_t>(e.slot)};
    }

    // --- the two fronts -------------------------------------------------------------------------

    [[nodiscard]] bool near_empty() const noexcept { return head_ == near_.size(); }
    [[nodiscard]] const queued_event& front(place at) const noexcept {
        return at == in_near ? near_[head_] : heap_.top();
    }

    void drop(place at) noexcept {
        if (at == in_heap) {
            heap_.pop();
            return;
        }
        ++head_;
        if (head_ + look_ahead < near_.size()) {
            slots_.prefetch(near_[head_ + look_ahead].slot);
        } else if (near_empty()) {
            near_.clear();
            head_ = 0;
        }
    }

    /// Where the earliest live event at or before `t` is, after dropping the corpses in front of it.
    [[gnu::always_inline]] place settle(std::int64_t t) {
        for (;;) {
            place at = in_near;
            if (near_empty()) [[unlikely]] {
                if (!crowd_.empty()) {
                    crowd_.leave(near_, [this](const queued_event& e) { slots_.prefetch(e.slot); });
                } else if (!heap_.empty()) {
                    at = in_heap;
                } else if (!advance(t)) {
                    return nowhere;
                }
            }
            if (at == in_near && !heap_.empty() && before(heap_.top().key, near_[head_].key)) at = in_heap;
            const queued_event& e = front(at);
            if (e.key.time_ns > t) return nowhere;
            if (slots_.alive(e)) [[likely]]
                return at;
            drop(at);
            --corpses_;
        }
    }

    // --- going in -------------------------------------------------------------------------------

    [[gnu::always_inline]] void insert(const queued_event& e) {
        if (ordinal(e) > last_) {
            far_.put(e);
            return;
        }
        if (!crowd_.empty() && crowd_.join(e)) return;
        const std::size_t reach = near_.size() - head_;
        if (reach > most_shifted && before(e.key, near_[near_.size() - most_shifted].key)) {
            heap_.push(e);
            if (heap_.size() > split_above) [[unlikely]]
                split();
            return;
        }
        if (near_.size() == near_.capacity() && head_ > near_.size() / 2) [[unlikely]]
            forget_head();
        near_.push_back(e);
        queued_event* hole = near_.end() - 1;
        const queued_event* const first = near_.begin() + head_;
        for (; hole != first && before(e.key, hole[-1].key); --hole) write_entry(hole, hole[-1]);
        write_entry(hole, e);
    }

    /// Frees the part of `near_` that has been popped.
    void forget_head() noexcept {
        near_.erase_front(head_);
        head_ = 0;
    }

    // --- coming out -----------------------------------------------------------------------------

    /// Fills `near_` from the earliest list, unless that lies wholly after `t`. Both fronts and the
    /// crowd are empty.
    [[gnu::noinline]] bool advance(std::int64_t t) {
        while (!far_.empty()) {
            const radix_lists::position p = far_.first();
            if (p.lowest > ordinal(t)) return false;
            if (far_.size() <= few) {
                take_all();
                return true;
            }
            if (chunk_pool::is_short(far_.list(p))) {
                take_short(p);
                return true;
            }
            const radix_lists::extent x = far_.measure(p);
            if (x.first == x.last) {
                far_.raise_base(x.first);
                last_ = x.first;
                crowd_.start(far_.take(p, x.count));
                crowd_.leave(near_, [this](const queued_event& e) { slots_.prefetch(e.slot); });
                return true;
            }
            // A long `near_` saves levels, but must stay a small part of all or the heap would fill up.
            if (x.count <= std::clamp(far_.size() / 32, few, most_sorted) && scatter(p, x)) {
                far_.raise_base(x.first);
                last_ = p.highest;
                return true;
            }
            far_.spread(p, x);
            last_ = x.first - 1;
        }
        last_ = whole_range;
        return false;
    }

    /// Moves a list of one chunk to `near_`, and those behind it while they are few.
    void take_short(radix_lists::position p) {
        far_.raise_base(p.lowest);
        const unsigned level = p.level;
        do {
            chunk_pool::list l = far_.take(p, chunk_pool::short_size(far_.list(p)));
            pool_.drain(l, [this](const queued_event& e) { near_.push_back(e); });
            last_ = p.highest;
            if (far_.empty()) break;
            p = far_.first();
        } while (near_.size() < worth_a_turn && p.level == level && chunk_pool::is_short(far_.list(p)));
        insertion_sort(near_.begin(), near_.end());
        fetch_rows();
    }

    void fetch_rows() const noexcept {
        const std::size_t soon = std::min(look_ahead + 1, near_.size());
        for (std::size_t i = 0; i < soon; ++i) slots_.prefetch(near_[i].slot);
    }

    /// Moves a list to `near_`: counting sort by time into about as many bins as entries, then insertion
    /// sort by the full key. False, and nothing done, if the times are too uneven for that.
    bool scatter(const radix_lists::position& p, const radix_lists::extent& x) {
        const auto wanted = static_cast<unsigned>(std::bit_width(x.count - 1));
        const auto width = static_cast<unsigned>(std::bit_width(x.last - x.first));
        const unsigned shift = width > wanted ? width - wanted : 0U;
        const std::size_t bins = std::size_t{1} << wanted;
        std::array<std::uint16_t, most_sorted> at;
        std::fill_n(at.begin(), bins, std::uint16_t{0});
        const auto bin = [&x, shift](const queued_event& e) { return (ordinal(e) - x.first) >> shift; };
        chunk_pool::for_runs(far_.list(p), [&](const queued_event* e, const queued_event* end) {
            for (; e != end; ++e) ++at[bin(*e)];
        });
        std::uint16_t sum = 0;
        std::uint16_t most = 0;
        for (std::size_t i = 0; i < bins; ++i) {
            const std::uint16_t n = at[i];
            most = std::max(most, n);
            at[i] = sum;
            sum = static_cast<std::uint16_t>(sum + n);
        }
        if (most > most_in_bin) return false;
        near_.resize(x.count);
        chunk_pool::list l = far_.take(p, x.count);
        pool_.drain(l, [&](const queued_event& e) { write_entry(near_.begin() + at[bin(e)]++, e); });
        insertion_sort(near_.begin(), near_.end());
        fetch_rows();
        return true;
    }

    static void insertion_sort(queued_event* first, queued_event* last) noexcept {
        for (queued_event* i = first + 1; i < last; ++i) {
            if (!before(i->key, i[-1].key)) continue;
            const queued_event e = *i;
            queued_event* hole = i;
            do {
                *hole = hole[-1];
                --hole;
            } while (hole != first && before(e.key, hole[-1].key));
            *hole = e;
        }
    }

    /// All lists at once, when few events are left: no buckets until they are many again.
    void take_all() {
        far_.drain([this](const queued_event& e) { near_.push_back(e); });
        insertion_sort(near_.begin(), near_.end());
        far_.raise_base(ordinal(near_[0]));
        last_ = whole_range;
    }

    // --- keeping the shape ----------------------------------------------------------------------

    /// The heap has grown: spreads both fronts over finer lists, so that the cost stays flat.
    [[gnu::noinline]] void split() {
        const bool in_front = near_empty() || before(heap_.top().key, near_[head_].key);
        const std::uint64_t first = ordinal(front(in_front ? in_heap : in_near));
        if (first == last_ || !crowd_.empty()) return;
        if (first < far_.base()) {
            // Looking ahead moved the base beyond what was pushed since. Moving it back costs up to
            // the number of pending events, hence only once that many pushes have paid for it.
            if (heap_.size() < far_.size() / 4) return;
            far_.lower_base(first);
        }
        forget_head();
        for (const queued_event& e : heap_.entries()) near_.push_back(e);
        heap_.clear();
        std::sort(near_.begin(), near_.end(),
                  [](const queued_event& a, const queued_event& b) { return before(a.key, b.key); });
        far_.raise_base(first);
        for (const queued_event& e : near_) far_.put(e);
        near_.clear();
        advance(ticks(never));
    }

    /// Counts a corpse, and sweeps when they outnumber the living.
    void bury() {
        if (++corpses_ > slots_.living() + spared_ + few) [[unlikely]]
            sweep();
    }

    [[gnu::noinline]] void sweep() {
        const auto dead = [this](const queued_event& e) { return !slots_.alive(e); };
        forget_head();
        corpses_ -= near_.erase_if(dead) + heap_.erase_if(dead) + crowd_.erase_if(dead) + far_.erase_if(dead);
        spared_ = 2 * corpses_;
    }

    chunk_pool pool_;                   ///< storage of `far_` and `crowd_`
    entry_buffer near_;                 ///< in order from `head_` on
    std::size_t head_ = 0;              ///< entries of `near_` that have been popped
    dary_heap<4> heap_;                 ///< pushed into the range of `near_`, far from its end
    std::uint64_t last_ = whole_range;  ///< last time, as an ordinal, that is not for `far_`
    crowd crowd_{pool_};                ///< all of the instant `last_`, while there are any
    std::int64_t floor_ = std::numeric_limits<std::int64_t>::min();  ///< time of the last pop [ns]
    std::size_t corpses_ = 0;  ///< dead entries everywhere and in rounds that were taken
    std::size_t spared_ = 0;   ///< twice the corpses that the last sweep could not reach, being in a round
    event_slots slots_;
    radix_lists far_{pool_};
};

static_assert(event_queue<bucket_queue>);

}  // namespace ampacity::kernel
