// Every format of request traces: the first byte chooses it, the second how it is read. What follows a byte 0x1E is the
// other file of those that have two.
#include "fuzz.hpp"

#include <ampacity/io/request_traces.hpp>

#include <array>

using namespace ampacity;

namespace {

/// Of drawn requests there may be very many.
constexpr std::size_t enough = 10'000;

void read_all(const io::request_trace_options& options) {
    const auto source = io::open_request_trace(options);
    std::array<workload::request, 7> batch;
    instant before = start_of_time;
    std::size_t read = 0;
    while (read < enough) {
        const std::size_t n = source->next(batch);
        fuzz::demand(n <= batch.size(), "a batch fits");
        if (n == 0) break;
        read += n;
        for (std::size_t i = 0; i != n; ++i) {
            const auto& r = batch[i];
            fuzz::demand(r.arrival >= before, "requests come in order of time");
            before = r.arrival;
            fuzz::demand(r.arrival <= start_of_time + longest_input, "arrivals are in range");
            fuzz::demand(r.prompt_tokens >= 1 && r.prompt_tokens <= workload::max_tokens_per_request &&
                             r.output_tokens >= 1 && r.output_tokens <= workload::max_tokens_per_request,
                         "tokens are in range");
            fuzz::demand(r.prefix_tokens <= r.prompt_tokens, "a prefix is part of its prompt");
            fuzz::demand(r.priority < workload::num_request_priorities, "priorities are in range");
            (void)source->text(r.session);
            (void)source->text(r.tenant);
        }
    }
    fuzz::demand(read >= enough || source->next(batch) == 0, "a trace that has ended stays so");
    const auto progress = source->progress();
    fuzz::demand(!progress || (*progress >= 0 && *progress <= 1), "progress is a share");
    (void)source->finish_digest();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::memory_file file, other;
    fuzz::input in(data, size);
    const auto formats = io::request_trace_formats();
    io::request_trace_options options{
        .path = file.path(), .format = std::string{formats[in.choose(formats.size())].name}, .lengths = other.path()};
    const std::size_t how = in.choose(8);
    if ((how & 1U) != 0) options.reorder = duration{0};
    if ((how & 2U) != 0) options.align = scenario::alignment::absolute;
    if ((how & 4U) != 0) options.unix_start_ns = 1'767'225'600'000'000'000;
    const std::size_t split = std::min(in.rest().find('\x1E'), in.rest().size());
    file.write(in.rest().substr(0, split));
    other.write(in.rest().substr(std::min(split + 1, in.rest().size())));
    const auto first = fuzz::refusal([&] { read_all(options); });
    fuzz::demand(first == fuzz::refusal([&] { read_all(options); }), "the same file gives the same message");
    return 0;
}
