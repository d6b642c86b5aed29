#include "support/catch.hpp"

#include <ampacity/policy/registry.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace ampacity;

namespace {

std::set<std::string_view> names_of(std::span<const policy::description> table) {
    std::set<std::string_view> names;
    for (const auto& d : table) names.insert(d.name);
    return names;
}

}  // namespace

TEST_CASE("the policies and placers are those of the semantics", "[registry]") {
    CHECK(names_of(policy::policies()) ==
          std::set<std::string_view>{"fifo",         "fifo-skip",   "sjf",        "srtf",    "las",   "easy",
                                     "conservative", "srsf",        "gittins",    "qssf",    "ftf",   "max-min",
                                     "priority",     "fair-share",  "drf",        "elastic", "round", "explain",
                                     "carbon-aware", "price-aware", "power-aware"});
    CHECK(names_of(policy::placers()) ==
          std::set<std::string_view>{"first-fit", "pack", "spread", "topology", "block"});
}

TEST_CASE("names are unique and described", "[registry]") {
    CHECK(policy::policies().size() == 21);
    CHECK(policy::placers().size() == 5);
    std::set<std::string_view> texts;
    for (const auto table : {policy::policies(), policy::placers()}) {
        CHECK(names_of(table).size() == table.size());
        for (const auto& d : table) {
            CAPTURE(d.name);
            CHECK(d.text.size() > 10);
            CHECK(texts.insert(d.text).second);
            CHECK(d.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string_view::npos);
        }
    }
}

TEST_CASE("every name makes an instance of its own", "[registry]") {
    for (const auto& d : policy::policies()) {
        CAPTURE(d.name);
        const auto one = policy::make_policy(d.name, {});
        const auto other = policy::make_policy(d.name, {});
        CHECK(one != nullptr);
        CHECK(one != other);
    }
    for (const auto& d : policy::placers()) {
        CAPTURE(d.name);
        CHECK(policy::make_placer(d.name) != nullptr);
    }
}

TEST_CASE("rounds and explanations hold another policy, but not each other's kind", "[registry]") {
    for (const auto& d : policy::policies()) {
        CAPTURE(d.name);
        const bool wraps = d.name == "round" || d.name == "explain";
        CHECK((policy::make_policy("round", {.round_policy = std::string{d.name}}) == nullptr) == wraps);
        CHECK((policy::make_policy("explain", {.explain_policy = std::string{d.name}}) == nullptr) ==
              (d.name == "explain"));
    }
    for (const auto& d : policy::policies()) {
        CAPTURE(d.name);
        const bool wraps =
            d.name == "round" || d.name == "explain" || d.name == "carbon-aware" || d.name == "price-aware";
        CHECK((policy::make_policy("carbon-aware", {.carbon_aware_base = std::string{d.name}}) == nullptr) == wraps);
        CHECK((policy::make_policy("price-aware", {.price_aware_base = std::string{d.name}}) == nullptr) == wraps);
    }
    CHECK(policy::make_policy("carbon-aware", {.carbon_aware_base = "fcfs"}) == nullptr);
    CHECK(policy::make_policy("round", {.round_policy = "fcfs"}) == nullptr);
    CHECK(policy::make_policy("explain", {.round_policy = "fcfs", .explain_policy = "round"}) == nullptr);
}

TEST_CASE("unknown names make nothing", "[registry]") {
    for (const std::string name : {"", "FIFO", "fifo ", "fif", "fifo-skip-", "first-fit", "spread", "fcfs"}) {
        CAPTURE(name);
        CHECK(policy::make_policy(name, {}) == nullptr);
    }
    for (const std::string name : {"", "Pack", "packs", "first_fit", "fifo", "topologi", "blocks"}) {
        CAPTURE(name);
        CHECK(policy::make_placer(name) == nullptr);
    }
}
