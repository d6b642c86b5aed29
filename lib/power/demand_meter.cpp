#include <ampacity/power/demand_meter.hpp>

#include <algorithm>

namespace ampacity::power {
namespace {

constexpr energy quarter_ns{ticks(demand_meter::quarter)};

}  // namespace

demand_meter::demand_meter(calendar start) : start_(start) {
    const auto into = (start.time_since_epoch() % quarter + quarter) % quarter;
    quarter_end_ = start_of_time + (quarter - into);
    month_end_ = end_of_month(start_of_time);
}

instant demand_meter::end_of_month(instant t) const {
    using namespace std::chrono;
    const year_month_day today{floor<days>(start_ + t.time_since_epoch())};
    const sys_days next{(today.year() / today.month() + months{1}) / 1};
    return start_of_time + (calendar{next} - start_);
}

void demand_meter::draw(instant from, instant to, microwatts power) {
    while (from != to) {
        if (from == month_end_) {
            peaks_.push_back(0);
            month_end_ = end_of_month(from);
        }
        const instant end = std::min(to, quarter_end_);
        drawn_ += energy{power} * ticks(end - from);
        from = end;
        if (from != quarter_end_) return;
        peaks_.back() = std::max(peaks_.back(), drawn_);
        drawn_ = 0;
        quarter_end_ += quarter;
        // Whole quarters of this power are all alike.
        const auto whole = (std::min(to, month_end_) - from) / quarter;
        if (whole == 0) continue;
        peaks_.back() = std::max(peaks_.back(), energy{power} * quarter_ns);
        from += whole * quarter;
        quarter_end_ += whole * quarter;
    }
}

std::vector<double> demand_meter::peaks_w() const {
    std::vector<double> out;
    for (const energy e : peaks_) out.push_back(static_cast<double>(e) / static_cast<double>(quarter_ns) * 1e-6);
    out.back() = std::max(out.back(), static_cast<double>(drawn_) / static_cast<double>(quarter_ns) * 1e-6);
    return out;
}

}  // namespace ampacity::power
