#include <ampacity/scenario/resolved.hpp>
#include <ampacity/scenario/values.hpp>

namespace ampacity::scenario {
namespace {

template <described S>
std::string block(const S& value, std::size_t indent);

/// Writes the members of one struct, each on its own lines.
template <described S>
class struct_writer {
public:
    struct_writer(const S& value, std::size_t indent, std::string& out) : value_{value}, indent_{indent}, out_{out} {}

    template <class M>
    void operator()(M S::* member, const field<value_of_t<M>>& f) {
        const M& m = value_.*member;
        if constexpr (is_optional<M>) {
            if (m)
                write(f.key, *m);
            else if (!f.none.empty())
                line(f.key, std::string{f.none});
        } else if (!is_empty_list(m, f.required, f.never_empty)) {
            write(f.key, m);
        }
    }
    void not_yet(std::string_view) {}

private:
    /// Of structs, which have no elements by default, or one that may not be empty.
    template <class V>
    static bool is_empty_list(const V& v, bool required, bool never_empty) {
        if constexpr (is_list<V>) {
            return (described<value_of_t<V>> || never_empty) && !required && v.empty();
        } else {
            return false;
        }
    }

    template <class V>
    void write(std::string_view key, const V& v) {
        if constexpr (may_be_single<V>) {
            if (v.size() == 1)
                write(key, *v);
            else
                write_list(key, v);
        } else if constexpr (is_list<V>) {
            write_list(key, v);
        } else if constexpr (described<V>) {
            const std::string text = block(v, indent_ + 2);
            if (text.empty()) return line(key, "{}");
            start(key);
            out_ += '\n' + text;
        } else {
            line(key, yaml_text(v));
        }
    }

    template <class T>
    void write_list(std::string_view key, const std::vector<T>& list) {
        if constexpr (described<T>) {
            if (list.empty()) return line(key, "[]");
            start(key);
            out_ += '\n';
            for (const T& item : list) {
                // The first line of the item moves behind its dash.
                std::string text = block(item, indent_ + 4);
                if (!text.empty()) text[indent_ + 2] = '-';
                out_ += text;
            }
        } else {
            std::string text = "[";
            for (const T& item : list) {
                if (text.size() > 1) text += ", ";
                text += yaml_text(item);
            }
            line(key, text + ']');
        }
    }

    void start(std::string_view key) {
        out_.append(indent_, ' ');
        out_ += key;
        out_ += ':';
    }

    void line(std::string_view key, const std::string& text) {
        start(key);
        out_ += ' ' + text + '\n';
    }

    const S& value_;
    std::size_t indent_;
    std::string& out_;
};

template <described S>
std::string block(const S& value, std::size_t indent) {
    std::string out;
    struct_writer<S> writer{value, indent, out};
    S::fields(writer);
    return out;
}

}  // namespace

std::string write_resolved(const scenario& s) { return block(s, 0); }

std::string write_resolved(const synthetic_jobs& jobs) { return block(jobs, 0); }

}  // namespace ampacity::scenario
