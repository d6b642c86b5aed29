#include <ampacity/core/error.hpp>
#include <ampacity/io/trace_cache.hpp>

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

namespace ampacity::io {
namespace {

/// A trace that has been read to its end.
struct parsed_trace {
    std::unique_ptr<trace_source> file;  ///< keeps the texts and ties
    std::vector<workload::job_request> jobs;
    std::uint64_t digest = 0;
};

/// The jobs of a parsed trace from the first on.
class shared_source final : public trace_source {
public:
    shared_source(std::shared_ptr<const parsed_trace> trace, std::uint16_t source)
        : trace_{std::move(trace)}, source_{source} {}

    std::size_t next(std::span<workload::job_request> out) override {
        const std::size_t n = std::min(out.size(), trace_->jobs.size() - at_);
        for (std::size_t i = 0; i != n; ++i) {
            out[i] = trace_->jobs[at_++];
            out[i].source = source_;
        }
        return n;
    }
    [[nodiscard]] std::optional<double> progress() const override {
        return trace_->jobs.empty() ? 1.0 : static_cast<double>(at_) / static_cast<double>(trace_->jobs.size());
    }
    [[nodiscard]] std::vector<workload::skipped_records> skipped(instant through) const override {
        return trace_->file->skipped(through);
    }
    [[nodiscard]] std::string_view text(std::int64_t index) const override { return trace_->file->text(index); }
    [[nodiscard]] const std::string& path() const override { return trace_->file->path(); }
    [[nodiscard]] trace_header header() const override { return trace_->file->header(); }
    [[nodiscard]] bool records_endings() const override { return trace_->file->records_endings(); }
    [[nodiscard]] bool records_links() const override { return trace_->file->records_links(); }
    [[nodiscard]] duration time_zero() const override { return trace_->file->time_zero(); }
    std::uint64_t finish_digest() override {
        at_ = trace_->jobs.size();
        return trace_->digest;
    }

private:
    std::shared_ptr<const parsed_trace> trace_;
    std::uint16_t source_;
    std::size_t at_ = 0;
};

/// All that the rows depend on, but for the entry of the workload.
std::string key_of(const job_trace_options& o) {
    std::string key = o.path.string() + '\n' + o.format + '\n' + std::to_string(ticks(o.reorder)) + '\n' +
                      std::to_string(static_cast<int>(o.align)) + '\n' + (o.dependencies ? "d" : "-") +
                      (o.models ? "m" : "-") + (o.reservations ? "r" : "-");
    if (o.align == scenario::alignment::absolute) key += '\n' + std::to_string(o.unix_start_ns);
    if (o.reservations) {
        for (const std::string& name : *o.reservations) key += '\n' + name;
    }
    return key;
}

}  // namespace

struct trace_cache::entry {
    std::once_flag once;
    std::shared_ptr<const parsed_trace> parsed;  ///< null: each run reads the file
};

trace_cache::trace_cache(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}
trace_cache::~trace_cache() = default;

void trace_cache::parse(entry& e, const job_trace_options& options) {
    auto trace = std::make_shared<parsed_trace>();
    constexpr std::uint64_t row_bytes = sizeof(workload::job_request);
    std::uint64_t room = 0;
    {
        const std::lock_guard lock{mutex_};
        room = max_bytes_ - std::min(bytes_, max_bytes_);
    }
    try {
        trace->file = open_job_trace(options);
        std::array<workload::job_request, 256> batch;
        while (const std::size_t n = trace->file->next(batch)) {
            if ((trace->jobs.size() + n) * row_bytes > room) return;
            trace->jobs.insert(trace->jobs.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(n));
        }
        trace->digest = trace->file->finish_digest();
    } catch (const input_error&) {
        return;  // it comes again to whoever reads that far
    }
    trace->jobs.shrink_to_fit();
    const std::lock_guard lock{mutex_};
    if (bytes_ + trace->jobs.size() * row_bytes > max_bytes_) return;  // another one came first
    bytes_ += trace->jobs.size() * row_bytes;
    ++parsed_;
    e.parsed = std::move(trace);
}

std::unique_ptr<trace_source> trace_cache::open(const job_trace_options& options) {
    if (options.observer != nullptr) return open_job_trace(options);
    std::shared_ptr<entry> e;
    {
        const std::lock_guard lock{mutex_};
        auto& known = entries_[key_of(options)];
        if (known == nullptr) known = std::make_shared<entry>();
        e = known;
    }
    std::call_once(e->once, [&] { parse(*e, options); });
    if (e->parsed == nullptr) return open_job_trace(options);
    return std::make_unique<shared_source>(e->parsed, options.source);
}

std::uint64_t trace_cache::bytes() const {
    const std::lock_guard lock{mutex_};
    return bytes_;
}

std::uint64_t trace_cache::parsed() const {
    const std::lock_guard lock{mutex_};
    return parsed_;
}

}  // namespace ampacity::io
