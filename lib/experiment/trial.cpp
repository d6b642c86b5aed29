#include <ampacity/core/error.hpp>
#include <ampacity/core/statistics.hpp>
#include <ampacity/experiment/trial.hpp>
#include <ampacity/io/prepare.hpp>
#include <ampacity/io/run_files.hpp>
#include <ampacity/io/xxh64.hpp>
#include <ampacity/scenario/build.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <fstream>
#include <numeric>
#include <thread>

namespace ampacity::experiment {
namespace {

using steady = std::chrono::steady_clock;

constexpr std::size_t kept_variants = 4096;     ///< beyond them each trial reads its variant anew
constexpr std::uint64_t events_at_a_time = 64;  ///< between two looks at whether to stop

double seconds_since(steady::time_point begin) { return std::chrono::duration<double>(steady::now() - begin).count(); }

/// Calls `f`; a fault of the scenario that was found without its file gets its place there.
template <class F>
decltype(auto) with_places(const io::loaded_scenario& loaded, F f) {
    try {
        return f();
    } catch (const scenario_error& e) {
        if (!e.details().where.file.empty() || e.details().key.empty()) throw;
        diagnostic d = e.details();
        d.where = loaded.locate(d.key);
        throw scenario_error(std::move(d));
    }
}

std::string digest_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return "unreadable";
    io::xxh64 hash;
    std::vector<char> block(std::size_t{1} << 18U);
    while (in.read(block.data(), static_cast<std::streamsize>(block.size())), in.gcount() > 0)
        hash.update({block.data(), static_cast<std::size_t>(in.gcount())});
    return in.bad() ? "unreadable" : io::digest_text(hash.digest());
}

/// Does the sweep ask for a number of this name, or one below it?
bool wants(const std::vector<std::string>& metrics, std::string_view name) {
    return metrics.empty() || std::any_of(metrics.begin(), metrics.end(), [&](const std::string& m) {
               return m == name || (m.starts_with(name) && m[name.size()] == '.');
           });
}

/// Counts by exponent and two bits of the mantissa; 0 has a bin of its own.
class binner {
public:
    void add(double value) { ++counts_[order_key(value) >> shift]; }
    [[nodiscard]] histogram take(const char* name) const {
        histogram out{.name = name};
        for (std::uint64_t bin = 0; bin != counts_.size(); ++bin) {
            if (counts_[bin] != 0)
                out.bins.push_back({bin == 0 ? 0.0 : from_order_key((bin + 1) << shift), counts_[bin]});
        }
        return out;
    }

private:
    static constexpr unsigned shift = 50;
    std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(std::size_t{1} << (63 - shift));
};

/// By submission; equal ones in the order of sources and rows.
std::vector<steady_job> finished_jobs(std::span<const sim::source_records> sources) {
    std::vector<steady_job> out;
    for (const sim::source_records& of : sources) {
        for (std::size_t row = 0; row != of.jobs.size(); ++row) {
            const sim::job_record& r = of.jobs[row];
            if (r.state != sim::outcome::finished) continue;
            out.push_back({.submit = r.submit,
                           .jct_s = to_seconds(r.finish - r.submit),
                           .wait_s = to_seconds(r.first_start - r.submit),
                           .bounded_slowdown = sim::bounded_slowdown(of, row)});
        }
    }
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.submit < b.submit; });
    return out;
}

}  // namespace

std::vector<histogram> histograms_of(std::span<const sim::source_records> sources) {
    binner jct, wait, slowdown;
    bool any = false;
    for (const sim::source_records& of : sources) {
        for (std::size_t row = 0; row != of.jobs.size(); ++row) {
            const sim::job_record& r = of.jobs[row];
            if (r.state != sim::outcome::finished) continue;
            any = true;
            jct.add(to_seconds(r.finish - r.submit));
            wait.add(to_seconds(r.first_start - r.submit));
            slowdown.add(sim::bounded_slowdown(of, row));
        }
    }
    if (!any) return {};
    std::vector<histogram> out;
    out.push_back(jct.take("jct_s"));
    out.push_back(wait.take("wait_s"));
    out.push_back(slowdown.take("bounded_slowdown"));
    return out;
}

trial_runner::trial_runner(const sweep& of, const io::plugins* more, std::uint64_t max_trace_bytes)
    : sweep_(of), more_(more), inputs_(max_trace_bytes), loaded_(std::min(of.variants.size(), kept_variants)) {}

trial_runner::~trial_runner() = default;

io::loaded_scenario trial_runner::load(const trial& which) const {
    const std::uint64_t seed = seed_of(sweep_.described.seed, which.replication);
    if (which.variant >= loaded_.size() || loaded_[which.variant] == nullptr) {
        auto loaded = sweep_.load(which.variant, seed);
        scenario::validate(loaded.value, [&loaded](std::string_view key) { return loaded.locate(key); }, more_);
        return loaded;
    }
    io::loaded_scenario loaded = *loaded_[which.variant];
    loaded.value.seed = seed;
    return loaded;
}

