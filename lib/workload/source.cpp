#include <ampacity/workload/source.hpp>

#include <algorithm>
#include <utility>

namespace ampacity::workload {

vector_source::vector_source(std::vector<job_request> jobs, std::vector<std::string> texts)
    : jobs_(std::move(jobs)), texts_(std::move(texts)) {
    for (std::size_t i = 0; i < jobs_.size(); ++i) jobs_[i].row = i;
    std::stable_sort(jobs_.begin(), jobs_.end(),
                     [](const job_request& a, const job_request& b) { return a.submit < b.submit; });
}

std::size_t vector_source::next(std::span<job_request> out) {
    const std::size_t n = std::min(out.size(), jobs_.size() - at_);
    std::copy_n(jobs_.begin() + static_cast<std::ptrdiff_t>(at_), n, out.begin());
    at_ += n;
    return n;
}

std::optional<double> vector_source::progress() const {
    return jobs_.empty() ? 1.0 : static_cast<double>(at_) / static_cast<double>(jobs_.size());
}

std::string_view vector_source::text(std::int64_t index) const {
    return index >= 0 && static_cast<std::size_t>(index) < texts_.size() ? texts_[static_cast<std::size_t>(index)]
                                                                         : std::string_view{};
}

}  // namespace ampacity::workload
