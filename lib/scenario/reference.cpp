#include <ampacity/scenario/reference.hpp>
#include <ampacity/scenario/scenario.hpp>
#include <ampacity/scenario/values.hpp>

namespace ampacity::scenario {
namespace {

template <class T>
std::string unit_text() {
    std::optional<dimension> of;
    if constexpr (std::same_as<T, duration> || std::same_as<T, exact_duration>)
        of = dimension::time;
    else if constexpr (std::same_as<T, gpu_duration>)
        of = dimension::gpu_time;
    else if constexpr (requires { dimension_of(T{}); })
        of = dimension_of(T{});
    std::string out;
    for (const unit& row : units()) {
        if (row.of != of) continue;
        if (!out.empty()) out += ", ";
        out += row.symbol;
    }
    return out;
}

template <class T>
std::string text_of(const std::vector<T>& list) {
    std::string out = "[";
    for (const T& item : list) {
        if (out.size() > 1) out += ", ";
        out += yaml_text(item);
    }
    return out + ']';
}

template <described S>
class collector {
public:
    collector(std::string prefix, std::vector<key_entry>& out) : prefix_{std::move(prefix)}, out_{out} {}

    template <class M>
    void operator()(M S::* member, const field<value_of_t<M>>& f) {
        using T = value_of_t<M>;
        const S defaults{};
        key_entry entry;
        entry.path = prefix_ + std::string{f.key};
        entry.type =
            (is_list<M> ? "list of " : "") + std::string{type_name<T>()} + (is_list<M> && described<T> ? "s" : "");
        if constexpr (may_be_single<M>) entry.type = std::string{type_name<T>()} + " or " + entry.type;
        entry.unit = unit_text<T>();
        entry.range = range_text(f);
        entry.doc = f.doc;
        entry.required = f.required;
        if constexpr (is_optional<M>)
            entry.default_value = f.none;
        else if constexpr (is_list<M> && !described<T>)
            entry.default_value =
                f.required || (f.never_empty && (defaults.*member).empty()) ? "" : text_of(defaults.*member);
        else if constexpr (!described<T>)
            entry.default_value = f.required ? "" : yaml_text(defaults.*member);
        const std::string path = entry.path;
        out_.push_back(std::move(entry));
        if constexpr (described<T>) {
            collector<T> inner{path + '.' + (is_list<M> && !may_be_single<M> ? std::string{any_index} + '.' : ""),
                               out_};
            T::fields(inner);
        }
    }

    void not_yet(std::string_view key) {
        key_entry entry;
        entry.path = prefix_ + std::string{key};
        entry.doc = "not supported yet";
        entry.supported = false;
        out_.push_back(std::move(entry));
    }

private:
    std::string prefix_;
    std::vector<key_entry>& out_;
};

}  // namespace

std::vector<key_entry> key_reference() {
    std::vector<key_entry> out;
    collector<scenario> visit{{}, out};
    scenario::fields(visit);
    return out;
}

}  // namespace ampacity::scenario
