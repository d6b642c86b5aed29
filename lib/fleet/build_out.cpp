#include <ampacity/core/error.hpp>
#include <ampacity/core/wide.hpp>
#include <ampacity/fleet/build_out.hpp>

#include <algorithm>
#include <chrono>
#include <queue>
#include <tuple>
#include <utility>

namespace ampacity::fleet {
namespace {

enum class step : std::uint8_t { install, burn_in, acceptance, rework, block };

random_stream stream_of(const build_out_terms& t, step what, std::uint32_t number) noexcept {
    const std::uint64_t entity =
        std::uint64_t{t.site} << 35U | std::uint64_t{static_cast<std::uint8_t>(what)} << 32U | number;
    return {t.seed, purpose::build_out, entity};
}

duration draw(const drawn_time& of, random_stream& stream) { return of ? of(stream) : duration::zero(); }

/// The end of the day of the run that holds `t`, which may be its beginning.
instant end_of_day(instant t) noexcept {
    constexpr std::int64_t day = ticks(std::chrono::hours{24});
    const std::int64_t over = ticks(t - start_of_time) % day;
    return over == 0 ? t : add_saturating(t, duration{day - over});
}

/// From the crew on.
void bring_into_service(const build_out_terms& t, std::uint32_t number, rack_dates& d) {
    random_stream install = stream_of(t, step::install, number);
    random_stream burn_in = stream_of(t, step::burn_in, number);
    random_stream acceptance = stream_of(t, step::acceptance, number);
    random_stream rework = stream_of(t, step::rework, number);
    d.installed = add_saturating(d.begun, draw(t.install, install));
    d.in_service = d.burnt_in = add_saturating(d.installed, draw(t.burn_in, burn_in));
    d.attempts = 1;
    while (t.acceptance_failure > 0 && acceptance.uniform01() < t.acceptance_failure) {
        d.in_service = add_saturating(d.in_service, draw(t.rework, rework));
        d.in_service = add_saturating(d.in_service, draw(t.burn_in, burn_in));
        ++d.attempts;
    }
}

/// It is in service; what it was planned to, it leaves. From when on its place is free.
instant retire(const planned_rack& r, rack_dates& d) noexcept {
    d.retired = r.leaves;
    if (r.life != duration::max()) d.retired = std::min(d.retired, end_of_day(add_saturating(d.in_service, r.life)));
    if (d.retired > d.in_service) return d.retired;
    return std::exchange(d.in_service, never);
}

/// The earliest first.
template <class T>
using earliest = std::priority_queue<T, std::vector<T>, std::greater<>>;

}  // namespace

std::vector<rack_dates> build_out(const build_out_terms& terms, std::span<const planned_rack> racks) {
    AMPACITY_ASSERT(terms.acceptance_failure >= 0 && terms.acceptance_failure < 1);
    const auto size = static_cast<std::uint32_t>(racks.size());
    std::vector<rack_dates> out(size);
    std::vector<std::vector<std::uint32_t>> successors(size);
    earliest<std::pair<instant, std::uint32_t>> waiting;
    earliest<instant> crews;
    for (std::uint32_t i = 0; i != terms.crews; ++i) crews.push(start_of_time);
    const auto free_place = [&](std::uint32_t i, instant at) {
        if (at == never) return;
        out[i].ready = std::max({racks[i].arrives, racks[i].powered, at});
        if (out[i].ready != never) waiting.emplace(out[i].ready, i);
    };
    const auto leave = [&](std::uint32_t i) {
        const instant at = retire(racks[i], out[i]);
        for (const std::uint32_t next : successors[i]) free_place(next, at);
    };
    for (std::uint32_t i = 0; i != size; ++i) {
        AMPACITY_ASSERT(racks[i].replaces == no_rack || racks[i].replaces < i);
        if (racks[i].replaces != no_rack) successors[racks[i].replaces].push_back(i);
    }
    for (std::uint32_t i = 0; i != size; ++i) {
        if (racks[i].is_present) {
            out[i] = {start_of_time, start_of_time, start_of_time, start_of_time, start_of_time, start_of_time};
            leave(i);
            continue;
        }
        out[i].arrived = racks[i].arrives;
        if (racks[i].replaces == no_rack) free_place(i, start_of_time);
    }
    while (!waiting.empty()) {
        const auto [ready, i] = waiting.top();
        waiting.pop();
        out[i].begun = ready;
        if (terms.crews != 0) {
            out[i].begun = std::max(ready, crews.top());
            crews.pop();
        }
        bring_into_service(terms, i, out[i]);
        if (terms.crews != 0) crews.push(out[i].installed);
        leave(i);
    }
    return out;
}

instant ready_at(const build_out_terms& terms, std::uint32_t block, instant promised, const drawn_time& delay) {
    random_stream stream = stream_of(terms, step::block, block);
    return add_saturating(promised, draw(delay, stream));
}

instant arrival_of(instant start, std::uint64_t n, std::uint64_t a_week) noexcept {
    constexpr auto week = static_cast<std::uint64_t>(ticks(std::chrono::hours{24 * 7}));
    const uint128 after = uint128{week} * 1'000'000 * n / a_week;
    const auto most = static_cast<uint128>(ticks(never - start));
    return after >= most ? never : start + duration{static_cast<std::int64_t>(after)};
}

}  // namespace ampacity::fleet
