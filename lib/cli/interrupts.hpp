#pragma once
/// \file
/// Ctrl-C and SIGTERM. Not thread-safe: one command per process.

namespace ampacity::cli {

/// From now on the first of them only makes `interrupted` true. The second Ctrl-C ends the program at once with status
/// 4; `timeout` may send SIGTERM twice in a row, so that a second one of these says nothing new.
void catch_interrupts();

[[nodiscard]] bool interrupted() noexcept;

}  // namespace ampacity::cli
