#pragma once
/// \file
/// What an index of a mixed fleet has beside its counts: a part, which is an index of its own, for each GPU type.
///
/// Rows of nodes count on from one part to the next. A part that is a pool has one row, which names the type in lists
/// of shares and has no GPUs. `free_index` derives from it. Not thread-safe.

#include <ampacity/core/ids.hpp>
#include <ampacity/fleet/allocation.hpp>
#include <ampacity/fleet/gpu_types.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace ampacity::fleet {

template <class Index>
class typed_parts {
public:
    /// Does the fleet have GPU types, one or more?
    [[nodiscard]] bool is_mixed() const noexcept { return __builtin_expect(static_cast<long>(mixed_), 0) != 0; }
    /// Null without types.
    [[nodiscard]] const gpu_types* types() const noexcept { return types_.get(); }
    /// What is free of one type. \pre is_mixed(), as below
    [[nodiscard]] const Index& of(gpu_type t) const noexcept { return parts_[t]; }
    /// The row of the type's first node.
    [[nodiscard]] std::uint32_t first_node(gpu_type t) const noexcept { return first_node_[t]; }
    [[nodiscard, gnu::noinline]] gpu_type type_of(node_id node) const noexcept {
        std::size_t t = first_node_.size() - 1;
        while (index(node) < first_node_[t]) --t;
        return static_cast<gpu_type>(t);
    }
    /// Are the parts of a mixed fleet pools?
    [[nodiscard]] bool has_pools() const noexcept { return is_mixed() && parts_.front().is_pool(); }

protected:
    /// \pre a part for each type: all pools, or all nodes
    void set_parts(std::shared_ptr<const gpu_types> types, std::vector<Index> parts) {
        AMPACITY_ASSERT(types && types->size() == parts.size());
        mixed_ = true;
        types_ = std::move(types);
        for (const Index& part : parts) {
            AMPACITY_ASSERT(!part.is_mixed() && part.is_pool() == parts.front().is_pool());
            first_node_.push_back(num_rows_);
            num_rows_ += part.is_pool() ? 1 : part.num_nodes();
        }
        parts_ = std::move(parts);
    }
    [[nodiscard]] std::uint32_t num_rows() const noexcept { return num_rows_; }
    [[nodiscard]] Index& part(gpu_type t) noexcept { return parts_[t]; }
    [[nodiscard]] const Index& part_of(node_id node) const noexcept { return parts_[type_of(node)]; }
    /// The row of the node in its part.
    [[nodiscard]] node_id local(node_id node) const noexcept {
        return node_id{static_cast<std::uint32_t>(node) - first_node_[type_of(node)]};
    }
    [[nodiscard]] gpu_share local(gpu_share s) const noexcept { return {.node = local(s.node), .gpus = s.gpus}; }

private:
    std::shared_ptr<const gpu_types> types_;
    std::vector<Index> parts_;               // (types)
    std::vector<std::uint32_t> first_node_;  // (types)
    std::uint32_t num_rows_ = 0;
    bool mixed_ = false;  // last, beside what every question to the index looks at
};

}  // namespace ampacity::fleet
