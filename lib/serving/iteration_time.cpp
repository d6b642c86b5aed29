#include <ampacity/serving/iteration_time.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace ampacity::serving {
namespace {

int128 power_of_ten(int exponent) noexcept {
    int128 power = 1;
    for (; exponent != 0; --exponent) power *= 10;
    return power;
}

/// 2^32 of them have 126 bits [units].
constexpr double longest_step = 0x1p94;

[[noreturn]] void refuse(std::string key, std::string what, std::string value, std::string remedy) {
    throw scenario_error({{}, std::move(key), std::move(what), std::move(value), std::move(remedy)});
}

struct named_time {
    const char* name;
    const exact_time& time;
};

std::array<named_time, 4> coefficients(const linear_step& s) {
    return {{{"base", s.base},
             {"per_token", s.per_token},
             {"per_kv_token", s.per_kv_token},
             {"per_prefill_attention", s.per_prefill_attention}}};
}

}  // namespace

std::int64_t slowdown_at(double pace) noexcept {
    AMPACITY_ASSERT(pace > 0 && pace <= 1);
    return static_cast<std::int64_t>(std::min(std::ceil(static_cast<double>(full_speed) / pace), 1e12));
}

iteration_time::iteration_time(std::span<const linear_step> pieces, step_table table)
    : table_(std::make_shared<const step_table>(std::move(table))) {
    if (pieces.empty() || pieces.size() > max_pieces)
        refuse("step", "wrong number of pieces", std::to_string(pieces.size()), "give 1 to 16");
    int scale = table_->empty() ? 0 : step_table::scale;
    for (const linear_step& s : pieces) {
        for (const auto& [name, time] : coefficients(s)) {
            if (time.mantissa < 0) refuse(std::string{"step."} + name, "negative", {}, "give 0 or more");
            if (time.scale < 0 || time.scale > max_time_scale)
                refuse(std::string{"step."} + name, "too many decimals", std::to_string(time.scale),
                       "give at most 18 decimals of a nanosecond");
            scale = std::max(scale, time.scale);
        }
    }
    units_per_ns_ = static_cast<std::int64_t>(power_of_ten(scale));
    if (!table_->empty()) units_per_entry_ = static_cast<std::int64_t>(power_of_ten(scale - step_table::scale));
    const auto units = [scale](const exact_time& t) { return t.mantissa * power_of_ten(scale - t.scale); };
    for (const linear_step& s : pieces)
        pieces_.push_back({units(s.base), units(s.per_token), units(s.per_kv_token), units(s.per_prefill_attention)});
    find_whether_ends_differ();
}

void iteration_time::find_whether_ends_differ() noexcept {
    // After x.5 ns, rounded up, a step of 1 ns would end at the same instant, rounded down.
    const time_units distinct = units_per_ns_ == 1 ? 1 : units_per_ns_ + time_units{1};
    const time_units least = table_->empty() ? 0 : table_->least() * units_per_entry_;
    ends_differ_ =
        std::any_of(pieces_.begin(), pieces_.end(), [&](const piece& p) { return least + p.base >= distinct; });
}

void iteration_time::speculate(const speculation_options& o) {
    if (drafts_ != 0) return;
    if (o.draft.mantissa < 0) refuse("speculation.draft", "negative", {}, "give 0 or more");
    int128 finer = parts_per_token;
    while (units_per_ns_ * finer < power_of_ten(o.draft.scale) * parts_per_token) finer *= 10;
    if (units_per_ns_ * finer > power_of_ten(max_time_scale))
        refuse("speculation", "times have too many decimals for parts of tokens", {},
               "give at most " + std::to_string(max_time_scale - 3) + " decimals of a nanosecond");
    for (piece& p : pieces_) {
        p.base *= finer;
        p.per_token *= finer;
        p.per_kv_token *= finer / parts_per_token;
        p.per_prefill_attention *= finer;
    }
    units_per_ns_ *= static_cast<std::int64_t>(finer);
    units_per_entry_ *= static_cast<std::int64_t>(finer);
    drafts_ = o.drafts;
    growth_ = o.gain;
    draft_ = o.draft.mantissa * (units_per_ns_ / power_of_ten(o.draft.scale));
    find_whether_ends_differ();
}

iteration_time iteration_time::slowed(std::int64_t millionths) const {
    AMPACITY_ASSERT(millionths >= full_speed && slowdown_ == full_speed);
    std::int64_t times = millionths, finer = full_speed;
    for (; times % 10 == 0 && finer != 1; finer /= 10) times /= 10;
    const auto refuse_this = [&](const char* what) {
        refuse("step", what, std::to_string(millionths) + " / 1000000 of its time", "give times of fewer decimals");
    };
    if (units_per_ns_ > power_of_ten(max_time_scale) / finer)
        refuse_this("times have too many decimals for a step that is slowed down");
    iteration_time out = *this;
    const auto slow = [&](time_units& t) {
        if (static_cast<double>(t) * static_cast<double>(times) >= longest_step)
            refuse_this("a step that is slowed down could be too long to be summed exactly");
        t *= times;
    };
    for (piece& p : out.pieces_) {
        for (time_units* const t : {&p.base, &p.per_token, &p.per_kv_token, &p.per_prefill_attention}) slow(*t);
    }
    slow(out.draft_);
    slow(out.units_per_entry_);
    out.units_per_ns_ *= finer;
    out.slowdown_ = millionths;
    out.find_whether_ends_differ();
    return out;
}

time_units iteration_time::operator()(const batch& b) const noexcept {
    time_units longest = 0;
    for (const piece& p : pieces_) {
        longest = std::max(longest, p.base + p.per_token * b.tokens + p.per_kv_token * b.kv_tokens +
                                        p.per_prefill_attention * b.prefill_attention);
    }
    return longest + of_table(b.decodes, b.tokens - b.decodes) + (b.drafts ? draft_ : 0);
}

