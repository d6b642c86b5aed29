#pragma once
/// \file
/// Plug-ins: policies, placers and sources of jobs in a shared library that the program loads with `--plugin`.
///
/// A plug-in includes this header, derives from `policy::policy`, `policy::placer` or `workload::job_source`, and names
/// what it has; it links nothing of Ampacity:
///
///     AMPACITY_PLUGIN(policy<shortest_first>("shortest-first", "shortest estimate first"))
///
/// That defines the one function of the library, `ampacity_plugin`, whose table is constant: nothing registers itself.
/// The table begins with a text of what both sides must agree on (version, compiler, sizes and offsets of the types
/// that cross); a library whose text differs is refused before anything else of it is looked at. Exceptions end on the
/// plug-in's side of each call and travel as text. A class that can be constructed from `setup&` gets its options and
/// the seed from it, others are constructed without; an option that no constructor asked for is an error of the
/// scenario. Calls come from one thread.

#include <ampacity/core/error.hpp>
#include <ampacity/core/version.hpp>
#include <ampacity/policy/placer.hpp>
#include <ampacity/policy/plugin_abi.hpp>
#include <ampacity/policy/policy.hpp>
#include <ampacity/workload/source.hpp>

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::plugin {

/// An option of the scenario is wrong; the program shows where it stands.
class option_error : public std::runtime_error {
public:
    option_error(std::string key, const std::string& what, std::string remedy)
        : std::runtime_error(what), key_(std::move(key)), remedy_(std::move(remedy)) {}
    [[nodiscard]] const std::string& key() const noexcept { return key_; }
    [[nodiscard]] const std::string& remedy() const noexcept { return remedy_; }

private:
    std::string key_;
    std::string remedy_;
};

/// What a policy, placer or source is made from: options of the scenario, and the seed of the run.
class setup {
public:
    explicit setup(const setup_data& data) : data_(data), asked_(data.num_options) {}

    /// Of all random streams (core/stream.hpp); purposes of plug-ins count from 2^31.
    [[nodiscard]] std::uint64_t seed() const noexcept { return data_.seed; }
    /// Of a source: which entry of the scenario's workload it is; a good entity for its streams.
    [[nodiscard]] std::uint16_t entry() const noexcept { return data_.entry; }

    /// Was the option given? Asking does not count as using it.
    [[nodiscard]] bool has(std::string_view key) const noexcept { return find(key) != data_.num_options; }
    /// The value of an option, or `otherwise` where it is not given.
    [[nodiscard]] std::string text(std::string_view key, std::string_view otherwise) {
        return std::string{ask(key).value_or(otherwise)};
    }
    /// \throws option_error if the value is not `true` or `false`
    [[nodiscard]] bool flag(std::string_view key, bool otherwise) {
        const auto given = ask(key);
        if (!given) return otherwise;
        if (*given != "true" && *given != "false") fail(key, "expected true or false", "write true or false");
        return *given == "true";
    }
    /// A whole or decimal number in [least, most]. \throws option_error
    template <class Number>
        requires std::integral<Number> || std::floating_point<Number>
    [[nodiscard]] Number number(std::string_view key, Number otherwise,
                                Number least = std::numeric_limits<Number>::lowest(),
                                Number most = std::numeric_limits<Number>::max()) {
        const auto given = ask(key);
        if (!given) return otherwise;
        Number value{};
        const auto [end, status] = std::from_chars(given->data(), given->data() + given->size(), value);
        if (status != std::errc{} || end != given->data() + given->size())
            fail(key, std::integral<Number> ? "expected a whole number" : "expected a number", "write a number");
        if (!(value >= least)) fail(key, "too small", "write at least " + text_of(least));
        if (!(value <= most)) fail(key, "too large", "write at most " + text_of(most));
        return value;
    }

    [[noreturn]] static void fail(std::string_view key, const std::string& what, std::string remedy) {
        throw option_error(std::string{key}, what, std::move(remedy));
    }
    /// \throws option_error if an option was given that nothing has asked for
    void check_all_used() const {
        for (std::size_t i = 0; i != data_.num_options; ++i) {
            if (asked_[i]) continue;
            std::string known;
            for (const std::string& k : known_) known += (known.empty() ? "write one of: " : ", ") + k;
            fail(view_of(data_.options[i].key), "unknown option", known.empty() ? "remove it, there are none" : known);
        }
    }

private:
    template <class Number>
    static std::string text_of(Number value) {
        char digits[64];
        const auto [end, status] = std::to_chars(digits, digits + sizeof digits, value);
        return status == std::errc{} ? std::string(digits, end) : std::string{};
    }
    [[nodiscard]] std::size_t find(std::string_view key) const noexcept {
        std::size_t i = 0;
        while (i != data_.num_options && view_of(data_.options[i].key) != key) ++i;
        return i;
    }
    std::optional<std::string_view> ask(std::string_view key) {
        known_.emplace_back(key);
        const std::size_t i = find(key);
        if (i == data_.num_options) return std::nullopt;
        asked_[i] = true;
        return view_of(data_.options[i].value);
    }

    const setup_data& data_;
    std::vector<bool> asked_;
    std::vector<std::string> known_;
};

namespace detail {

/// Calls `f`; what it throws becomes the failure. False if it threw.
template <class F>
bool guarded(failure& out, F f) noexcept {
    try {
        f();
        return true;
    } catch (const option_error& e) {
        out.set(failure_kind::option, e.what(), e.key(), e.remedy());
    } catch (const plan_error& e) {
        out.set(failure_kind::plan, e.what());
    } catch (const plugin_error& e) {
        out.set(failure_kind::other_plugin, e.what());
    } catch (const std::exception& e) {
        out.set(failure_kind::exception, e.what());
    } catch (...) {
        out.set(failure_kind::unknown, {});
    }
    return false;
}

template <class Base, class T>
void* make(const setup_data& data, failure& out) noexcept {
    Base* made = nullptr;
    guarded(out, [&] {
        setup s{data};
        std::unique_ptr<Base> part;
        if constexpr (std::constructible_from<T, setup&>)
            part = std::make_unique<T>(s);
        else
            part = std::make_unique<T>();
        s.check_all_used();
        made = part.release();
    });
    return made;
}

template <class Base>
void destroy(void* self) noexcept {
    delete static_cast<Base*>(self);
}

inline bool decide(void* self, const policy::view& v, policy::plan& p, failure& out) noexcept {
    return guarded(out, [&] { static_cast<policy::policy*>(self)->decide(v, p); });
}

inline bool notify(void* self, notification what, const policy::view& v, job_id job, failure& out) noexcept {
    return guarded(out, [&] {
        auto& to = *static_cast<policy::policy*>(self);
        switch (what) {
            case notification::submit: return to.on_submit(v, job);
            case notification::start: return to.on_start(v, job);
            case notification::finish: return to.on_finish(v, job);
            case notification::preempt: return to.on_preempt(v, job);
            case notification::resize: return to.on_resize(v, job);
            case notification::fail: return to.on_fail(v, job);
            case notification::capacity_changed: return to.on_capacity_changed(v);
            case notification::headroom_changed: return to.on_headroom_changed(v);
            case notification::tick: return to.on_tick(v);
            case notification::requeue: return to.on_requeue(v, job);
            case notification::speed_changing: return to.on_speed_changing(v, job);
            case notification::speed_changed: return to.on_speed_changed(v, job);
        }
    });
}

inline bool runs_into_closings(const void* self) noexcept {
    return static_cast<const policy::policy*>(self)->runs_into_closings();
}

inline bool chooses_gpus(const void* self, bool& chooses, failure& out) noexcept {
    return guarded(out, [&] { chooses = static_cast<const policy::policy*>(self)->chooses_gpus(); });
}

inline bool place(const void* self, const fleet::free_index& free, fleet::demand wanted,
                  std::vector<fleet::gpu_share>& to, bool& found, failure& out) noexcept {
    return guarded(out, [&] { found = static_cast<const policy::placer*>(self)->place(free, wanted, to); });
}

inline bool fits(const void* self, const fleet::free_index& free, fleet::demand wanted, bool& found,
                 failure& out) noexcept {
    return guarded(out, [&] { found = static_cast<const policy::placer*>(self)->fits(free, wanted); });
}

inline bool next(void* self, std::span<workload::job_request> to, std::size_t& count, failure& out) noexcept {
    return guarded(out, [&] { count = static_cast<workload::job_source*>(self)->next(to); });
}

inline bool progress(const void* self, std::optional<double>& share, failure& out) noexcept {
    return guarded(out, [&] { share = static_cast<const workload::job_source*>(self)->progress(); });
}

inline bool text(const void* self, std::int64_t index, std::string_view& value, failure& out) noexcept {
    return guarded(out, [&] { value = static_cast<const workload::job_source*>(self)->text(index); });
}

}  // namespace detail

/// A policy of the plug-in: its class, the name that a scenario uses and what it means, one phrase.
template <std::derived_from<::ampacity::policy::policy> T>
constexpr part policy(const char* name, const char* meaning) {
    return {part_kind::policy, name, meaning, detail::make<::ampacity::policy::policy, T>};
}
/// A placer of the plug-in.
template <std::derived_from<::ampacity::policy::placer> T>
constexpr part placer(const char* name, const char* meaning) {
    return {part_kind::placer, name, meaning, detail::make<::ampacity::policy::placer, T>};
}
/// A source of jobs of the plug-in, for `workload: - plugin: { name: ... }`. Its jobs get their rows from the program.
template <std::derived_from<workload::job_source> T>
constexpr part source(const char* name, const char* meaning) {
    return {part_kind::source, name, meaning, detail::make<workload::job_source, T>};
}

/// The table of a plug-in with these parts.
template <std::size_t N>
constexpr table make_table(const part (&parts)[N]) {
    return {.abi = abi.text,
            .parts = parts,
            .num_parts = N,
            .policy = {detail::decide, detail::notify, detail::runs_into_closings, detail::chooses_gpus,
                       detail::destroy<::ampacity::policy::policy>},
            .placer = {detail::place, detail::fits, detail::destroy<::ampacity::policy::placer>},
            .source = {detail::next, detail::progress, detail::text, detail::destroy<workload::job_source>}};
}

}  // namespace ampacity::plugin

/// Defines the function that makes a shared library a plug-in. Its arguments are the parts, inside `ampacity::plugin`.
#define AMPACITY_PLUGIN(...)                                                                                \
    extern "C" [[gnu::visibility("default")]] const ::ampacity::plugin::table* ampacity_plugin() noexcept { \
        using ::ampacity::plugin::placer;                                                                   \
        using ::ampacity::plugin::policy;                                                                   \
        using ::ampacity::plugin::source;                                                                   \
        static constexpr ::ampacity::plugin::part parts[] = {__VA_ARGS__};                                  \
        static constexpr ::ampacity::plugin::table table = ::ampacity::plugin::make_table(parts);           \
        return &table;                                                                                      \
    }
