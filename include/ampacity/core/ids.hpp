#pragma once
/// \file
/// Identifiers: `enum class` over the dense row number in the table that owns the entity.
///
/// An id is a row, so it indexes columns directly (`index(id)`); ids of different kinds do not mix.
/// Rows of nodes are appended and never moved. Rows of jobs are reused once a job has left the
/// system: state kept under a `job_id` belongs to the job between its submit and its finish.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ampacity {

/// Row of a live job; reused after the job has left.
enum class job_id : std::uint32_t {};
/// Row of a node; never reused.
enum class node_id : std::uint32_t {};

template <class T>
concept entity_id = std::is_enum_v<T> && std::same_as<std::underlying_type_t<T>, std::uint32_t>;

/// The row number behind an id.
template <entity_id Id>
constexpr std::size_t index(Id id) noexcept {
    return static_cast<std::size_t>(id);
}

/// No such entity.
template <entity_id Id>
inline constexpr Id none = static_cast<Id>(0xFFFF'FFFFU);

}  // namespace ampacity
