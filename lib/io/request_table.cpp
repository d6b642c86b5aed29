#include "request_table.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/error.hpp>

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

namespace ampacity::io {

namespace {

constexpr std::string_view with_transfer = ",transfer_s\n";

}  // namespace

request_table::request_table(const std::filesystem::path& file, bool with_transfers)
    : file_(file), with_transfers_(with_transfers), ring_(1024) {
    file_.text() += header;
    if (!with_transfers) return;
    file_.text().pop_back();
    file_.text() += with_transfer;
}

bool request_table::is_header(std::string_view line) noexcept {
    const std::string_view start = header.substr(0, header.size() - 1);
    if (!line.starts_with(start)) return false;
    line.remove_prefix(start.size());
    return line.empty() || line == with_transfer.substr(0, with_transfer.size() - 1);
}

void request_table::add(const serving::request_record& r) {
    AMPACITY_ASSERT(r.row >= first_);
    if (r.row - first_ >= ring_.size()) grow(r.row - first_ + 1);
    line& l = ring_[r.row & (ring_.size() - 1)];
    AMPACITY_ASSERT(!l.is_there);
    l = {.arrival = ticks(r.arrival),
         .transfer = ticks(r.transfer),
         .prompt_tokens = r.prompt_tokens,
         .output_tokens = r.output_tokens,
         .preemptions = r.preemptions,
         .replica = r.replica,
         .state = r.state,
         .is_there = true};
    if (const auto first = serving::ttft(r)) l.ttft = ticks(*first);
    if (r.state == serving::request_state::finished) l.finish = ticks(r.end);
    last_ = std::max(last_, r.row + 1);
    for (; first_ != last_; ++first_) {
        line& next = ring_[first_ & (ring_.size() - 1)];
        if (!std::exchange(next.is_there, false)) break;
        write(first_, next);
    }
}

void request_table::grow(std::uint64_t span) {
    std::vector<line> larger(std::bit_ceil(span));
    for (std::uint64_t row = first_; row != last_; ++row)
        larger[row & (larger.size() - 1)] = ring_[row & (ring_.size() - 1)];
    ring_ = std::move(larger);
}

void request_table::write(std::uint64_t row, const line& l) {
    std::string& out = file_.text();
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), row);
    for (const std::int64_t ns : {l.arrival, l.ttft, l.finish}) {
        out += ',';
        if (ns >= 0) append_ns_as_seconds(out, ns);
    }
    fmt::format_to(std::back_inserter(out), FMT_COMPILE(",{},{},{},"), l.prompt_tokens, l.output_tokens, l.preemptions);
    if (l.replica != serving::no_replica) fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), l.replica);
    out += ',';
    out += serving::request_state_names[static_cast<std::size_t>(l.state)];
    if (with_transfers_) {
        out += ',';
        if (l.transfer >= 0) append_ns_as_seconds(out, l.transfer);
    }
    out += '\n';
    file_.row_done();
}

void request_table::commit() {
    for (; first_ != last_; ++first_) {
        const line& next = ring_[first_ & (ring_.size() - 1)];
        if (next.is_there) write(first_, next);
    }
    file_.commit();
}

}  // namespace ampacity::io
