#include "timeline.hpp"

#include "analysis.hpp"
#include "page.hpp"

#include <ampacity/report/text.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <map>
#include <queue>
#include <tuple>
#include <utility>

namespace ampacity::report {
namespace {

constexpr std::size_t most_columns = 240;
constexpr double full = 250;
constexpr std::uint64_t most_drawn_gpus = std::uint64_t{1} << 31U;

/// Free numbers, taken from the lowest up, in as many pieces as it takes.
class number_pool {
public:
    explicit number_pool(std::uint64_t size) { free_.emplace(0, size); }

    /// Fewer where not so many are free.
    void take(std::uint64_t count, std::vector<std::pair<std::uint64_t, std::uint64_t>>& to) {
        while (count != 0 && !free_.empty()) {
            const auto at = free_.begin();
            const std::uint64_t n = std::min(count, at->second);
            to.emplace_back(at->first, n);
            if (n < at->second) free_.emplace(at->first + n, at->second - n);
            free_.erase(at);
            count -= n;
        }
    }
    void give(std::uint64_t first, std::uint64_t count) {
        auto next = free_.lower_bound(first);
        if (next != free_.end() && first + count == next->first) {
            count += next->second;
            next = free_.erase(next);
        }
        if (next != free_.begin()) {
            const auto before = std::prev(next);
            if (before->first + before->second == first) {
                before->second += count;
                return;
            }
        }
        free_.emplace(first, count);
    }

private:
    std::map<std::uint64_t, std::uint64_t> free_;
};

std::vector<held> packed(const job_columns& jobs, std::uint64_t gpus, instant end_of_run) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i != jobs.size(); ++i) {
        if (jobs.start[i] != sim::unset && jobs.gpus[i] != 0) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return jobs.start[a] < jobs.start[b]; });
    std::vector<held> out;
    number_pool free{gpus};
    using ending = std::tuple<instant, std::uint64_t, std::uint64_t>;
    std::priority_queue<ending, std::vector<ending>, std::greater<>> ends;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> taken;
    for (const std::size_t job : order) {
        const instant start = jobs.start[job];
        const instant end = jobs.finish[job] == sim::unset ? end_of_run : jobs.finish[job];
        for (; !ends.empty() && std::get<0>(ends.top()) <= start; ends.pop())
            free.give(std::get<1>(ends.top()), std::get<2>(ends.top()));
        taken.clear();
        free.take(jobs.gpus[job], taken);
        for (const auto& [first, count] : taken) {
            out.push_back({.job = job, .start = start, .end = end, .first = first, .gpus = count});
            ends.emplace(end, first, count);
        }
    }
    return out;
}

/// Puts the starts of placement.csv on the GPUs of their nodes.
class placer {
public:
    placer(const run_files& run, instant end_of_run)
        : jobs_(*run.jobs), starts_(*run.placement), end_of_run_(end_of_run), nodes_(run.fleet.node_gpus.size()) {
        std::uint64_t sum = 0;
        for (std::size_t n = 0; n != nodes_.size(); ++n) {
            nodes_[n].first = sum;
            nodes_[n].free = full_mask(run.fleet.node_gpus[n]);
            sum += run.fleet.node_gpus[n];
        }
        plan_ends();
    }

    std::vector<held> run() {
        for (std::size_t i = 0; i != starts_.start.size(); ++i) {
            for (; !ending_.empty() && ending_.top().first <= starts_.start[i]; ending_.pop())
                release(ending_.top().second, ending_.top().first);
            place(i);
        }
        for (std::size_t i = 0; i != runs_.size(); ++i) release(i, runs_[i].latest);
        return std::move(out_);
    }

private:
    struct node {
        std::uint64_t first = 0;           ///< number of its first GPU
        std::uint64_t free = 0;            ///< bit for each GPU
        std::vector<std::size_t> holders;  ///< runs whose end is not certain
    };
    struct run_state {
        instant latest{};      ///< when it ends, at the latest
        bool certain = false;  ///< it ends just then
        bool active = false;
        std::size_t first = 0, last = 0;  ///< its rectangles
        std::vector<std::pair<std::uint32_t, std::uint64_t>> masks;
    };