void trial_runner::read_variant(std::size_t i, std::vector<input_digest>& inputs) {
    auto loaded = std::make_shared<const io::loaded_scenario>(load({i, 0}));
    std::vector<io::model_file> models = loaded->models;
    try {
        io::add_files(models, with_places(*loaded, [&] { return io::prepare(*loaded, more_, &inputs_); }).models);
    } catch (const data_error&) {
        // The trials will say so.
    }
    const std::lock_guard lock{mutex_};
    const auto is_new = [&](const std::string& path) {
        return std::none_of(inputs.begin(), inputs.end(), [&](const auto& known) { return known.path == path; });
    };
    for (const io::model_file& m : models) {
        if (is_new(m.path)) inputs.push_back({m.path, io::digest_text(m.digest)});
    }
    for (const auto& entry : loaded->value.workload) {
        const std::string* const trace = entry.trace                                ? &entry.trace->path
                                         : entry.service && entry.service->requests ? &entry.service->requests->path
                                                                                    : nullptr;
        if (trace == nullptr) continue;
        const auto path = loaded->resolve(*trace);
        if (is_new(path.string())) inputs.push_back({path.string(), digest_of(path)});
    }
    if (i < loaded_.size()) loaded_[i] = std::move(loaded);
}

std::vector<input_digest> trial_runner::check(unsigned threads) {
    std::vector<std::size_t> all(sweep_.variants.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    return check(threads, all);
}

std::vector<input_digest> trial_runner::check(unsigned threads, std::span<const std::size_t> variants) {
    std::vector<input_digest> inputs;
    // Plug-ins are for one thread at a time.
    for_each_index(more_ != nullptr ? 1 : threads, variants.size(),
                   [&](std::size_t i) { read_variant(variants[i], inputs); });
    std::sort(inputs.begin(), inputs.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return inputs;
}

trial_result trial_runner::run(const trial& which, const std::atomic<bool>& stop) const {
    const auto begin = steady::now();
    trial_result out{.which = which, .seed = seed_of(sweep_.described.seed, which.replication)};
    const auto fail = [&](const char* what) {
        out.status = trial_status::failed;
        out.error = what;
    };
    try {
        const auto loaded = load(which);
        with_places(loaded, [&] {
            auto prepared = io::prepare(loaded, more_, &inputs_);
            sim::simulation s(std::move(prepared.parts));
            while (s.run_rounds(events_at_a_time) == sim::status::paused) {
                if (!stop.load(std::memory_order_relaxed)) continue;
                out.status = trial_status::stopped;
                return;
            }
            const auto skipped = io::skipped_in(s, loaded.value, false);
            const auto& chosen = sweep_.described.metrics;
            const auto keep = [&](std::pair<std::string, double> number) {
                if (chosen.empty() || std::find(chosen.begin(), chosen.end(), number.first) != chosen.end())
                    out.metrics.push_back(std::move(number));
            };
            for (auto& number : io::summary_numbers(loaded.value, s.results(), skipped)) keep(std::move(number));
            std::vector<sim::source_records> records;
            for (std::size_t i = 0; i != s.num_sources(); ++i) records.push_back(s.all_records(i));
            out.histograms = histograms_of(records);
            if (sweep_.described.warm_up) {
                for (auto& number : steady_means(finished_jobs(records), *sweep_.described.warm_up))
                    keep(std::move(number));
            }
            std::erase_if(out.histograms, [&](const histogram& h) { return !wants(chosen, h.name); });
        });
    } catch (const std::bad_alloc&) {
        fail("out of memory");
    } catch (const std::exception& e) {
        fail(e.what());
    }
    out.wall_s = seconds_since(begin);
    return out;
}

std::optional<double> trial_runner::time_of(const trial& which, double limit_s) const {
    const auto begin = steady::now();
    try {
        const auto loaded = load(which);
        auto prepared = io::prepare(loaded, more_, &inputs_);
        sim::simulation s(std::move(prepared.parts));
        const double before = seconds_since(begin);
        while (s.run_rounds(events_at_a_time) == sim::status::paused) {
            const double wall = seconds_since(begin);
            if (wall < limit_s) continue;
            const double share = share_done(s, loaded.value.until);
            if (share < 1e-6) return std::nullopt;
            return before + (wall - before) / share;
        }
        return seconds_since(begin);
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

double share_done(const sim::simulation& s, std::optional<duration> until) {
    double sources = 0;
    for (std::size_t i = 0; i != s.num_sources(); ++i)
        sources += s.source(i).progress().value_or(0) / static_cast<double>(s.num_sources());
    // Of the jobs that will come, those that have left: a queue that has grown is still to be worked off.
    if (s.arrived() != 0) sources *= static_cast<double>(s.departed()) / static_cast<double>(s.arrived());
    // A service is as far as its requests are.
    double requests = 1;
    for (std::size_t i = 0; i != s.num_services(); ++i)
        requests = std::min(requests, s.service_progress(i).value_or(0));
    if (s.num_services() != 0) sources = s.arrived() == 0 ? requests : std::min(sources, requests);
    const double time = until && until->count() > 0 ? to_seconds(s.now()) / to_seconds(*until) : 0;
    return std::clamp(std::max(sources, time), 0.0, 1.0);
}

void for_each_index(unsigned threads, std::size_t n, const std::function<void(std::size_t)>& f) {
    AMPACITY_ASSERT(threads >= 1);
    std::atomic<std::size_t> next{0};
    std::exception_ptr first;
    std::size_t first_at = n;
    std::mutex of_first;
    const auto work = [&] {
        for (std::size_t i = next++; i < n; i = next++) {
            try {
                f(i);
            } catch (...) {
                const std::lock_guard lock{of_first};
                if (i < first_at) {
                    first = std::current_exception();
                    first_at = i;
                }
                next = n;
            }
        }
    };
    {
        std::vector<std::jthread> helpers;
        for (unsigned t = 1; t < threads && t < n; ++t) helpers.emplace_back(work);
        work();
    }
    if (first != nullptr) std::rethrow_exception(first);
}

}  // namespace ampacity::experiment
