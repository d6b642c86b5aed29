#include "progress.hpp"

#include <ampacity/experiment/trial.hpp>

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace ampacity::cli {

std::string clock_text(double seconds) {
    const auto s = static_cast<long>(seconds + 0.5);
    if (s < 60) return fmt::format("{} s", s);
    if (s < 3600) return fmt::format("{}:{:02} min", s / 60, s % 60);
    return fmt::format("{}:{:02} h", s / 3600, s / 60 % 60);
}

progress_line::progress_line(std::optional<bool> wanted, std::optional<duration> until)
    : shown_(wanted.value_or(isatty(STDERR_FILENO) != 0)), until_(until) {}

progress_line::~progress_line() {
    if (drawn_) fmt::print(stderr, "\r\033[K");
}

void progress_line::update(const sim::simulation& s) {
    if (!shown_ || clock::now() < next_) return;
    next_ = clock::now() + std::chrono::milliseconds{250};
    drawn_ = true;
    const double wall = std::chrono::duration<double>(clock::now() - begun_).count();
    const double share = experiment::share_done(s, until_);
    const std::string eta = share > 0.001 ? clock_text(wall * (1 - share) / share) : "-";
    fmt::print(stderr, "\r{:5.1f} %  day {:.1f}  {} waiting  {:.2f} M events/s  ETA {}\033[K", 100 * share,
               to_seconds(s.now()) / 86400, s.waiting(), static_cast<double>(s.events_processed()) / wall / 1e6, eta);
    std::fflush(stderr);
}

}  // namespace ampacity::cli
