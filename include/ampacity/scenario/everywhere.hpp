#pragma once
/// \file
/// The description of a service whose requests come from several places and that has replicas at several sites.
///
/// Part of `scenario.hpp`. Plain values.

#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/site_preference.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

/// A place that requests come from.
struct request_origin {
    std::string name;
    double latitude = 0;
    double longitude = 0;
    double share = 1;
    std::optional<duration> utc_offset{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&request_origin::name, {.key = "name", .doc = "names the place", .required = true, .example = "us-east"});
        visit(&request_origin::latitude, {.key = "latitude",
                                          .doc = "in degrees; north is positive",
                                          .required = true,
                                          .example = "40.7",
                                          .min = -90.0,
                                          .max = 90.0});
        visit(&request_origin::longitude, {.key = "longitude",
                                           .doc = "in degrees; east is positive",
                                           .required = true,
                                           .example = "-74",
                                           .min = -180.0,
                                           .max = 180.0});
        visit(&request_origin::share,
              {.key = "share", .doc = "of the requests of the service", .above = 0.0, .max = 1.0});
        visit(
            &request_origin::utc_offset,
            {.key = "utc_offset",
             .doc = "local time less UTC, by which `synthetic.arrivals` has its hours there; without it an hour per 15 "
                    "degrees of longitude",
             .example = "\"-5 h\"",
             .min = -std::chrono::hours{14},
             .max = std::chrono::hours{14}});
    }
    friend bool operator==(const request_origin&, const request_origin&) = default;
};

/// Replicas at each site, and what routes requests to them.
struct everywhere_options {
    hardware::site_preference router = hardware::site_preference::nearest;
    double max_load = 0.9;
    std::optional<duration> max_round_trip{};
    double detour = 1.4;
    std::vector<request_origin> origins{};
    std::vector<std::string> sites{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&everywhere_options::router,
              {.key = "router",
               .doc = "which site requests go to: the nearest, the one with the lowest price or carbon intensity now, "
                      "the one that is closest to noon, or all to the same load"});
        visit(&everywhere_options::max_load,
              {.key = "max_load",
               .doc = "share of its capacity that a site is filled to before the next one gets more",
               .above = 0.0,
               .max = 1.0});
        visit(&everywhere_options::max_round_trip,
              {.key = "max_round_trip",
               .doc = "on the network, there and back; sites further from an origin get its requests only if none "
                      "within it has room; no limit without it",
               .example = "\"80 ms\"",
               .min = duration::zero(),
               .max = longest_input});
        visit(&everywhere_options::detour, {.key = "detour",
                                            .doc = "length of a path on the network / great circle; light in fibre "
                                                   "takes a millisecond for 200 km of it",
                                            .min = 1.0,
                                            .max = 10.0});
        visit(&everywhere_options::origins,
              {.key = "origins",
               .doc = "places that requests come from; their shares sum to 1",
               .required = true,
               .example = "[ { name: us-east, latitude: 40.7, longitude: -74, share: 1 } ]",
               .never_empty = true});
        visit(&everywhere_options::sites, {.key = "sites",
                                           .doc = "names of those of `fleet.sites` that have replicas; all without it",
                                           .example = "[ iad, arn ]",
                                           .never_empty = true});
    }
    friend bool operator==(const everywhere_options&, const everywhere_options&) = default;
};

}  // namespace ampacity::scenario
