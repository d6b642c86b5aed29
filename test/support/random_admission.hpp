#pragma once
/// \file
/// Random bounds beyond which a small service sheds requests.

#include <ampacity/core/stream.hpp>
#include <ampacity/serving/admission.hpp>

#include <cstdint>

namespace ampacity::test {

inline serving::admission_options random_admission(std::uint64_t number) {
    random_stream d(37, purpose::test, number);
    const auto up_to = [&d](std::int64_t high) {
        return 1 + static_cast<std::int64_t>(d.below(static_cast<std::uint64_t>(high)));
    };
    const auto bounds = [&] {
        serving::admission_bounds b;
        if (up_to(3) == 1) b.max_waiting = up_to(5);
        if (up_to(4) == 1) b.max_waiting_tokens = up_to(200);
        if (up_to(4) == 1) b.max_requests = up_to(8);
        return b;
    };
    serving::admission_options out;
    if (up_to(2) == 1) out.all = bounds();
    for (std::int64_t p = up_to(4) - 1; p < workload::num_request_priorities; p += up_to(4))
        out.classes.push_back({.priority = static_cast<std::uint8_t>(p), .bounds = bounds()});
    return out;
}

}  // namespace ampacity::test
