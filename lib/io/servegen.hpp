#pragma once
/// \file
/// Requests of the clients of a ServeGen workload: not a trace but a description, from which they are drawn.
///
/// Two files. `path` is CSV: for each client and window of 600 s its rate and the law of the gaps between its requests.
/// `lengths` has JSON lines: for each client and longer window quantiles of the lengths, linear between, and
/// their means, which they keep. What a client
/// sends is `workload::windowed_requests` with all rates times `rate_factor`; the streams are merged by (arrival,
/// client). Both files are read whole when it is opened: memory is their size. Source: Xiang et al., "ServeGen:
/// Workload Characterization and Generation of Large Language Model Serving in Production", arXiv 2505.09999.

#include <ampacity/io/request_traces.hpp>

#include <array>
#include <memory>

namespace ampacity::io {

inline constexpr std::array servegen_columns{
    trace_column{"client", "", "whose window it is, a whole number", column_use::required},
    trace_column{"window_start_s", "s", "begin of a window of 600 s", column_use::required},
    trace_column{"rate", "/s", "mean rate of its requests in it", column_use::required},
    trace_column{"pattern", "", "law of the gaps: Gamma, Weibull or Exponential; their mean is 1/rate",
                 column_use::required},
    trace_column{"param1", "", "shape of the law", column_use::required},
    trace_column{"cv", "", "coefficient of variation, which the shape says again", column_use::ignored},
    trace_column{"param2", "s", "scale of the law, in place of which the rate stands", column_use::ignored},
};

/// \throws data_error, scenario_error as `open_request_trace` does
[[nodiscard]] std::unique_ptr<request_trace> open_servegen(const request_trace_options& options);

}  // namespace ampacity::io
