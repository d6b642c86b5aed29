#include <ampacity/core/batch_means.hpp>
#include <ampacity/core/error.hpp>
#include <ampacity/experiment/steady_state.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>
#include <vector>

namespace ampacity::experiment {
namespace {

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

}  // namespace

std::optional<std::size_t> warm_up(std::span<const double> values) {
    constexpr std::size_t size = 5;
    std::vector<double> means;
    for (std::size_t i = 0; i + size <= values.size(); i += size) {
        double sum = 0;
        for (std::size_t k = 0; k != size; ++k) sum += values[i + k];
        means.push_back(sum / size);
    }
    if (means.size() < 2) return std::nullopt;
    // From the back, with Welford's update, so that each cut costs O(1).
    double mean = 0, squares = 0, best = 0;
    std::size_t cut = means.size();
    constexpr std::size_t fewest = 5;  // the variance of fewer means is no estimate
    for (std::size_t d = means.size(); d-- != 0;) {
        const auto n = static_cast<double>(means.size() - d);
        const double step = means[d] - mean;
        mean += step / n;
        squares += step * (means[d] - mean);
        const double error = squares / (n * n);
        if (means.size() - d < std::min(fewest, means.size())) continue;
        if (cut == means.size() || error <= best) {
            best = error;
            cut = d;
        }
    }
    if (cut > means.size() / 2) return std::nullopt;
    return cut * size;
}

std::optional<steady_mean> steady_state_mean(std::span<const double> values, double confidence, std::uint32_t batches) {
    const auto cut = warm_up(values);
    if (!cut) return std::nullopt;
    batch_means means(batches);
    for (const double x : values.subspan(*cut)) means.add(x);
    const auto within = means.confidence_interval(confidence);
    if (!within) return std::nullopt;
    return steady_mean{.mean = *means.mean(),
                       .within = {within->low(), within->high()},
                       .left_out = *cut,
                       .lag_1 = means.lag_1(),
                       .batch_length = means.batch_length()};
}

std::vector<std::pair<std::string, double>> steady_means(std::span<const steady_job> jobs,
                                                         const io::sweep_warm_up& warm_up) {
    static constexpr std::array<std::pair<const char*, double steady_job::*>, 3> kinds{
        {{"jct_s", &steady_job::jct_s},
         {"wait_s", &steady_job::wait_s},
         {"bounded_slowdown", &steady_job::bounded_slowdown}}};
    std::vector<std::pair<std::string, double>> out;
    std::vector<double> values(jobs.size());
    for (const auto& [name, member] : kinds) {
        for (std::size_t i = 0; i != jobs.size(); ++i) values[i] = jobs[i].*member;
        std::optional<std::size_t> cut;
        if (warm_up.mser_5)
            cut = experiment::warm_up(values);
        else
            cut = static_cast<std::size_t>(
                std::partition_point(jobs.begin(), jobs.end(),
                                     [&](const steady_job& j) { return j.submit - start_of_time < warm_up.first; }) -
                jobs.begin());
        if (cut && *cut < values.size())
            out.emplace_back(std::string{"steady."} + name + ".mean", mean_of(std::span{values}.subspan(*cut)).mean);
    }
    return out;
}

bool stopping_rule::met_by(std::span<const double> values) const {
    if (values.size() < least) return false;
    const sample_mean m = mean_of(values);
    const interval within = *t_interval(m, confidence);
    return (within.high - within.low) / 2 < share * std::abs(m.mean) || (m.mean == 0 && m.standard_error == 0);
}

std::uint32_t stopping_rule::next_look(std::uint32_t replications) noexcept {
    return replications < least ? least : replications + replications / 5;
}

std::optional<stopping_rule> parse_stopping_rule(std::string_view text) {
    const auto open = text.find('('), close = text.find(')'), less = text.find('<');
    if (trimmed(text.substr(0, open)) != "ci" || close == std::string_view::npos || less == std::string_view::npos ||
        close < open || less < close || !trimmed(text.substr(close + 1, less - close - 1)).empty())
        return std::nullopt;
    stopping_rule rule{.metric = std::string{trimmed(text.substr(open + 1, close - open - 1))}};
    std::string_view share = trimmed(text.substr(less + 1));
    if (rule.metric.empty() || !share.ends_with('%')) return std::nullopt;
    share = trimmed(share.substr(0, share.size() - 1));
    const auto [end, status] = std::from_chars(share.data(), share.data() + share.size(), rule.share);
    if (status != std::errc{} || end != share.data() + share.size()) return std::nullopt;
    rule.share /= 100;
    if (!(rule.share > 0) || !std::isfinite(rule.share)) return std::nullopt;
    return rule;
}

}  // namespace ampacity::experiment
