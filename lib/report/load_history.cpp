#include <ampacity/report/load_history.hpp>

#include <algorithm>
#include <string_view>

namespace ampacity::report {

void load_history::on_stop(const sim::job_event& e, sim::run_end how) {
    if (how == sim::run_end::unfinished) return;  // it holds its GPUs up to the end
    change(e.at, sim::waits_again(how) ? 1 : 0, -std::int64_t{e.gpus});
}

void load_history::change(instant at, std::int64_t queued, std::int64_t busy) {
    state_.reach(static_cast<std::uint64_t>(ticks(at)));
    state_.queued += queued;
    state_.busy += busy;
}

void load_history::state::reach(std::uint64_t to) {
    while (to > width * most_bins) {
        for (std::size_t i = 0; i != most_bins / 2; ++i) {
            bins[i] = {bins[2 * i].queued + bins[2 * i + 1].queued, bins[2 * i].busy + bins[2 * i + 1].busy};
        }
        std::fill(bins.begin() + most_bins / 2, bins.end(), bin{});
        width *= 2;
    }
    while (now < to) {
        const std::uint64_t at = now / width;
        const std::uint64_t until = std::min(to, (at + 1) * width);
        bins[at].queued += int128{queued} * (until - now);
        bins[at].busy += int128{busy} * (until - now);
        now = until;
    }
}

std::vector<load_history::part> load_history::parts(std::size_t count, instant end) const {
    state all = state_;
    all.reach(static_cast<std::uint64_t>(ticks(end)));
    const std::uint64_t used = (all.now + all.width - 1) / all.width;
    std::vector<part> out(std::min<std::size_t>(count, used));
    const auto total = static_cast<double>(all.now);
    const auto width = static_cast<double>(all.width);
    for (std::size_t c = 0; c != out.size(); ++c) {
        const double from = total * static_cast<double>(c) / static_cast<double>(out.size());
        const double to = total * static_cast<double>(c + 1) / static_cast<double>(out.size());
        const auto first = static_cast<std::uint64_t>(from / width);
        for (std::uint64_t b = first; b < used && static_cast<double>(b) * width < to; ++b) {
            const double begin = static_cast<double>(b) * width;
            const double length = std::min(width, total - begin);  // the last bin may not be full
            const double share = (std::min(to, begin + length) - std::max(from, begin)) / length;
            if (share <= 0) continue;
            out[c].queued += static_cast<double>(all.bins[b].queued) * share;
            out[c].busy_gpus += static_cast<double>(all.bins[b].busy) * share;
        }
        out[c].queued /= to - from;
        out[c].busy_gpus /= to - from;
    }
    return out;
}

std::string sparkline(std::span<const double> values, double top) {
    static constexpr std::array<std::string_view, 8> blocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    std::string out;
    for (const double v : values) {
        const double height = top > 0 ? std::clamp(v / top, 0.0, 1.0) * 8 : 0;
        out += blocks[std::min<std::size_t>(static_cast<std::size_t>(height), 7)];
    }
    return out;
}

}  // namespace ampacity::report