    static std::uint64_t full_mask(std::uint32_t gpus) {
        return gpus >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << gpus) - 1;
    }

    /// A run ends with its job, or, where there are more runs of it, at the next start at the latest.
    void plan_ends() {
        runs_.resize(starts_.start.size());
        std::map<std::size_t, instant> next;
        std::map<std::size_t, std::uint32_t> count;
        for (const std::size_t job : starts_.job) ++count[job];
        for (std::size_t i = runs_.size(); i-- > 0;) {
            const std::size_t job = starts_.job[i];
            const auto later = next.find(job);
            run_state& r = runs_[i];
            if (later != next.end()) {
                r.latest = later->second;
            } else {
                r.latest = jobs_.finish[job] == sim::unset ? end_of_run_ : jobs_.finish[job];
                r.certain = jobs_.state[job] == sim::outcome::finished || jobs_.runs[job] == 1;
            }
            next[job] = starts_.start[i];
        }
    }

    void release(std::size_t run, instant at) {
        run_state& r = runs_[run];
        if (!r.active) return;
        r.active = false;
        for (std::size_t i = r.first; i != r.last; ++i) out_[i].end = std::min(at, end_of_run_);
        for (const auto& [n, mask] : r.masks) {
            nodes_[n].free |= mask;
            if (!r.certain) std::erase(nodes_[n].holders, run);
        }
        r.masks.clear();
    }

    void place(std::size_t i) {
        run_state& r = runs_[i];
        const instant start = starts_.start[i];
        r.active = true;
        r.first = out_.size();
        for (std::size_t p = i == 0 ? 0 : starts_.ends[i - 1]; p != starts_.ends[i]; ++p) {
            const auto [n, gpus] = starts_.parts[p];
            if (n >= nodes_.size()) continue;
            node& at = nodes_[n];
            while (std::popcount(at.free) < static_cast<int>(gpus) && !at.holders.empty())
                release(at.holders.front(), start);
            std::uint64_t mask = 0;
            for (std::uint32_t g = 0; g != gpus && at.free != 0; ++g) {
                const std::uint64_t lowest = at.free & (~at.free + 1);
                mask |= lowest;
                at.free ^= lowest;
            }
            r.masks.emplace_back(n, mask);
            if (!r.certain) at.holders.push_back(i);
            draw(i, at.first, mask);
        }
        r.last = out_.size();
        if (r.latest > start) {
            ending_.emplace(r.latest, i);
        } else {
            release(i, start);
        }
    }

    /// One rectangle for each stretch of neighbouring GPUs, going on where the last one ended.
    void draw(std::size_t i, std::uint64_t first, std::uint64_t mask) {
        while (mask != 0) {
            const int skip = std::countr_zero(mask);
            const int length = std::countr_one(mask >> static_cast<unsigned>(skip));
            const std::uint64_t begin = first + static_cast<std::uint64_t>(skip);
            const auto count = static_cast<std::uint64_t>(length);
            if (out_.size() > runs_[i].first && out_.back().first + out_.back().gpus == begin) {
                out_.back().gpus += count;
            } else {
                out_.push_back({.job = starts_.job[i],
                                .start = starts_.start[i],
                                .end = starts_.start[i],
                                .first = begin,
                                .gpus = count});
            }
            if (skip + length == 64) return;
            mask &= ~((((std::uint64_t{1} << static_cast<unsigned>(length)) - 1)) << static_cast<unsigned>(skip));
        }
    }

    const job_columns& jobs_;
    const placement_columns& starts_;
    instant end_of_run_;
    std::vector<node> nodes_;
    std::vector<run_state> runs_;
    std::vector<held> out_;
    using ending = std::pair<instant, std::size_t>;
    std::priority_queue<ending, std::vector<ending>, std::greater<>> ending_;
};

/// `count` things of `sizes` GPUs each as bands of neighbours.
template <class Size, class Name>
std::vector<band> grouped_bands(std::size_t count, Size size, Name name) {
    const std::size_t per_band = (count + most_bands - 1) / most_bands;
    std::vector<band> out;
    std::uint64_t first = 0;
    for (std::size_t i = 0; i < count; i += per_band) {
        const std::size_t last = std::min(count, i + per_band) - 1;
        std::uint64_t gpus = 0;
        for (std::size_t k = i; k <= last; ++k) gpus += size(k);
        out.push_back({.name = name(i, last), .first = first, .gpus = gpus});
        first += gpus;
    }
    return out;
}

std::string range_name(std::string_view one, std::string_view many, std::size_t first, std::size_t last) {
    if (first == last) return std::string{one} + ' ' + std::to_string(first);
    return std::string{many} + ' ' + std::to_string(first) + "\u2013" + std::to_string(last);
}