std::int64_t iteration_time::round_to_ns(time_units t) const noexcept {
    if (units_per_ns_ == 1) return static_cast<std::int64_t>(t);
    const auto u = static_cast<std::uint64_t>(units_per_ns_);
    std::uint64_t whole = 0;
    std::uint64_t rest = 0;
    if (t >> 64 == 0) {
        const auto small = static_cast<std::uint64_t>(t);
        whole = small / u;
        rest = small % u;
    } else {
        const auto large = static_cast<uint128>(t);
        whole = static_cast<std::uint64_t>(large / u);
        rest = static_cast<std::uint64_t>(large - static_cast<uint128>(whole) * u);
    }
    const std::uint64_t half = u / 2;  // exact: u is a power of ten from 10 up
    return static_cast<std::int64_t>(whole + (rest > half || (rest == half && whole % 2 == 1) ? 1 : 0));
}

time_units iteration_time::first_rounded_to(std::int64_t ns) const noexcept {
    const time_units exact = static_cast<time_units>(ns) * units_per_ns_;
    if (units_per_ns_ == 1 || ns == 0) return exact;
    // The tie below an even number rounds up to it, that below an odd one does not.
    return exact - units_per_ns_ / 2 + ns % 2;
}

void iteration_time::check_range(std::int64_t tokens, std::int64_t kv_tokens, double prefill_attention,
                                 std::int64_t decodes) const {
    auto largest = static_cast<double>(draft_);
    if (!table_->empty()) {
        largest += static_cast<double>(table_->largest()) * static_cast<double>(units_per_entry_);
        const auto reaches = [](const char* key, std::int64_t has, std::int64_t wanted) {
            if (has < wanted)
                refuse("table", std::string{"ends before `"} + key + '`', std::to_string(has),
                       "give it rows to " + std::to_string(wanted));
        };
        reaches("max_seqs", table_->max_decodes(), std::min(decodes, tokens));
        reaches("max_batched_tokens", table_->max_prefill_tokens(), tokens);
    }
    for (const piece& p : pieces_) {
        const double longest = largest + static_cast<double>(p.base) +
                               static_cast<double>(p.per_token) * static_cast<double>(tokens) +
                               static_cast<double>(p.per_kv_token) * static_cast<double>(kv_tokens) +
                               static_cast<double>(p.per_prefill_attention) * prefill_attention;
        if (longest < longest_step) continue;
        refuse("step", "a step could be too long to be summed exactly",
               std::to_string(longest / static_cast<double>(units_per_ns_) * 1e-9) + " s",
               "give fewer decimals, smaller coefficients or a smaller kv_capacity_tokens");
    }
}

time_units decode_run::segment::total(std::int64_t n) const noexcept {
    const int128 pairs = static_cast<int128>(n) * (n - 1) / 2;
    return first * n + slope * pairs;
}

std::int64_t decode_run::segment::first_reaching(time_units wanted) const noexcept {
    // The quadratic solved in doubles is within a step or two of the answer; the exact sums decide.
    const auto a = static_cast<double>(first) - 0.5 * static_cast<double>(slope);
    const auto b = static_cast<double>(slope);
    const auto y = static_cast<double>(wanted);
    const double divisor = a + std::sqrt(std::max(0.0, a * a + 2 * b * y));
    const double estimate = divisor > 0 ? std::ceil(2 * y / divisor) : 1.0;
    auto n = static_cast<std::int64_t>(std::clamp(estimate, 1.0, static_cast<double>(steps)));
    while (n < steps && total(n) < wanted) ++n;
    while (n > 1 && total(n - 1) >= wanted) --n;
    return n;
}

decode_run::segment decode_run::next_segment(std::int64_t done, std::int64_t limit) const noexcept {
    const std::int64_t growth = decodes_ * time_->growth_;
    const std::int64_t tokens = decodes_ * (1 + time_->drafts_);
    const std::int64_t kv = kv_tokens_ + done * growth;
    const auto at = [&](const iteration_time::piece& p) { return p.base + p.per_token * tokens + p.per_kv_token * kv; };
    const iteration_time::piece* active = nullptr;
    segment s{.first = -1, .slope = 0, .steps = limit};
    for (const iteration_time::piece& p : time_->pieces_) {
        const time_units first = at(p);
        const time_units slope = p.per_kv_token * growth;
        if (first > s.first || (first == s.first && slope > s.slope)) {
            active = &p;
            s.first = first;
            s.slope = slope;
        }
    }
    for (const iteration_time::piece& p : time_->pieces_) {
        const time_units slope = p.per_kv_token * growth;
        if (&p == active || slope <= s.slope) continue;
        const time_units steps = (s.first - at(p)) / (slope - s.slope) + 1;
        if (steps < s.steps) s.steps = static_cast<std::int64_t>(steps);
    }
    s.first += fixed_;
    return s;
}

time_units decode_run::total(std::int64_t steps) const noexcept {
    time_units sum = 0;
    for (std::int64_t done = 0; done < steps;) {
        const segment s = next_segment(done, steps - done);
        sum += s.total(s.steps);
        done += s.steps;
    }
    return sum;
}

std::int64_t decode_run::first_reaching(time_units wanted, std::int64_t limit) const noexcept {
    time_units sum = 0;
    for (std::int64_t done = 0; done < limit;) {
        const segment s = next_segment(done, limit - done);
        const time_units whole = s.total(s.steps);
        if (sum + whole >= wanted) return done + s.first_reaching(wanted - sum);
        sum += whole;
        done += s.steps;
    }
    return limit;
}

}  // namespace ampacity::serving
