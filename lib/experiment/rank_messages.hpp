#pragma once
/// \file
/// What ranks say to each other, as bytes. Ranks are one program on machines of one byte order.

#include <ampacity/experiment/trial.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ampacity::experiment {

/// The first byte of a message.
enum class rank_word : char {
    run = 'r',        ///< from rank 0: trials
    stop = 's',       ///< from rank 0: drop all of them, and say `idle`
    leave = 'l',      ///< from rank 0: there is no more
    ready = 'y',      ///< to rank 0: fingerprint and threads
    unfit = 'u',      ///< to rank 0: why there are none
    result = 't',     ///< to rank 0
    idle = 'i',       ///< to rank 0, after `stop`: no result follows
    interrupt = 'c',  ///< to rank 0: end it all
};

[[nodiscard]] std::vector<char> message_of(rank_word word);
[[nodiscard]] std::vector<char> message_of(std::span<const trial> list);
[[nodiscard]] std::vector<char> message_of(const trial_result& r);
[[nodiscard]] std::vector<char> ready_message(const std::string& fingerprint, std::uint64_t threads);
[[nodiscard]] std::vector<char> unfit_message(const std::string& why);

// Each reads what stands behind the first byte. \throws internal_error for a message that is no such one
[[nodiscard]] rank_word word_of(std::span<const char> message);
[[nodiscard]] std::vector<trial> trials_in(std::span<const char> message);
[[nodiscard]] trial_result result_in(std::span<const char> message);
struct rank_readiness {
    std::string fingerprint{};
    std::uint64_t threads = 1;
};
[[nodiscard]] rank_readiness readiness_in(std::span<const char> message);
[[nodiscard]] std::string reason_in(std::span<const char> message);

}  // namespace ampacity::experiment
