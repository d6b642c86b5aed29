#include <ampacity/core/distributions.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/workload/conversation.hpp>

#include <algorithm>
#include <cmath>

namespace ampacity::workload {

turn turn_of(const turn_name& name, const synthetic_request_options& options, const session_options& sessions) {
    random_stream lengths(options.seed, purpose::sizes, options.entity + name.conversation);
    lengths.seek(4 * std::uint64_t{name.number});
    const std::uint64_t added = options.prompt(lengths);
    lengths.seek(4 * std::uint64_t{name.number} + 2);
    const std::uint64_t output = std::min<std::uint64_t>(options.output(lengths), sessions.context - 1);
    const std::uint64_t prompt = std::min(name.before + added, sessions.context - output);
    random_stream goes_on(options.seed, purpose::sessions, options.entity + name.conversation);
    goes_on.seek(2 * std::uint64_t{name.number});
    const bool is_last = goes_on.uniform01() * sessions.turns < 1;
    const double pause_s = exponential_distribution{sessions.think_s}(goes_on);
    const std::uint64_t said = prompt + output;
    turn out{.asked = {.prompt_tokens = static_cast<std::uint32_t>(prompt),
                       .output_tokens = static_cast<std::uint32_t>(output),
                       .prefix_tokens = static_cast<std::uint32_t>(std::min(name.before, prompt)),
                       .session = static_cast<std::uint32_t>(name.conversation % 0xFFFF'FFFFU + 1),
                       .priority = options.priority},
             .pause = duration{std::llround(std::min(pause_s, 6e9) * 1e9)}};
    // A turn adds a token at least, and gets one.
    if (!is_last && said + 2 <= sessions.context) out.following = turn_name{name.conversation, name.number + 1, said};
    return out;
}

}  // namespace ampacity::workload
