#pragma once
/// \file
/// One replica alone, from the first arrival to the last end.

#include <ampacity/serving/replica.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace ampacity::test {

/// Serves the requests, which are in order of arrival and get their places as rows; records by row.
inline std::vector<serving::request_record> serve_alone(serving::replica& server,
                                                        std::vector<workload::request> requests) {
    for (std::size_t i = 0; i != requests.size(); ++i) requests[i].row = i;
    std::size_t next = 0;
    for (;;) {
        const instant now = std::min(next == requests.size() ? never : requests[next].arrival, server.next());
        if (now == never) break;
        server.advance(now);
        for (; next != requests.size() && requests[next].arrival == now; ++next) server.submit(requests[next], now);
        server.start(now);
    }
    std::vector<serving::request_record> out{server.records().begin(), server.records().end()};
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    return out;
}

}  // namespace ampacity::test
