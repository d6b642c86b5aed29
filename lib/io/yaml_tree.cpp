#include "yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_map>

namespace ampacity::io {
namespace {

constexpr std::size_t max_depth = 100;
constexpr std::size_t max_text = std::size_t{16} << 20U;

/// Builds nodes from the events of yaml-cpp.
class tree_builder final : public YAML::EventHandler {
public:
    tree_builder(yaml_tree& tree, std::uint32_t origin, yaml_places places)
        : tree_{tree}, origin_{origin}, places_{places} {}

    [[nodiscard]] bool has_document() const { return documents_ != 0; }
    [[nodiscard]] yaml_index root() const { return root_; }

    [[noreturn]] void fail(yaml_place at, std::string key, std::string what, std::string value,
                           std::string remedy) const {
        throw scenario_error(
            {tree_.position(at), std::move(key), std::move(what), std::move(value), std::move(remedy)});
    }

    [[nodiscard]] yaml_place place(const YAML::Mark& mark) const {
        if (places_ == yaml_places::origin_only || mark.line < 0) return {origin_, 0, 0};
        return {origin_, static_cast<std::uint32_t>(mark.line) + 1, static_cast<std::uint32_t>(mark.column) + 1};
    }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ > 1)
            fail(place(mark), {}, "a second YAML document", {}, "write one document only, without `---` after it");
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        if (wants_key()) fail(place(mark), path(), "a key without a name", {}, "write a word before the colon");
        add(mark, anchor, yaml_kind::null);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        if (wants_key()) fail(place(mark), path(), "an alias as a key", {}, "write the key out");
        const auto target = anchors_.find(anchor);
        if (target == anchors_.end())
            fail(place(mark), path(), "an alias without an anchor", {}, "write the value out");
        for (const frame& f : open_) {
            if (f.node == target->second)
                fail(place(mark), path(), "an alias inside its own anchor", {}, "write the value out");
        }
        attach(target->second);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        refuse_tag(mark, tag);
        if (wants_key()) return take_key(mark, value, tag == "!");
        yaml_node& node = add(mark, anchor, yaml_kind::scalar);
        node.text = value;
        node.quoted = tag == "!";
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, yaml_kind::list);
    }
    void OnSequenceEnd() override { open_.pop_back(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, yaml_kind::map);
    }
    void OnMapEnd() override { open_.pop_back(); }

private:
    struct frame {
        yaml_index node;
        bool has_key = false;  ///< of a map: the next node is the value of its last entry
        std::unordered_map<std::string, yaml_place> seen;
    };

    [[nodiscard]] bool wants_key() const {
        return !open_.empty() && tree_.at(open_.back().node).kind == yaml_kind::map && !open_.back().has_key;
    }

    /// The key path of the node that is about to come.
    [[nodiscard]] std::string path() const {
        std::string out;
        for (const frame& f : open_) {
            const yaml_node& node = tree_.at(f.node);
            // All but the innermost node already hold the one that leads inwards.
            const bool innermost = &f == &open_.back();
            if (innermost && node.kind == yaml_kind::map && !f.has_key) break;
            if (!out.empty()) out += '.';
            out += node.kind == yaml_kind::map ? node.entries.back().key
                                               : std::to_string(node.items.size() - (innermost ? 0 : 1));
        }
        return out;
    }

    void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
        // "?" is a plain node, "!" a quoted one.
        if (tag.empty() || tag == "?" || tag == "!") return;
        fail(place(mark), path(), "YAML tags are not supported", tag, "remove the tag");
    }

    void take_key(const YAML::Mark& mark, const std::string& key, bool quoted) {
        frame& top = open_.back();
        const std::string parent = path();
        const std::string full = parent.empty() ? key : parent + '.' + key;
        const yaml_place at = place(mark);
        if (key == "<<" && !quoted)
            fail(at, full, "merge keys are not supported", key, "write the keys out, or alias the whole value");
        const auto [first, is_new] = top.seen.emplace(key, at);
        if (!is_new) {
            const yaml_place& before = first->second;
            fail(at, full, "duplicate key", key,
                 before.line == 0 ? "keep one"
                                  : "keep one; it stands in line " + std::to_string(before.line) + ", column " +
                                        std::to_string(before.column) + " too");
        }
        tree_.nodes[top.node].entries.push_back({key, at, 0});
        top.has_key = true;
    }

    void attach(yaml_index node) {
        if (open_.empty()) {
            root_ = node;
            return;
        }
        frame& top = open_.back();
        yaml_node& parent = tree_.nodes[top.node];
        if (parent.kind == yaml_kind::map) {
            parent.entries.back().value = node;
            top.has_key = false;
        } else {
            parent.items.push_back(node);
        }
    }

    yaml_node& add(const YAML::Mark& mark, YAML::anchor_t anchor, yaml_kind kind) {
        const auto row = static_cast<yaml_index>(tree_.nodes.size());
        yaml_node& node = tree_.nodes.emplace_back();
        node.kind = kind;
        node.at = place(mark);
        if (anchor != YAML::NullAnchor) anchors_[anchor] = row;
        attach(row);
        return tree_.nodes[row];
    }

    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, yaml_kind kind) {
        refuse_tag(mark, tag);
        if (wants_key())
            fail(place(mark), path(),
                 kind == yaml_kind::map ? "a map where a key should be" : "a list where a key should be", {},
                 "write a word before the colon, close every bracket, and put texts that start with one in quotes");
        if (open_.size() >= max_depth)
            fail(place(mark), {}, "nested too deeply", std::to_string(open_.size() + 1) + " levels",
                 "write at most " + std::to_string(max_depth) + " levels");
        add(mark, anchor, kind);
        open_.push_back({static_cast<yaml_index>(tree_.nodes.size() - 1), false, {}});
    }

    yaml_tree& tree_;
    std::uint32_t origin_;
    yaml_places places_;
    std::size_t documents_ = 0;
    yaml_index root_ = 0;
    std::vector<frame> open_;
    std::map<YAML::anchor_t, yaml_index> anchors_;
};

