#include "progress.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace ampacity::cli {
namespace {

std::string clock_text(double seconds) {
    const auto s = static_cast<long>(seconds + 0.5);
    if (s < 60) return fmt::format("{} s", s);
    if (s < 3600) return fmt::format("{}:{:02} min", s / 60, s % 60);
    return fmt::format("{}:{:02} h", s / 3600, s / 60 % 60);
}

}  // namespace

progress_line::progress_line(std::optional<bool> wanted, std::optional<duration> until)
    : shown_(wanted.value_or(isatty(STDERR_FILENO) != 0)), until_(until) {}

progress_line::~progress_line() {
    if (drawn_) fmt::print(stderr, "\r\033[K");
}

double progress_line::share_done(const sim::simulation& s) const {
    double sources = 0;
    for (std::size_t i = 0; i != s.num_sources(); ++i)
        sources += s.source(i).progress().value_or(0) / static_cast<double>(s.num_sources());
    // Of the jobs that will come, those that have left: a queue that has grown is still to be worked off.
    if (s.arrived() != 0) sources *= static_cast<double>(s.departed()) / static_cast<double>(s.arrived());
    const double time = until_ && until_->count() > 0 ? to_seconds(s.now()) / to_seconds(*until_) : 0;
    return std::clamp(std::max(sources, time), 0.0, 1.0);
}

void progress_line::update(const sim::simulation& s) {
    if (!shown_ || clock::now() < next_) return;
    next_ = clock::now() + std::chrono::milliseconds{250};
    drawn_ = true;
    const double wall = std::chrono::duration<double>(clock::now() - begun_).count();
    const double share = share_done(s);
    const std::string eta = share > 0.001 ? clock_text(wall * (1 - share) / share) : "-";
    fmt::print(stderr, "\r{:5.1f} %  day {:.1f}  {} waiting  {:.2f} M events/s  ETA {}\033[K", 100 * share,
               to_seconds(s.now()) / 86400, s.waiting(), static_cast<double>(s.events_processed()) / wall / 1e6, eta);
    std::fflush(stderr);
}

}  // namespace ampacity::cli
