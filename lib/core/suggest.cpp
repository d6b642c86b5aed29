#include <ampacity/core/suggest.hpp>

#include <algorithm>
#include <array>
#include <iterator>

namespace ampacity {
namespace {

constexpr std::size_t longest = 64;  // names of keys and policies are far shorter
constexpr std::size_t most_listed = 20;

char folded(char c) {
    if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
    return c == '_' ? '-' : c;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
    a = a.substr(0, longest);
    b = b.substr(0, longest);
    using row = std::array<std::size_t, longest + 1>;
    row before_last{};
    row last{};
    row current{};
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const bool same = folded(a[i - 1]) == folded(b[j - 1]);
            current[j] = std::min({last[j] + 1, current[j - 1] + 1, last[j - 1] + (same ? 0U : 1U)});
            const bool swapped =
                i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) && folded(a[i - 2]) == folded(b[j - 1]);
            if (swapped) current[j] = std::min(current[j], before_last[j - 2] + 1);
        }
        before_last = last;
        last = current;
    }
    return last[b.size()];
}

std::string_view nearest(std::string_view text, std::span<const std::string_view> known) {
    const std::size_t limit = std::clamp<std::size_t>(text.size() / 3, 1, 3);
    std::string_view best;
    std::size_t best_distance = limit + 1;
    for (const std::string_view name : known) {
        const std::size_t distance = edit_distance(text, name);
        if (distance < best_distance) {
            best = name;
            best_distance = distance;
        }
    }
    return best;
}

std::vector<std::string_view> containing(std::string_view text, std::span<const std::string_view> known) {
    std::vector<std::string_view> out;
    if (text.empty()) return out;
    std::copy_if(known.begin(), known.end(), std::back_inserter(out), [text](std::string_view name) {
        return std::search(name.begin(), name.end(), text.begin(), text.end(),
                           [](char a, char b) { return folded(a) == folded(b); }) != name.end();
    });
    return out;
}

std::string suggestion(std::string_view text, std::span<const std::string_view> known) {
    if (const std::string_view name = nearest(text, known); !name.empty())
        return "did you mean `" + std::string{name} + "`?";
    if (known.empty()) return {};
    std::string out = "known: ";
    for (std::size_t i = 0; i < known.size() && i < most_listed; ++i) {
        if (i != 0) out += ", ";
        out += known[i];
    }
    if (known.size() > most_listed) out += ", ...";
    return out;
}

}  // namespace ampacity