/// Bytes of the UTF-8 sequence at the front of `text`, 0 if there is no valid one (RFC 3629).
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(text[i])); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                               : lead >= 0xE0 && lead <= 0xEF ? 3
                               : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                              : 0;
    if (length == 0 || text.size() < length) return 0;
    // The second byte excludes overlong forms, surrogates and values above U+10FFFF.
    const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(1) < low || byte(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
    }
    return length;
}

/// Throws on bytes that no scenario contains; yaml-cpp would read on with replacement characters.
void check_bytes(std::string_view text, const tree_builder& builder) {
    YAML::Mark mark;
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const std::size_t length = utf8_length(text.substr(i));
        const bool control = (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F;
        if (length == 0 || control) {
            constexpr std::string_view hex = "0123456789ABCDEF";
            const std::string value{'0', 'x', hex[byte >> 4U], hex[byte & 0xFU]};
            builder.fail(builder.place(mark), {}, length == 0 ? "not UTF-8" : "a control character", value,
                         "save the file as UTF-8 text");
        }
        if (byte == '\n') {
            ++mark.line;
            mark.column = 0;
        } else {
            mark.column += static_cast<int>(length);
        }
        i += length;
    }
}

/// Blames a tab in the indentation of the line where parsing failed: the usual cause, which yaml-cpp does not name.
void refuse_tab(std::string_view text, const YAML::Mark& failed, const tree_builder& builder) {
    if (failed.line < 0) return;
    std::size_t from = 0;
    for (int line = 0; line < failed.line && from < text.size(); ++line)
        from = std::min(text.find('\n', from), text.size() - 1) + 1;
    const std::string_view line = text.substr(std::min(from, text.size()));
    const std::size_t tab = line.substr(0, line.find_first_not_of(" \t")).find('\t');
    if (tab == std::string_view::npos) return;
    YAML::Mark at = failed;
    at.column = static_cast<int>(tab);
    builder.fail(builder.place(at), {}, "a tab in the indentation", {}, "indent with blanks");
}

}  // namespace

yaml_index parse_yaml(yaml_tree& tree, const std::string& origin, std::string_view text, yaml_places places) {
    const auto origin_row = static_cast<std::uint32_t>(tree.origins.size());
    tree.origins.push_back(origin);
    tree_builder builder{tree, origin_row, places};
    if (text.size() > max_text)
        builder.fail({origin_row, 1, 1}, {}, "too large", std::to_string(text.size()) + " bytes",
                     "write at most 16 MiB");
    if (constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF"; text.starts_with(byte_order_mark))
        text.remove_prefix(byte_order_mark.size());
    check_bytes(text, builder);
    // yaml-cpp takes a quote that is never closed for closed where the text ends in a line break.
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    try {
        std::istringstream stream{std::string{text}};
        YAML::Parser parser{stream};
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const YAML::Exception& e) {
        refuse_tab(text, e.mark, builder);
        builder.fail(builder.place(e.mark), {}, "not valid YAML: " + e.msg, {},
                     "check indentation, quotes and brackets");
    }
    if (builder.has_document()) return builder.root();
    tree.nodes.emplace_back().at.origin = origin_row;
    return static_cast<yaml_index>(tree.nodes.size() - 1);
}

}  // namespace ampacity::io
