#pragma once
/// \file
/// The boundary between the program and a plug-in: the table that a plug-in exports, and the text of what both sides
/// must agree on. Users write plug-ins with policy/plugin.hpp.
///
/// Every function of the table returns false after it has caught an exception, with the failure filled in; none throws.
/// C++ types cross as they are, which is why the text names the compiler and the layout of each. Constants only.

#include <ampacity/core/fnv.hpp>
#include <ampacity/core/version.hpp>
#include <ampacity/policy/placer.hpp>
#include <ampacity/policy/policy.hpp>
#include <ampacity/workload/source.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace ampacity::plugin {

/// Goes up when the order or the meaning of a function of the table, or of a virtual function of a class that crosses,
/// changes.
inline constexpr std::uint32_t interface_version = 6;

/// The name of the function.
inline constexpr const char* entry_point = "ampacity_plugin";

/// A text that need not end with a zero.
struct text_ref {
    const char* at = nullptr;
    std::size_t size = 0;
};
/// As the library reads it.
constexpr std::string_view view_of(text_ref t) noexcept { return {t.at, t.size}; }

/// One option of the scenario.
struct option {
    text_ref key;
    text_ref value;
};

/// What a part is made from.
struct setup_data {
    const option* options = nullptr;
    std::size_t num_options = 0;
    std::uint64_t seed = 0;
    std::uint16_t entry = 0;
};

/// Why a call failed.
enum class failure_kind : std::uint32_t {
    none,
    option,        ///< an option of the scenario is wrong
    plan,          ///< the plan refused a proposal: passed on as it is
    other_plugin,  ///< a fault of another plug-in came through: passed on as it is
    exception,     ///< it threw a `std::exception`
    unknown,       ///< it threw something else
};

/// A failure on its way to the program; texts that are too long are cut, and have no meaning before `set`.
struct failure {
    failure_kind kind = failure_kind::none;
    char text[1024];
    char key[256];
    char remedy[512];

    void set(failure_kind k, std::string_view what, std::string_view of = {}, std::string_view to_do = {}) noexcept {
        kind = k;
        copy(what, text);
        copy(of, key);
        copy(to_do, remedy);
    }

private:
    template <std::size_t N>
    static void copy(std::string_view from, char (&to)[N]) noexcept {
        const std::size_t n = std::min(from.size(), N - 1);
        std::copy_n(from.data(), n, to);
        to[n] = '\0';
    }
};

/// What a policy is told.
enum class notification : std::uint32_t {
    submit,
    start,
    finish,
    preempt,
    resize,
    fail,
    capacity_changed,
    headroom_changed,
    tick,
    requeue,
    speed_changing,
    speed_changed
};

struct policy_calls {
    bool (*decide)(void* self, const policy::view& v, policy::plan& p, failure& out) noexcept;
    bool (*notify)(void* self, notification what, const policy::view& v, job_id job, failure& out) noexcept;
    bool (*runs_into_closings)(const void* self) noexcept;
    bool (*chooses_gpus)(const void* self, bool& chooses, failure& out) noexcept;
    void (*destroy)(void* self) noexcept;
};

struct placer_calls {
    bool (*place)(const void* self, const fleet::free_index& free, fleet::demand wanted,
                  std::vector<fleet::gpu_share>& to, bool& found, failure& out) noexcept;
    bool (*fits)(const void* self, const fleet::free_index& free, fleet::demand wanted, bool& found,
                 failure& out) noexcept;
    void (*destroy)(void* self) noexcept;
};

struct source_calls {
    bool (*next)(void* self, std::span<workload::job_request> to, std::size_t& count, failure& out) noexcept;
    bool (*progress)(const void* self, std::optional<double>& share, failure& out) noexcept;
    bool (*text)(const void* self, std::int64_t index, std::string_view& value, failure& out) noexcept;
    void (*destroy)(void* self) noexcept;
};

enum class part_kind : std::uint32_t { policy, placer, source, cap_policy };

/// A policy, placer, source or cap policy of a plug-in.
struct part {
    part_kind kind;
    const char* name;
    const char* meaning;
    /// A new one, or null and the failure.
    void* (*make)(const setup_data& data, failure& out) noexcept;
    const void* calls = nullptr;  ///< of a cap policy: its `cap_calls` (sim/cap_plugin.hpp)
};

/// What `ampacity_plugin` returns. `abi` stands first in every version.
struct table {
    const char* abi;
    const part* parts;
    std::size_t num_parts;
    policy_calls policy;
    placer_calls placer;
    source_calls source;
};

