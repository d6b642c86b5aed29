#include <ampacity/core/statistics.hpp>

#include <algorithm>
#include <utility>

namespace ampacity {

quantile_selector::quantile_selector(const std::vector<per_mille>& percentiles) {
    for (const per_mille p : percentiles) {
        AMPACITY_ASSERT(p.value >= 1 && p.value <= 1000);
        requests_.push_back({p, 0, std::nullopt});
    }
}

void quantile_selector::count_sample() {
    // The last bin: a leading one at bit 63 and all fraction bits set.
    counts_.resize(first_bin(~std::uint64_t{0}) + 1);
    for (const std::uint64_t key : sample_) ++counts_[first_bin(key)];
}

quantile_selector quantile_selector::of_ranks(const std::vector<std::uint64_t>& ranks) {
    quantile_selector out(std::vector<per_mille>{});
    for (const std::uint64_t rank : ranks) {
        AMPACITY_ASSERT(rank >= 1);
        out.requests_.push_back({std::nullopt, rank, std::nullopt});
    }
    return out;
}

std::optional<std::uint64_t> quantile_selector::value(std::size_t i) const {
    AMPACITY_ASSERT(!first_pass_ && bins_.empty() && i < requests_.size());
    return requests_[i].found;
}

bool quantile_selector::end_pass() {
    ++passes_;
    if (first_pass_) {
        end_first_pass();
        return !bins_.empty();
    }
    std::vector<active_bin> next;
    for (active_bin& bin : bins_) {
        AMPACITY_ASSERT(bin.seen == bin.keys);
        if (bin.collect) {
            search(bin.data, bin.below);
        } else {
            split(bin, next);
        }
        bin.data = {};
    }
    bins_ = std::move(next);
    return !bins_.empty();
}

void quantile_selector::end_first_pass() {
    first_pass_ = false;
    for (request& r : requests_) {
        if (r.percentile && count_ > 0) r.rank = exact_rank(*r.percentile, count_);
    }
    if (count_ <= collect_limit) {
        search(sample_, 0);
    } else {
        std::uint64_t below = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            const std::size_t block = i >> fraction_bits;
            const auto shift = static_cast<unsigned>(block > 0 ? block - 1 : 0);
            const std::uint64_t first = (std::uint64_t{i} - (std::uint64_t{shift} << fraction_bits)) << shift;
            enter(bins_, first, shift, counts_[i], below);
            below += counts_[i];
        }
    }
    counts_ = {};
    sample_ = {};
}

// Distributes the keys of a counted bin over its parts.
void quantile_selector::split(const active_bin& bin, std::vector<active_bin>& next) {
    const unsigned shift = part_shift(bin.width_log);
    std::uint64_t below = bin.below;
    for (std::size_t i = 0; i < bin.data.size(); ++i) {
        enter(next, bin.first + (std::uint64_t{i} << shift), shift, bin.data[i], below);
        below += bin.data[i];
    }
}

// Answers the ranks in this range if it has one value only; otherwise, if there are any, puts it in work.
void quantile_selector::enter(std::vector<active_bin>& next, std::uint64_t first, unsigned width_log,
                              std::uint64_t keys, std::uint64_t below) {
    if (keys == 0) return;
    bool wanted = false;
    for (request& r : requests_) {
        if (r.rank <= below || r.rank - below > keys) continue;
        wanted = true;
        if (width_log == 0) r.found = first;
    }
    if (!wanted || width_log == 0) return;
    active_bin bin{first, width_log, keys, below, 0, {}, keys <= collect_limit};
    if (bin.collect) {
        bin.data.reserve(keys);
    } else {
        bin.data.resize(std::size_t{1} << std::min(width_log, digit_bits));
    }
    next.push_back(std::move(bin));
}

// Answers the ranks that lie among `keys`, of which `below` others are smaller.
void quantile_selector::search(std::vector<std::uint64_t>& keys, std::uint64_t below) {
    std::vector<request*> inside;
    for (request& r : requests_) {
        if (r.rank > below && r.rank - below <= keys.size()) inside.push_back(&r);
    }
    std::sort(inside.begin(), inside.end(), [](const request* a, const request* b) { return a->rank < b->rank; });
    auto from = keys.begin();
    for (request* r : inside) {
        const auto at = keys.begin() + static_cast<std::ptrdiff_t>(r->rank - below - 1);
        if (at >= from) {
            std::nth_element(from, at, keys.end());
            from = at + 1;
        }
        r->found = *at;
    }
}

}  // namespace ampacity
