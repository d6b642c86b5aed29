#include <ampacity/core/error.hpp>
#include <ampacity/policy/placer.hpp>

#include <algorithm>
#include <bit>

namespace ampacity::policy {
namespace {

using fleet::demand;
using fleet::free_index;
using fleet::gpu_share;
using fleet::node_set;

/// Which of several suitable nodes comes first.
enum class preference { lowest_row, fewest_free, most_free };

/// The lowest `n` free GPUs of a node: the rule for which GPUs of a node a job gets.
gpu_share lowest_gpus(const free_index& free, std::uint32_t row, std::uint32_t n) {
    const std::uint64_t mask = free.free_mask(node_id{row});
    std::uint64_t rest = mask;
    for (std::uint32_t i = 0; i != n; ++i) rest &= rest - 1;
    return {.node = node_id{row}, .gpus = mask & ~rest};
}

/// Can whole nodes and a remainder be had? Counts only.
bool whole_nodes_fit(const free_index& free, std::uint32_t gpus) {
    const std::uint32_t size = free.gpus_per_node();
    const std::uint32_t whole = gpus / size;
    const std::uint32_t remainder = gpus % size;
    const std::uint32_t empty_nodes = free.count_with(size);
    if (empty_nodes < whole) return false;
    if (remainder == 0 || empty_nodes > whole) return true;
    for (std::uint32_t c = remainder; c != size; ++c) {
        if (free.count_with(c) != 0) return true;
    }
    return false;
}

/// The node for the remainder, given the next wholly free node that is not taken (or npos).
std::uint32_t node_for_remainder(const free_index& free, std::uint32_t remainder, std::uint32_t next_whole,
                                 preference prefer) {
    const std::uint32_t size = free.gpus_per_node();
    const auto lowest_with = [&](std::uint32_t c) { return c == size ? next_whole : free.nodes_with(c).first(); };
    switch (prefer) {
        case preference::lowest_row: {
            std::uint32_t best = node_set::npos;
            for (std::uint32_t c = remainder; c <= size; ++c) best = std::min(best, lowest_with(c));
            return best;
        }
        case preference::fewest_free:
            for (std::uint32_t c = remainder; c <= size; ++c) {
                if (const auto row = lowest_with(c); row != node_set::npos) return row;
            }
            return node_set::npos;
        case preference::most_free:
            for (std::uint32_t c = size; c >= remainder; --c) {
                if (const auto row = lowest_with(c); row != node_set::npos) return row;
            }
            return node_set::npos;
    }
    return node_set::npos;
}

/// Node by node in the order of preference, all free GPUs of each until there are enough.
void place_node_by_node(const free_index& free, std::uint32_t gpus, preference prefer, std::vector<gpu_share>& out) {
    const auto visit = [&](const node_set& nodes) {
        for (auto row = nodes.first(); row != node_set::npos && gpus != 0; row = nodes.next(row)) {
            const auto has = static_cast<std::uint32_t>(std::popcount(free.free_mask(node_id{row})));
            const std::uint32_t n = std::min(gpus, has);
            out.push_back(lowest_gpus(free, row, n));
            gpus -= n;
        }
    };
    const std::uint32_t size = free.gpus_per_node();
    switch (prefer) {
        case preference::lowest_row: visit(free.any_free()); break;
        case preference::fewest_free:
            for (std::uint32_t c = 1; c <= size && gpus != 0; ++c) visit(free.nodes_with(c));
            break;
        case preference::most_free:
            for (std::uint32_t c = size; c >= 1 && gpus != 0; --c) visit(free.nodes_with(c));
            break;
    }
}

/// The placers of flat nodes differ only in their preference.
class flat_placer final : public placer {
public:
    explicit flat_placer(preference prefer) : prefer_(prefer) {}

    bool place(const free_index& free, demand wanted, std::vector<gpu_share>& out) const override {
        if (!fits(free, wanted)) return false;
        if (wanted.spread) {
            place_node_by_node(free, wanted.gpus, prefer_, out);
            return true;
        }
        const std::uint32_t size = free.gpus_per_node();
        const auto& whole_nodes = free.nodes_with(size);
        std::uint32_t row = whole_nodes.first();
        for (std::uint32_t i = 0; i != wanted.gpus / size; ++i) {
            out.push_back({.node = node_id{row}, .gpus = free_index::full_mask(size)});
            row = whole_nodes.next(row);
        }
        if (const std::uint32_t remainder = wanted.gpus % size; remainder != 0) {
            out.push_back(lowest_gpus(free, node_for_remainder(free, remainder, row, prefer_), remainder));
        }
        return true;
    }

    [[nodiscard]] bool fits(const free_index& free, demand wanted) const override {
        return wanted.spread ? wanted.gpus <= free.free_gpus() : whole_nodes_fit(free, wanted.gpus);
    }

private:
    preference prefer_;
};

}  // namespace

std::unique_ptr<placer> make_first_fit() { return std::make_unique<flat_placer>(preference::lowest_row); }
std::unique_ptr<placer> make_pack() { return std::make_unique<flat_placer>(preference::fewest_free); }
std::unique_ptr<placer> make_spread() { return std::make_unique<flat_placer>(preference::most_free); }

}  // namespace ampacity::policy