/// The text that both sides must have in common.
struct abi_text {
    char text[512] = {};
    std::size_t size = 0;

    constexpr abi_text& operator<<(std::string_view more) {
        for (const char c : more) text[size++] = c;
        return *this;
    }
    constexpr abi_text& operator<<(std::uint64_t number) {
        char digits[20] = {};
        std::size_t n = 0;
        do {
            digits[n++] = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number != 0);
        while (n != 0) text[size++] = digits[--n];
        return *this;
    }
};

namespace detail {

template <class... T>
constexpr std::uint64_t layout_of() {
    std::uint64_t hash = fnv_start;
    const auto add = [&hash](std::uint64_t x) { hash = fnv_1a(x, hash); };
    (..., (add(sizeof(T)), add(alignof(T))));
    for (const std::size_t offset : {offsetof(policy::job_view, estimate),
                                     offsetof(policy::job_view, progress),
                                     offsetof(policy::job_view, speed),
                                     offsetof(policy::job_view, demand),
                                     offsetof(policy::job_view, held),
                                     offsetof(policy::job_view, state),
                                     offsetof(policy::job_view, order),
                                     offsetof(policy::job_view, submit),
                                     offsetof(policy::job_view, priority),
                                     offsetof(policy::job_view, user),
                                     offsetof(policy::job_view, group),
                                     offsetof(policy::job_view, vacates),
                                     offsetof(workload::job_request, name),
                                     offsetof(workload::job_request, submit),
                                     offsetof(workload::job_request, work),
                                     offsetof(workload::job_request, estimate),
                                     offsetof(workload::job_request, gpus),
                                     offsetof(workload::job_request, priority),
                                     offsetof(workload::job_request, user),
                                     offsetof(workload::job_request, kind),
                                     offsetof(workload::job_request, name_is_text),
                                     offsetof(workload::job_request, placement),
                                     offsetof(workload::job_request, accelerator),
                                     offsetof(workload::job_request, serial_fraction),
                                     offsetof(workload::job_request, gpus_step),
                                     offsetof(policy::elastic_job, step),
                                     offsetof(policy::elastic_job, serial_fraction),
                                     offsetof(policy::elastic_job, speed),
                                     offsetof(policy::changed_run, began),
                                     offsetof(policy::changed_run, full_speed),
                                     offsetof(policy::action, job),
                                     offsetof(policy::action, before),
                                     offsetof(policy::action, run_start),
                                     offsetof(policy::action, cap),
                                     offsetof(policy::action, feed)})
        add(offset);
    return hash;
}

constexpr abi_text make_abi() {
    abi_text out;
    out << "ampacity " << std::uint64_t{version_major} << "." << std::uint64_t{version_minor} << ", plug-in interface "
        << std::uint64_t{interface_version};
#if defined(__clang__)
    out << ", clang " << std::uint64_t{__clang_major__};
#else
    out << ", gcc " << std::uint64_t{__GNUC__};
#endif
#if defined(_LIBCPP_VERSION)
    out << ", libc++";
#elif defined(_GLIBCXX_USE_CXX11_ABI)
    out << ", libstdc++ abi " << std::uint64_t{_GLIBCXX_USE_CXX11_ABI};
#endif
    out << ", view " << sizeof(policy::view) << ", plan " << sizeof(policy::plan) << ", job "
        << sizeof(policy::job_view) << ", request " << sizeof(workload::job_request) << ", action "
        << sizeof(policy::action) << ", fleet " << sizeof(fleet::free_index) << ", layout "
        << layout_of<policy::view, policy::capacity_view, policy::headroom_view, policy::headroom_view::feed_share,
                     policy::feed_facts, policy::cap_facts, policy::cap_facts::change, policy::health_view,
                     policy::oracle_view, policy::plan, policy::policy, policy::placer, policy::job_view,
                     policy::elastic_job, policy::changed_run, run_costs, policy::action, fleet::free_index,
                     fleet::node_set, fleet::allocation_arena, fleet::allocation, fleet::gpu_share, fleet::demand,
                     fleet::node_state, workload::job_request, workload::job_source, failure, setup_data, option, part,
                     table, std::vector<int>, std::optional<double>>();
    return out;
}

}  // namespace detail

/// That of whoever includes this.
inline constexpr abi_text abi = detail::make_abi();

}  // namespace ampacity::plugin
