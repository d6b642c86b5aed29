#include "support/catch.hpp"

#include <ampacity/core/error.hpp>

#include <string>
#include <type_traits>

using namespace ampacity;

namespace {

diagnostic full() {
    return {{"site.yaml", 12, 7}, "nodes.count", "not a whole number", "4.5", "write a number from 1 on"};
}

/// Line of the assertion in it.
int failing_line = 0;
void fail(int x) {
    failing_line = __LINE__ + 1;
    AMPACITY_ASSERT(x == 1 && "why");
}

}  // namespace

TEST_CASE("a diagnostic says place, key, fault, value and remedy, and leaves out what is not known", "[error]") {
    CHECK(full().text() == "site.yaml:12:7: error: nodes.count: not a whole number (4.5); write a number from 1 on");

    diagnostic d = full();
    d.where.column = 0;
    CHECK(d.text() == "site.yaml:12: error: nodes.count: not a whole number (4.5); write a number from 1 on");
    d.where.line = 0;
    CHECK(d.text() == "site.yaml: error: nodes.count: not a whole number (4.5); write a number from 1 on");
    d.where.column = 3;  // means nothing without a line
    CHECK(d.text() == "site.yaml: error: nodes.count: not a whole number (4.5); write a number from 1 on");
    d.where = {"", 12, 7};
    CHECK(d.text() == "error: nodes.count: not a whole number (4.5); write a number from 1 on");

    d = full();
    d.key.clear();
    CHECK(d.text() == "site.yaml:12:7: error: not a whole number (4.5); write a number from 1 on");
    d = full();
    d.value.clear();
    CHECK(d.text() == "site.yaml:12:7: error: nodes.count: not a whole number; write a number from 1 on");
    d = full();
    d.remedy.clear();
    CHECK(d.text() == "site.yaml:12:7: error: nodes.count: not a whole number (4.5)");
    CHECK(diagnostic{.where = {}, .key = "", .what = "out of luck", .value = "", .remedy = ""}.text() ==
          "error: out of luck");
}

TEST_CASE("a diagnostic is one line, whatever its parts hold", "[error]") {
    diagnostic d = full();
    d.value = std::string("a\nb\x1B[31m\x7F") + '\0';
    CHECK(d.text() ==
          "site.yaml:12:7: error: nodes.count: not a whole number (a\\x0Ab\\x1B[31m\\x7F\\x00); write a number from 1 "
          "on");
    d.value = "\u00B5s";
    CHECK(d.text() == "site.yaml:12:7: error: nodes.count: not a whole number (\u00B5s); write a number from 1 on");
}

TEST_CASE("each kind of error has its exit status", "[error]") {
    static_assert(std::is_base_of_v<error, scenario_error> && std::is_base_of_v<error, data_error>);
    static_assert(std::is_base_of_v<error, plan_error> && std::is_base_of_v<error, internal_error>);
    static_assert(std::is_base_of_v<std::runtime_error, error>);
    CHECK(scenario_error(full()).exit_status() == 2);
    CHECK(data_error(full()).exit_status() == 3);
    CHECK(plan_error("x").exit_status() == 5);
    CHECK(internal_error("x").exit_status() == 1);
    CHECK(std::string(plan_error("the plan").what()) == "the plan");

    const data_error e(full());
    CHECK(std::string(e.what()) == full().text());
    CHECK(e.details().key == "nodes.count");
    CHECK(e.details().where.line == 12);
    CHECK(e.details().where.column == 7);
}

TEST_CASE("a failed assertion names its expression and its place, in every build type", "[error]") {
    CHECK_NOTHROW(fail(1));
    std::string text;
    try {
        fail(2);
    } catch (const internal_error& e) {
        text = e.what();
    }
    CHECK(text ==
          "assertion failed: x == 1 && \"why\" at " + std::string{__FILE__} + ":" + std::to_string(failing_line));
}
