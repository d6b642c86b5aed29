#include <ampacity/core/error.hpp>
#include <ampacity/serving/cache_tiers.hpp>

#include <algorithm>
#include <string>

namespace ampacity::serving {
namespace {

kv_transfer link_of(const kv_transfer_options& o, const std::string& key) {
    try {
        return kv_transfer{o};
    } catch (const scenario_error& e) {
        diagnostic d = e.details();
        d.key = key + '.' + d.key;
        throw scenario_error(d);
    }
}

}  // namespace

std::shared_ptr<shared_tier> shared_of(const std::vector<cache_tier>& tiers, std::int64_t block_tokens) {
    if (tiers.empty() || !tiers.back().shared || block_tokens < 1) return {};  // the latter is refused elsewhere
    const cache_tiers checked(tiers, block_tokens);
    const std::array<std::int64_t, 1> room{tiers.back().capacity_tokens / block_tokens};
    return std::make_shared<shared_tier>(shared_tier{.blocks = prefix_cache{room}});
}

cache_tiers::cache_tiers(const std::vector<cache_tier>& tiers, std::int64_t block_tokens,
                         std::shared_ptr<shared_tier> shared)
    : block_tokens_(block_tokens), shared_(std::move(shared)) {
    if (tiers.size() > prefix_cache::max_tiers)
        throw scenario_error({{},
                              "tiers",
                              "too many",
                              std::to_string(tiers.size()),
                              "give at most " + std::to_string(prefix_cache::max_tiers)});
    for (const cache_tier& t : tiers) {
        const std::string key = "tiers." + std::to_string(links_.size());
        constexpr std::int64_t most = std::int64_t{1} << 48U;
        if (t.capacity_tokens < block_tokens || t.capacity_tokens > most)
            throw scenario_error({{},
                                  key + ".capacity",
                                  t.capacity_tokens < block_tokens ? "does not hold a block" : "too large",
                                  std::to_string(t.capacity_tokens) + " tokens",
                                  "give " + std::to_string(block_tokens) + " to 2^48 tokens"});
        if (t.shared && &t != &tiers.back())
            throw scenario_error({{},
                                  key + ".shared",
                                  "what is below this tier is each replica's own",
                                  "true",
                                  "remove it, or move the tier to the end"});
        links_.push_back({.transfer = link_of(t.link, key), .blocks = t.capacity_tokens / block_tokens});
    }
}

prefix_cache cache_tiers::cache() const {
    std::array<std::int64_t, prefix_cache::max_tiers> blocks{};
    std::transform(links_.begin(), links_.end(), blocks.begin(), [](const link& l) { return l.blocks; });
    const std::size_t own = links_.size() - (shared_ ? 1 : 0);
    return prefix_cache{std::span{blocks}.first(own), shared_ ? &shared_->blocks : nullptr};
}

duration cache_tiers::alone(std::size_t tier, std::uint32_t blocks) const noexcept {
    const kv_transfer& t = links_[tier].transfer;
    return t.whole(blocks * block_tokens_) + t.options().latency;
}

instant cache_tiers::load(const tier_blocks& blocks, instant begin, counts_by_tier& counts) noexcept {
    instant end = add_saturating(begin, duration{1});
    for (std::size_t tier = 0; tier != links_.size(); ++tier) {
        if (blocks.of[tier] == 0) continue;
        link& l = links_[tier];
        instant& free = shared_ && tier + 1 == links_.size() ? shared_->free : l.free;
        const std::int64_t tokens = blocks.of[tier] * block_tokens_;
        const instant since = std::max(free, begin);
        free = add_saturating(since, l.transfer.whole(tokens));
        end = std::max(end, add_saturating(free, l.transfer.options().latency));
        ++counts[tier].loads;
        counts[tier].tokens += tokens;
        counts[tier].busy += free - since;
    }
    return end;
}

void cache_tiers::look_up(const prefix_cache& cache, std::uint32_t session, std::uint32_t first, std::uint32_t count) {
    if (!shared_) return;
    for (std::uint32_t block = first; block != first + count; ++block) {
        if (cache.tier_of(session, block) + 1 == links_.size()) shared_->blocks.put_down(session, block);
    }
}

}  // namespace ampacity::serving
