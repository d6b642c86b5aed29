#include "json_file.hpp"

#include <ampacity/io/csv_reader.hpp>
#include <ampacity/io/input_stream.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace ampacity::report {
namespace {

constexpr int deepest = 100;  ///< levels of nesting that are read

constexpr const char* remedy_of_damage = "run the simulation again, or give the file as `ampacity run` wrote it";

source_position place_of(const std::string& file, std::string_view text, std::size_t at) {
    const std::string_view before = text.substr(0, at);
    const std::size_t line_end = before.rfind('\n');
    const std::size_t line_start = line_end == std::string_view::npos ? 0 : line_end + 1;
    return {file, static_cast<std::uint64_t>(std::count(before.begin(), before.end(), '\n')) + 1,
            before.size() - line_start + 1};
}

/// A place in valid JSON that moves over whole values.
class cursor {
public:
    explicit cursor(std::string_view text) : text_(text) { skip_blanks(); }
    [[nodiscard]] std::size_t at() const noexcept { return at_; }

    /// Goes into an object, to the value of `key`; false, and anywhere, where there is none.
    bool enter(std::string_view key) {
        if (text_[at_] != '{') return false;
        do {
            ++at_;
            skip_blanks();
            if (text_[at_] != '"') return false;
            const std::size_t begin = at_ + 1;
            skip_value();
            const bool found = text_.substr(begin, at_ - 1 - begin) == key;
            skip_blanks();
            ++at_;  // the colon
            skip_blanks();
            if (found) return true;
            skip_value();
            skip_blanks();
        } while (text_[at_] == ',');
        return false;
    }

private:
    void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }

    void skip_value() {
        int depth = 0;
        do {
            const char c = text_[at_];
            if (c == '"') {
                do at_ += text_[at_] == '\\' ? 2U : 1U;
                while (text_[at_] != '"');
                ++at_;
            } else if (c == '{' || c == '[' || c == '}' || c == ']') {
                depth += c == '{' || c == '[' ? 1 : -1;
                ++at_;
            } else {
                at_ = std::min(text_.find_first_of(",:]}[{\" \t\r\n", at_ + 1), text_.size());
            }
        } while (depth != 0);
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

/// Calls `visit` with each key of a dotted path until it returns false.
template <class Visit>
void walk(std::string_view path, Visit visit) {
    while (!path.empty()) {
        const std::size_t dot = std::min(path.find('.'), path.size());
        if (!visit(path.substr(0, dot))) return;
        path.remove_prefix(std::min(dot + 1, path.size()));
    }
}

}  // namespace

std::string read_text(const std::filesystem::path& file) {
    io::input_stream in{file};
    std::string out;
    std::array<char, 4096> block{};
    while (const std::size_t n = in.read(block)) out.append(block.data(), n);
    return out;
}

source_position json_position(const std::string& file, std::string_view text, std::string_view path) {
    cursor at{text};
    std::size_t found = at.at();
    walk(path, [&](std::string_view key) {
        if (!at.enter(key)) return false;
        found = at.at();
        return true;
    });
    return place_of(file, text, found);
}

json_file::json_file(const std::filesystem::path& file) : file_(file.string()), text_(read_text(file)) {
    const auto refuse_depth = [this](int depth, json_value::parse_event_t, json_value&) {
        if (depth > deepest) throw data_error({{file_, 1, 1}, {}, "is nested too deeply", {}, remedy_of_damage});
        return true;
    };
    try {
        root_ = json_value::parse(text_, refuse_depth);
    } catch (const json_value::parse_error& e) {
        const std::size_t at = std::min(e.byte == 0 ? 0 : e.byte - 1, text_.size());
        throw data_error({place_of(file_, text_, at),
                          {},
                          at == text_.size() ? "ends too early" : "is not JSON",
                          io::printable(std::string_view{text_}.substr(at, 20)),
                          remedy_of_damage});
    } catch (const json_value::exception& e) {
        throw data_error(
            {{file_, 1, 1}, {}, "is not JSON that can be read", io::printable(e.what()), remedy_of_damage});
    }
    if (!root_.is_object()) throw data_error({{file_, 1, 1}, {}, "is not a JSON object", {}, remedy_of_damage});
}

const json_file::json_value* json_file::find(std::string_view path) const {
    const json_value* at = &root_;
    walk(path, [&](std::string_view key) {
        const auto next = at->is_object() ? at->find(std::string{key}) : at->end();
        const bool found = at->is_object() && next != at->end();
        at = found ? &*next : nullptr;
        return found;
    });
    return at;
}

const json_file::json_value& json_file::needed(std::string_view path) const {
    const json_value* const found = find(path);
    if (found == nullptr) fail(path, "key missing", {}, remedy_of_damage);
    return *found;
}

std::string json_file::text(std::string_view path) const {
    const json_value& v = needed(path);
    if (!v.is_string()) fail(path, "not a text", v.dump(), remedy_of_damage);
    return v.get<std::string>();
}

std::uint64_t json_file::count(std::string_view path) const {
    const json_value& v = needed(path);
    if (!v.is_number_unsigned()) fail(path, "not a count", v.dump(), remedy_of_damage);
    return v.get<std::uint64_t>();
}

double json_file::number(std::string_view path) const {
    const json_value& v = needed(path);
    if (!v.is_number() || v.get<double>() < 0) fail(path, "not a number from 0 up", v.dump(), remedy_of_damage);
    return v.get<double>();
}

std::optional<double> json_file::optional_number(std::string_view path) const {
    if (find(path) == nullptr) return std::nullopt;
    return number(path);
}

void json_file::fail(std::string_view path, std::string what, std::string_view value, std::string remedy) const {
    throw data_error({json_position(file_, text_, path), std::string{path}, std::move(what), io::printable(value),
                      std::move(remedy)});
}

}  // namespace ampacity::report
