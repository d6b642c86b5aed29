#pragma once
/// \file
/// How a scenario struct describes itself: one static `fields(visitor)` that names every key with its
/// member, unit, range, default and meaning.
///
/// The reader, `resolved.yaml`, did-you-mean, key paths for sweeps and `--set`, and the key reference
/// all walk this one description; nothing else lists keys. A struct looks like this:
///
///     struct node_group {
///         std::uint64_t count = 0;
///         template <class Visitor>
///         static constexpr void fields(Visitor& visit) {
///             visit(&node_group::count, {.key = "count", .doc = "number of nodes", .required = true, .min = 1});
///             visit.not_yet("model");
///         }
///     };
///
/// The default is the member's value in a default-constructed struct; the unit follows from the
/// member's type. A struct with `static constexpr bool exactly_one = true` holds optional members of
/// which exactly one is given, not counting those marked `beside`. Everything here is constexpr and without state.

#include <ampacity/scenario/units.hpp>

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace ampacity::scenario {

/// The largest speed of a job on a GPU type; the smallest above 0 is its inverse.
inline constexpr double most_speed = 1e6;

/// The key-path text for "any index" of a list in the key reference: `workload.N.trace.path`.
inline constexpr std::string_view any_index = "N";

/// The names of an enumeration in scenario files. Specialise with
/// `static constexpr std::array known` of `named<E>` and, for names of the contract that later versions
/// will read, `static constexpr std::array<std::string_view, K> not_yet`.
template <class E>
struct names;

/// One name of an enumeration.
template <class E>
struct named {
    E value;
    std::string_view name;
};

/// A map whose keys a plug-in knows and this library does not; values are single values, as they were written.
struct free_options {
    std::vector<std::pair<std::string, std::string>> entries{};  ///< in the order of the file

    friend bool operator==(const free_options&, const free_options&) = default;
};

/// Speeds of jobs by model and GPU type, as they were written: `{ default: { h100: 1 }, bert: { h100: 1, a100: 0.4 }
/// }`.
struct speed_table {
    /// One model; `default` stands for all that have no row.
    struct row {
        std::string model{};
        std::vector<std::pair<std::string, double>> speeds{};  ///< GPU type and speed, in the order of the file

        friend bool operator==(const row&, const row&) = default;
    };
    std::vector<row> rows{};

    friend bool operator==(const speed_table&, const speed_table&) = default;
};

/// A list that may be written as its only element. Of one element it is used like an optional one.
template <class T>
struct single_or_list : std::vector<T> {
    using std::vector<T>::vector;
    template <class U = T>
        requires std::same_as<std::remove_cvref_t<U>, T>
    single_or_list(U&& one) : std::vector<T>{std::forward<U>(one)} {}
    template <class U = T>
        requires std::same_as<std::remove_cvref_t<U>, T>
    single_or_list& operator=(U&& one) {
        this->assign(1, std::forward<U>(one));
        return *this;
    }
    explicit operator bool() const noexcept { return !this->empty(); }
    void reset() noexcept { this->clear(); }
    T* operator->() noexcept { return &this->front(); }
    const T* operator->() const noexcept { return &this->front(); }
    const T& operator*() const noexcept { return this->front(); }
    friend bool operator==(const single_or_list& list, const T& one) { return list.size() == 1 && *list == one; }
    friend bool operator==(const single_or_list& a, const single_or_list& b) {
        return static_cast<const std::vector<T>&>(a) == static_cast<const std::vector<T>&>(b);
    }
};

/// The type of the values behind a member: of `T`, `std::optional<T>` and `std::vector<T>` it is T.
template <class T>
struct value_of {
    using type = T;
};
template <class T>
struct value_of<std::optional<T>> {
    using type = T;
};
template <class T>
struct value_of<std::vector<T>> {
    using type = T;
};
template <class T>
struct value_of<single_or_list<T>> {
    using type = T;
};
/// What `value_of` finds.
template <class T>
using value_of_t = typename value_of<T>::type;

/// Is the member one that may be absent?
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
/// Is the member a list?
template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;
template <class T>
inline constexpr bool is_list<single_or_list<T>> = true;
/// Is the member a list that may be written as its only element?
template <class T>
inline constexpr bool may_be_single = false;
template <class T>
inline constexpr bool may_be_single<single_or_list<T>> = true;

/// Values with a range: numbers and quantities.
template <class T>
concept ranged = std::same_as<T, std::uint64_t> || std::same_as<T, double> || std::same_as<T, duration> ||
                 std::same_as<T, gpu_duration> || requires(T q) { []<dimension D>(quantity<D>) {}(q); };

/// What is said about a key. `T` is the type of the values behind the member.
template <class T>
struct field {
    using limit = std::conditional_t<ranged<T>, T, std::monostate>;

    std::string_view key{};
    std::string_view doc{};        ///< what it means, one sentence without full stop
    bool required = false;         ///< must be given; the member's default is then of no meaning
    std::string_view example{};    ///< a valid value as it stands in a file, for messages and the reference
    std::optional<limit> min{};    ///< smallest value
    std::optional<limit> above{};  ///< values must be larger
    std::optional<limit> max{};    ///< largest value
    std::string_view none{};       ///< for std::optional members: the text that stands for "none"
    bool never_empty = false;      ///< a list that is given has entries
    bool beside = false;           ///< of a struct of which exactly one member is given: not one of these
    std::string_view bare_unit{};  ///< the unit of a number without one; empty: the unit is required
};

/// A visitor that does nothing; it serves to recognise the structs that describe themselves.
struct no_visitor {
    template <class S, class M>
    constexpr void operator()(M S::*, const field<value_of_t<M>>&) {}
    constexpr void not_yet(std::string_view) {}
};

/// Structs with `fields`.
template <class T>
concept described = requires(no_visitor& v) { T::fields(v); };

/// Structs of which exactly one member is given.
template <class T>
concept one_of = described<T> && requires { requires T::exactly_one; };

/// Enumerations with names.
template <class T>
concept has_names = std::is_enum_v<T> && requires { names<T>::known; };

/// Names of an enumeration that the contract knows and this version does not read.
template <has_names E>
constexpr auto names_not_yet() {
    if constexpr (requires { names<E>::not_yet; }) {
        return names<E>::not_yet;
    } else {
        return std::array<std::string_view, 0>{};
    }
}

/// The name of an enumeration value.
template <has_names E>
constexpr std::string_view name_of_value(E value) {
    for (const auto& entry : names<E>::known) {
        if (entry.value == value) return entry.name;
    }
    return {};
}

namespace detail {

struct key_collector {
    std::vector<std::string_view> known;
    std::vector<std::string_view> one_of;  ///< of these, where exactly one member is given
    std::vector<std::string_view> reserved;

    template <class S, class M>
    void operator()(M S::*, const field<value_of_t<M>>& f) {
        known.push_back(f.key);
        if (!f.beside) one_of.push_back(f.key);
    }
    void not_yet(std::string_view key) { reserved.push_back(key); }
};

}  // namespace detail

/// The keys of a struct in their order; `reserved` are those that are not supported yet.
template <described S>
detail::key_collector keys_of() {
    detail::key_collector keys;
    S::fields(keys);
    return keys;
}

}  // namespace ampacity::scenario
