#include <ampacity/core/error.hpp>
#include <ampacity/workload/client_requests.hpp>

namespace ampacity::workload {
namespace {

constexpr std::size_t batch_size = 64;

}  // namespace

client_requests::client_requests(std::vector<std::unique_ptr<request_source>> clients, std::uint64_t requests)
    : requests_(requests) {
    AMPACITY_ASSERT(!clients.empty());
    for (auto& source : clients) clients_.push_back({std::move(source), std::vector<request>(batch_size)});
    for (std::uint32_t i = 0; i != clients_.size(); ++i) refill(i);
}

/// Its head enters the queue, if it has one.
void client_requests::refill(std::uint32_t i) {
    client& c = clients_[i];
    if (c.at == c.have) {
        c.have = c.source->next(c.batch);
        c.at = 0;
    }
    if (c.at != c.have) heads_.emplace(c.batch[c.at].arrival, i);
}

std::size_t client_requests::next(std::span<request> out) {
    std::size_t n = 0;
    for (; n != out.size() && num_given_ != requests_ && !heads_.empty(); ++n) {
        const std::uint32_t i = heads_.top().second;
        heads_.pop();
        client& c = clients_[i];
        out[n] = c.batch[c.at++];
        out[n].row = num_given_++;
        out[n].tenant = i + 1;
        const auto all = static_cast<std::uint32_t>(clients_.size());
        if (out[n].session != 0) out[n].session = (out[n].session - 1) * all + i + 1;
        refill(i);
    }
    return n;
}

std::optional<double> client_requests::progress() const {
    if (requests_ == 0) return 1.0;
    return static_cast<double>(num_given_) / static_cast<double>(requests_);
}

}  // namespace ampacity::workload
