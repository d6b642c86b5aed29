#pragma once
/// \file
/// The description of what happens to feeds at random: renewal processes of all feeds of a level, or of one.
///
/// Plain values: copy, compare and move between threads freely.

#include <ampacity/faults/duration_law.hpp>
#include <ampacity/scenario/duration_shape.hpp>
#include <ampacity/scenario/fields.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace ampacity::scenario {

/// What happens to a feed.
enum class power_event_kind : std::uint8_t {
    loss,
    maintenance,
    limit,
    demand_response,
    cooling_loss,
    flow_loss,
    price_spike
};

template <>
struct names<power_event_kind> {
    using kind = power_event_kind;
    static constexpr std::array known{named<kind>{kind::loss, "loss"},
                                      named<kind>{kind::maintenance, "maintenance"},
                                      named<kind>{kind::limit, "limit"},
                                      named<kind>{kind::demand_response, "demand-response"},
                                      named<kind>{kind::cooling_loss, "cooling-loss"},
                                      named<kind>{kind::flow_loss, "flow-loss"},
                                      named<kind>{kind::price_spike, "price-spike"}};
};

/// How much of it: members of an event, or of what happens again and again.
template <class Event, class Visitor>
constexpr void visit_effect(Visitor& visit) {
    visit(&Event::power, {.key = "power", .doc = "of a limit: the largest load", .example = "\"0.8 MW\""});
    visit(&Event::cut, {.key = "cut",
                        .doc = "of a demand response: how much lower, as a share of the load at its start",
                        .example = "0.2",
                        .min = 0.001,
                        .max = 0.999});
    visit(&Event::price,
          {.key = "price", .doc = "of a price spike: the price of energy", .example = "\"900 USD/MWh\""});
    visit(&Event::factor, {.key = "factor",
                           .doc = "of a price spike: times what energy would cost without it",
                           .example = "5",
                           .min = 0.0,
                           .max = 1e6});
}

/// Parts of the fleet that something happens to, each by itself.
enum class failing_level : std::uint8_t { site, hall, source, row, rack };

template <>
struct names<failing_level> {
    using level = failing_level;
    static constexpr std::array known{named<level>{level::site, "site"}, named<level>{level::hall, "hall"},
                                      named<level>{level::source, "source"}, named<level>{level::row, "row"},
                                      named<level>{level::rack, "rack"}};
};

/// How long something lasts: exactly one law.
struct time_law {
    static constexpr bool exactly_one = true;
    std::optional<duration> constant{};
    std::optional<uniform_durations> uniform{};
    std::optional<duration> exponential{};
    std::optional<lognormal_law> lognormal{};
    std::optional<weibull_law> weibull{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&time_law::constant, {.key = "constant",
                                    .doc = "always so long",
                                    .example = "\"2 h\"",
                                    .min = duration{1},
                                    .max = longest_input});
        visit(&time_law::uniform,
              {.key = "uniform", .doc = "spread evenly", .example = "{ min: \"1 h\", max: \"4 h\" }"});
        visit(&time_law::exponential, {.key = "exponential",
                                       .doc = "exponential with this mean",
                                       .example = "\"8 h\"",
                                       .min = duration{1},
                                       .max = longest_input});
        visit(&time_law::lognormal,
              {.key = "lognormal", .doc = "lognormal", .example = "{ median: \"2 h\", sigma: 1.2 }"});
        visit(&time_law::weibull, {.key = "weibull", .doc = "Weibull", .example = "{ scale: \"4 h\", shape: 1.5 }"});
    }
    friend bool operator==(const time_law&, const time_law&) = default;
};

/// \pre exactly one law is given
[[nodiscard]] ampacity::faults::duration_law law_of(const time_law& t);

/// What happens again and again to each feed of a level, or to one, independently of all others.
struct feed_failures {
    power_event_kind kind = power_event_kind::loss;
    std::optional<failing_level> level{};
    std::optional<std::string> feed{};
    duration mtbf{};
    double shape = 1;
    time_law repair{};
    std::optional<quantity<dimension::power>> power{};
    std::optional<double> cut{};
    std::optional<quantity<dimension::price>> price{};
    std::optional<double> factor{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&feed_failures::kind, {.key = "kind", .doc = "what happens, as in `power.events`"});
        visit(&feed_failures::level,
              {.key = "level",
               .doc = "to each feed of this level; of a cooling-loss or a flow-loss not source, of all others not hall",
               .example = "source"});
        visit(&feed_failures::feed, {.key = "feed",
                                     .doc = "to this one, in place of `level`; named as in `power.events`",
                                     .example = "hall-0/source-1"});
        visit(&feed_failures::mtbf, {.key = "mtbf",
                                     .doc = "mean time from the end of one to the start of the next",
                                     .required = true,
                                     .example = "\"400 d\"",
                                     .min = std::chrono::seconds{1},
                                     .max = longest_input});
        visit(&feed_failures::shape, {.key = "shape",
                                      .doc = "of the Weibull law of that time, above 1 for wear, below 1 for early "
                                             "failures; 1 is exponential",
                                      .min = 0.1,
                                      .max = 100.0});
        visit(&feed_failures::repair,
              {.key = "repair", .doc = "how long it lasts", .required = true, .example = "{ exponential: \"8 h\" }"});
        visit_effect<feed_failures>(visit);
    }
    friend bool operator==(const feed_failures&, const feed_failures&) = default;
};

}  // namespace ampacity::scenario
