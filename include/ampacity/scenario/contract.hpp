#pragma once
/// \file
/// The description of what a fleet costs over years: the contract of whoever uses it, and the capital of whoever owns
/// it.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

/// What a GPU in service costs from a date on.
struct contract_price {
    std::optional<std::string> gpu{};
    std::optional<date> from{};
    quantity<dimension::money_rate> per_gpu{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&contract_price::gpu, {.key = "gpu",
                                     .doc = "GPU type of the fleet; without it all that have no price of their own",
                                     .example = "gb200"});
        visit(&contract_price::from,
              {.key = "from",
               .doc = "from then on, in place of an earlier price; from the beginning without it",
               .example = "2026-07-01"});
        visit(&contract_price::per_gpu, {.key = "per_gpu",
                                         .doc = "of a GPU in service, over time",
                                         .required = true,
                                         .example = "\"3.00 USD/h\"",
                                         .min = {{0.0}},
                                         .max = {{1e3}}});
    }
    friend bool operator==(const contract_price&, const contract_price&) = default;
};

/// What the customer has promised to take.
struct contract_commitment {
    std::optional<std::string> gpu{};
    std::optional<std::uint64_t> gpus{};
    std::optional<double> gpu_hours{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&contract_commitment::gpu,
              {.key = "gpu", .doc = "GPU type of the fleet; all together without it", .example = "gb200"});
        visit(&contract_commitment::gpus, {.key = "gpus",
                                           .doc = "GPUs at a time, for as long as the contract lasts; or `gpu_hours`",
                                           .example = "207000",
                                           .min = 1});
        visit(&contract_commitment::gpu_hours, {.key = "gpu_hours",
                                                .doc = "over the whole term; what is missing is due at its end",
                                                .example = "1.2e9",
                                                .above = 0.0,
                                                .max = 1e15});
    }
    friend bool operator==(const contract_commitment&, const contract_commitment&) = default;
};

/// What racks and buildings cost their owner.
struct capital {
    std::optional<quantity<dimension::money>> rack{};
    std::optional<quantity<dimension::money_per_power>> facility{};
    duration life = std::chrono::hours{24 * 1825};
    duration facility_life = std::chrono::hours{24 * 5475};
    double interest = 0;
    double residual = 0;
    double maintenance = 0;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&capital::rack, {.key = "rack",
                               .doc = "price of a rack, or of a node without a rack; that of its model without it",
                               .example = "\"3.4e6 USD\"",
                               .min = {{0.0}},
                               .max = {{1e9}}});
        visit(&capital::facility,
              {.key = "facility",
               .doc = "price of the building and its power, per power of the racks' nameplates; without it what their "
                      "models say beside their price",
               .example = "\"15 USD/W\"",
               .min = {{0.0}},
               .max = {{1e6}}});
        visit(&capital::life, {.key = "life",
                               .doc = "over which racks are depreciated, in equal parts",
                               .min = std::chrono::hours{24},
                               .max = longest_input});
        visit(&capital::facility_life, {.key = "facility_life",
                                        .doc = "the same of the facility: an assumption",
                                        .min = std::chrono::hours{24},
                                        .max = longest_input});
        visit(&capital::interest,
              {.key = "interest", .doc = "per year (365 d), of the book value", .min = 0.0, .max = 1.0});
        visit(&capital::residual, {.key = "residual",
                                   .doc = "share of the price of racks that is left after their life",
                                   .min = 0.0,
                                   .max = 1.0});
        visit(&capital::maintenance, {.key = "maintenance",
                                      .doc = "per year (365 d), share of the prices of racks and facility",
                                      .min = 0.0,
                                      .max = 1.0});
    }
    friend bool operator==(const capital&, const capital&) = default;
};

/// What is paid for the fleet, and what it costs.
struct contract {
    std::optional<date> from{};
    std::optional<duration> term{};
    std::optional<quantity<dimension::money>> value{};
    std::vector<contract_price> price{};
    single_or_list<contract_commitment> commitment{};
    std::optional<double> take_or_pay{};
    std::optional<capital> capex{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&contract::from,
              {.key = "from", .doc = "when it begins; with the run without it", .example = "2025-11-03"});
        visit(&contract::term, {.key = "term",
                                .doc = "how long it lasts; without it as long as the run, which only prices can",
                                .example = "\"7 y\"",
                                .min = std::chrono::hours{1},
                                .max = longest_input});
        visit(&contract::value, {.key = "value",
                                 .doc = "what is paid over the term, in equal parts of time; or `price`",
                                 .example = "\"38e9 USD\"",
                                 .min = {{0.0}},
                                 .max = {{1e15}}});
        visit(&contract::price, {.key = "price",
                                 .doc = "what GPUs in service cost, by type and date",
                                 .example = "[ { gpu: gb200, per_gpu: \"3.00 USD/h\" } ]",
                                 .never_empty = true});
        visit(&contract::commitment, {.key = "commitment",
                                      .doc = "what the customer has promised to take; a list, by GPU type",
                                      .example = "{ gpus: 207000 }",
                                      .never_empty = true});
        visit(&contract::take_or_pay,
              {.key = "take_or_pay",
               .doc = "share of the price that is paid for what is committed and not in service; 1 without it",
               .example = "0.8",
               .min = 0.0,
               .max = 1.0});
        visit(&contract::capex, {.key = "capex",
                                 .doc = "what the fleet costs its owner: depreciation, interest, maintenance, energy",
                                 .example = "{ facility: \"15 USD/W\", maintenance: 0.03 }"});
    }
    friend bool operator==(const contract&, const contract&) = default;
};

}  // namespace ampacity::scenario
