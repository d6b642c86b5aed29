#include "ordered_trace.hpp"

#include "file_damage.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace ampacity::io {

std::string_view fault_of(decimal_status status) noexcept {
    switch (status) {
        case decimal_status::ok: break;
        case decimal_status::empty: return "value missing";
        case decimal_status::malformed: return "not a number";
        case decimal_status::not_finite: return "not a finite number";
        case decimal_status::overflow: return "too large";
        case decimal_status::negative: return "negative";
        case decimal_status::fractional: return "not a whole number";
    }
    return {};
}

std::optional<std::int64_t> plain_number(std::string_view text) noexcept {
    const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
    if (digits.empty() || (digits.front() == '0' && text.size() != 1)) return std::nullopt;
    std::int64_t number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

void set_name(workload::job_request& job, std::string_view text, name_table& names) {
    if (const auto number = plain_number(text)) {
        job.name = *number;
        return;
    }
    job.name = names.add(text);
    job.name_is_text = true;
}

ordered_trace::ordered_trace(const job_trace_options& options, time_origin origin, std::span<const skip_reason> skips)
    : skips_(skips),
      observer_(options.observer),
      reorder_(options.reorder),
      origin_(origin),
      source_(options.source),
      origin_known_(origin == time_origin::scenario_start) {
    if (origin_known_) earliest_ = settled_ = start_of_time;
}

std::size_t ordered_trace::next(std::span<workload::job_request> out) {
    return blame_damage(path(), [&] { return next_jobs(out); });
}

std::size_t ordered_trace::next_jobs(std::span<workload::job_request> out) {
    std::size_t n = 0;
    while (n < out.size()) {
        while (!ended_ && (window_.empty() || window_.front().submit > settled_)) ended_ = !take_record();
        if (window_.empty()) break;
        out[n] = window_.front();
        window_.pop();
        // Whatever comes first out of the window is the first submit of all.
        origin_known_ = true;
        if (origin_ == time_origin::first_submit) out[n].submit -= earliest_.time_since_epoch();
        ++n;
    }
    return n;
}

bool ordered_trace::take_record() {
    workload::job_request job;
    job.row = num_rows_;
    job.source = source_;
    record_facts facts;
    if (!read_record(job, facts)) return false;
    ++num_rows_;
    if (job.submit < latest_ && latest_ - job.submit > reorder_) {
        fail_submit(
            "steps back by " + format_ns_as_seconds(ticks(latest_ - job.submit)) + " s, more than `reorder` allows",
            "sort the rows, or set `reorder` above " + format_ns_as_seconds(ticks(reorder_)) + " s");
    }
    if (!origin_known_) earliest_ = std::min(earliest_, job.submit);
    if (job.submit - earliest_ > longest_input)
        fail_submit("more than 200 years after time 0", "check the dates of this row and of the first");
    latest_ = std::max(latest_, job.submit);
    settled_ = std::max(settled_, latest_ - reorder_);  // no overflow: no instant here is below 0
    window_.push(job);
    if (observer_ != nullptr) observer_->on_record(job, facts);
    return true;
}

std::vector<workload::skipped_records> ordered_trace::skipped(instant through) const {
    const instant last = origin_ == time_origin::first_submit ? add_saturating(through, time_zero()) : through;
    std::vector<workload::skipped_records> out;
    for (std::size_t reason = 0; reason < skips_.size(); ++reason) {
        const auto count = std::count_if(skipped_.begin(), skipped_.end(), [&](const skipped_record& r) {
            return r.reason == reason && r.submit <= last;
        });
        if (count != 0) out.push_back({skips_[reason].name, static_cast<std::uint64_t>(count)});
    }
    return out;
}

std::optional<double> ordered_trace::progress() const {
    const input_stream& in = stream();
    if (in.file_bytes() == 0) return std::nullopt;
    return std::min(1.0, static_cast<double>(in.bytes_consumed()) / static_cast<double>(in.file_bytes()));
}

std::uint64_t ordered_trace::finish_digest() {
    ended_ = true;
    window_ = {};
    return stream().finish_digest();
}

}  // namespace ampacity::io