void add_bands(const fleet_shape& fleet, timeline& to) {
    const std::size_t racks = fleet.rack_begin.size();
    if (racks > 1) {
        const auto size = [&](std::size_t r) {
            const std::size_t end = r + 1 == racks ? fleet.node_gpus.size() : fleet.rack_begin[r + 1];
            std::uint64_t sum = 0;
            for (std::size_t n = fleet.rack_begin[r]; n != end; ++n) sum += fleet.node_gpus[n];
            return sum;
        };
        to.bands = grouped_bands(racks, size, [&](std::size_t a, std::size_t b) {
            const std::string& site = fleet.rack_site[a];
            return (site.empty() ? "" : site + ' ') + range_name("rack", "racks", a, b);
        });
        to.unit = racks > most_bands ? "racks" : "rack";
    } else if (!fleet.node_gpus.empty()) {
        const std::size_t nodes = fleet.node_gpus.size();
        to.bands = grouped_bands(
            nodes, [&](std::size_t n) { return std::uint64_t{fleet.node_gpus[n]}; },
            [](std::size_t a, std::size_t b) { return range_name("node", "nodes", a, b); });
        to.unit = nodes > most_bands ? "nodes" : "node";
    } else {
        const std::uint64_t bands = std::min<std::uint64_t>(64, to.gpus);
        for (std::uint64_t b = 0; b != bands; ++b) {
            const std::uint64_t first = to.gpus * b / bands;
            const std::uint64_t next = to.gpus * (b + 1) / bands;
            to.bands.push_back({range_name("GPU", "GPUs", first, next - 1), first, next - first});
        }
        to.unit = "GPUs";
    }
}

/// Share of the time and the GPUs of each cell that is held.
void fill_occupancy(timeline& to) {
    to.columns =
        static_cast<std::size_t>(std::min<std::int64_t>(most_columns, std::max<std::int64_t>(1, ticks(to.length))));
    std::vector<double> sums(to.bands.size() * to.columns);
    const double width = static_cast<double>(ticks(to.length)) / static_cast<double>(to.columns);
    for (const held& h : to.rectangles) {
        const double from = static_cast<double>(ticks(h.start - start_of_time)) / width;
        const double until = static_cast<double>(ticks(h.end - start_of_time)) / width;
        auto b = std::upper_bound(to.bands.begin(), to.bands.end(), h.first,
                                  [](std::uint64_t first, const band& x) { return first < x.first; }) -
                 1;
        for (; b != to.bands.end() && b->first < h.first + h.gpus; ++b) {
            const std::uint64_t low = std::max(h.first, b->first);
            const std::uint64_t high = std::min(h.first + h.gpus, b->first + b->gpus);
            const double gpus = static_cast<double>(high - low) / static_cast<double>(b->gpus);
            double* const row = sums.data() + static_cast<std::size_t>(b - to.bands.begin()) * to.columns;
            for (auto c = static_cast<std::size_t>(from); c < to.columns && static_cast<double>(c) < until; ++c) {
                const auto left = static_cast<double>(c);
                row[c] += gpus * (std::min(until, left + 1) - std::max(from, left));
            }
        }
    }
    to.occupancy.reserve(sums.size());
    for (const double s : sums)
        to.occupancy.push_back(static_cast<std::uint8_t>(std::lround(full * std::clamp(s, 0.0, 1.0))));
}

std::string about_pieces(const run_files& run) {
    if (run.jobs->ran_in_one_piece) return {};
    return " The end of a run that was cut short is not in the files: it is drawn up to when its GPUs are given to "
           "another job, at most to the job's next start.";
}

}  // namespace

timeline timeline_of(const run_files& run) {
    timeline out;
    out.length = run.summary.simulated;
    const auto refuse = [&](std::string why) {
        out.source = std::move(why);
        return out;
    };
    if (!run.jobs) return refuse("A timeline of jobs needs jobs.csv: set output.jobs to true and run again.");
    if (out.length == duration::zero() || run.jobs->size() == 0) return refuse("There is no job to draw.");
    const instant end = start_of_time + out.length;
    for (const std::uint32_t gpus : run.fleet.node_gpus) out.gpus += gpus;
    const bool has_nodes = out.gpus != 0;
    if (!has_nodes) {
        const auto mean = mean_capacity(run.summary);
        if (!mean || *mean < 1) return refuse("A timeline of jobs needs the number of GPUs, which is not known.");
        if (*mean > static_cast<double>(most_drawn_gpus)) return refuse("The fleet is too large to be drawn by GPU.");
        out.gpus = static_cast<std::uint64_t>(std::ceil(*mean));
    }
    if (has_nodes && run.placement) {
        out.rectangles = placer{run, end}.run();
        out.source = "Nodes as in placement.csv; which GPUs of a node a job has is chosen for the picture.";
        out.source += about_pieces(run);
    } else {
        if (!run.jobs->ran_in_one_piece)
            return refuse(
                "Jobs were preempted or restarted, and jobs.csv has only their first start and their end: "
                "set output.placement to true, on a fleet of nodes or racks, and run again.");
        out.rectangles = packed(*run.jobs, out.gpus, end);
        out.source = "Jobs take the lowest free numbers: areas are GPU-time, but a row is no place.";
        if (has_nodes) out.source += " For true nodes set output.placement to true and run again.";
    }
    if (!run.summary.services.empty()) out.source += " GPUs of services are not drawn.";
    if (has_nodes && run.placement) {
        add_bands(run.fleet, out);
    } else {
        add_bands({}, out);
    }
    fill_occupancy(out);
    return out;
}

}  // namespace ampacity::report
