#pragma once
/// \file
/// The description of a whole run: plain structs with defaults, nothing that executes.
///
/// Read from YAML by `io::read_scenario`, written by `write_resolved`, checked by `validate`, made
/// into a simulation by `build`. Each struct's `fields` is the only list of its keys (fields.hpp).
/// Plain values: copy, compare and move between threads freely.

#include <ampacity/scenario/build_out.hpp>
#include <ampacity/scenario/capacity_changes.hpp>
#include <ampacity/scenario/contract.hpp>
#include <ampacity/scenario/energy_options.hpp>
#include <ampacity/scenario/fields.hpp>
#include <ampacity/scenario/output_options.hpp>
#include <ampacity/scenario/power_options.hpp>
#include <ampacity/scenario/scheduler.hpp>
#include <ampacity/scenario/training_jobs.hpp>
#include <ampacity/scenario/workload_entry.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::scenario {

inline constexpr std::uint64_t schema_version = 1;                        ///< the value of the key `ampacity`
inline constexpr std::uint64_t max_fleet_gpus = std::uint64_t{1} << 40U;  ///< limit of `fleet` in GPUs
inline constexpr std::uint64_t max_nodes = 0xFFFF'FFFEU;                  ///< limit of node ids
/// The value of `start` where it is not given.
inline constexpr date default_start{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

/// GPUs of one type in a pool.
struct pool_group {
    std::string gpu;
    std::uint64_t count = 0;

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&pool_group::gpu, {.key = "gpu", .doc = "the GPU type", .required = true, .example = "h100"});
        visit(&pool_group::count, {.key = "count",
                                   .doc = "number of GPUs",
                                   .required = true,
                                   .example = "64",
                                   .min = 1,
                                   .max = max_fleet_gpus});
    }
    friend bool operator==(const pool_group&, const pool_group&) = default;
};

/// Equal flat nodes without racks.
struct node_group {
    std::uint64_t gpus = 0;              ///< per node
    std::uint64_t count = 0;             ///< nodes
    std::optional<std::string> gpu{};    ///< GPU type
    std::optional<std::string> model{};  ///< of the catalogue, where the rest came from

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&node_group::model,
              {.key = "model",
               .doc = "a node of the catalogue (`ampacity list nodes`), or a file; gives `gpus` and `gpu`",
               .example = "dgx-h100"});
        visit(&node_group::gpus,
              {.key = "gpus", .doc = "GPUs per node", .required = true, .example = "8", .min = 1, .max = 64});
        visit(
            &node_group::count,
            {.key = "count", .doc = "number of nodes", .required = true, .example = "64", .min = 1, .max = max_nodes});
        visit(&node_group::gpu,
              {.key = "gpu", .doc = "the GPU type, which workload.N.speeds and outputs name", .example = "h100"});
    }
    friend bool operator==(const node_group&, const node_group&) = default;
};

/// The limit of nodes_per_rack.
inline constexpr std::uint64_t max_nodes_per_rack = 1024;

/// Equal racks: each is one NVLink domain.
struct rack_group {
    std::uint64_t nodes_per_rack = 18;
    std::uint64_t gpus_per_node = 4;
    std::uint64_t count = 0;                         ///< racks
    std::optional<std::uint64_t> racks_per_block{};  ///< none: all racks of the group are one block
    std::optional<std::uint64_t> usable_per_rack{};  ///< none: all nodes
    std::optional<std::string> gpu{};                ///< GPU type
    std::optional<std::string> model{};              ///< of the catalogue, where the rest came from
    std::optional<retirement> retire{};
    std::optional<std::uint64_t> replaces{};  ///< group of the same site, by number

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&rack_group::model, {.key = "model",
                                   .doc = "a rack of the catalogue (`ampacity list racks`), or a file; gives "
                                          "`nodes_per_rack`, `gpus_per_node` and `gpu`",
                                   .example = "gb300-nvl72"});
        visit(&rack_group::nodes_per_rack,
              {.key = "nodes_per_rack", .doc = "nodes of one rack", .min = 1, .max = max_nodes_per_rack});
        visit(&rack_group::gpus_per_node, {.key = "gpus_per_node",
                                           .doc = "GPUs per node, the same for all nodes of a GPU type",
                                           .min = 1,
                                           .max = 64});
        visit(
            &rack_group::count,
            {.key = "count", .doc = "number of racks", .required = true, .example = "33", .min = 1, .max = max_nodes});
        visit(&rack_group::racks_per_block, {.key = "racks_per_block",
                                             .doc = "racks of a block (a scalable unit); all of the group without it",
                                             .example = "8",
                                             .min = 1,
                                             .max = max_nodes});
        visit(&rack_group::usable_per_rack,
              {.key = "usable_per_rack",
               .doc = "nodes of a rack that jobs may use at a time, the others are spares; all without it",
               .example = "16",
               .min = 1,
               .max = max_nodes_per_rack});
        visit(&rack_group::gpu,
              {.key = "gpu", .doc = "the GPU type, which workload.N.speeds and outputs name", .example = "gb300"});
        visit(
            &rack_group::retire,
            {.key = "retire", .doc = "when its racks leave for good; none: never", .example = "{ after: \"1825 d\" }"});
        visit(
            &rack_group::replaces,
            {.key = "replaces",
             .doc = "the number, from 0, of a group before it in the list: each rack arrives when the rack of the same "
                    "place in that group has left, and is installed there as build_out says",
             .example = "0",
             .max = max_nodes});
        visit.not_yet("online");
    }
    friend bool operator==(const rack_group&, const rack_group&) = default;
};

/// A place with racks of its own.
struct site {
    std::string name;
    std::vector<rack_group> racks;
    std::optional<std::string> region{};
    std::optional<std::string> cooling{};
    std::optional<site_power> power{};
    std::optional<energy_signals> signals{};
    std::optional<build_out> plan{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&site::name, {.key = "name", .doc = "names the site", .required = true, .example = "iad"});
        visit(&site::racks, {.key = "racks",
                             .doc = "its racks, in the order of their rows; groups may differ in size",
                             .required = true,
                             .example = "[ { nodes_per_rack: 18, gpus_per_node: 4, count: 64 } ]",
                             .never_empty = true});
        visit(&site::region, {.key = "region",
                              .doc = "a region of the catalogue, or a file; `energy.region` without it",
                              .example = "us-east-1"});
        visit(&site::cooling, {.key = "cooling",
                               .doc = "a way to cool of the catalogue, or a file; `energy.cooling` without it",
                               .example = "warm-water-w40"});
        visit(&site::power,
              {.key = "power", .doc = "its halls; `power.hall` without it", .example = "{ model: 4n3-hall }"});
        visit(&site::signals, {.key = "signals", .doc = "carbon, price, weather there; else those of energy.signals"});
        visit(&site::plan, {.key = "build_out",
                            .doc = "how its racks come into service; none: all are there from the start",
                            .example = "{ racks_per_week: 9.6 }"});
    }
    friend bool operator==(const site&, const site&) = default;
};

/// What the jobs run on: exactly one of its members.
struct fleet {
    static constexpr bool exactly_one = true;
    std::optional<std::uint64_t> pool_gpus{};
    std::vector<pool_group> pools{};
    single_or_list<node_group> nodes{};
    single_or_list<rack_group> racks{};
    std::vector<site> sites{};
    std::vector<slowdown> slowdowns{};
    std::vector<delivery> deliveries{};
    std::optional<build_out> plan{};
    std::optional<storage_options> storage{};
    std::optional<network_options> network{};

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&fleet::pool_gpus, {.key = "pool_gpus",
                                  .doc = "a bare pool of so many GPUs: only the count of free GPUs matters",
                                  .example = "512",
                                  .min = 1,
                                  .max = max_fleet_gpus});
        visit(&fleet::pools, {.key = "pools",
                              .doc = "a pool for each GPU type: only the counts of free GPUs matter",
                              .example = "[ { gpu: h100, count: 64 }, { gpu: a100, count: 128 } ]",
                              .never_empty = true});
        visit(&fleet::nodes,
              {.key = "nodes",
               .doc = "flat nodes, placed by scheduler.placer; a list of them, with `gpu`, for several GPU types",
               .example = "{ gpus: 8, count: 64 }",
               .never_empty = true});
        visit(&fleet::racks,
              {.key = "racks",
               .doc = "racks (NVLink domains) in blocks, placed by scheduler.placer; or a list of such groups",
               .example = "{ nodes_per_rack: 18, gpus_per_node: 4, count: 33 }",
               .never_empty = true});
        visit(&fleet::sites, {.key = "sites",
                              .doc = "several places with racks, in the order of their rows",
                              .example = "[ { name: iad, racks: [ { count: 64 } ] } ]",
                              .never_empty = true});
        visit(&fleet::slowdowns,
              {.key = "slowdowns",
               .doc = "nodes that are slow for a while; no policy knows of them before a job runs there",
               .example = "[ { nodes: \"3,7-9\", start: \"1 h\", duration: \"2 h\", speed: 0.5 } ]",
               .beside = true});
        visit(&fleet::deliveries,
              {.key = "deliveries",
               .doc = "nodes or racks of the fleet that come into service while the run goes on; all others are there "
                      "from its start",
               .example = "[ { racks: \"8-15\", at: \"72 h\" } ]",
               .beside = true});
        visit(&fleet::plan,
              {.key = "build_out",
               .doc = "how the racks of a fleet without sites come into service; none: all are there from the start",
               .example = "{ racks_per_week: 48 }",
               .beside = true});
        visit(&fleet::storage, {.key = "storage",
                                .doc = "where training jobs write their checkpoints to",
                                .example = "{ bandwidth: \"2 TB/s\" }",
                                .beside = true});
        visit(&fleet::network, {.key = "network",
                                .doc = "an oversubscribed tier of the network, on which training jobs slow each other; "
                                       "none: it carries all that they send",
                                .example = "{ part: block, oversubscription: 2 }",
                                .beside = true});
    }
    friend bool operator==(const fleet&, const fleet&) = default;
};

/// A whole run.
struct scenario {
    std::uint64_t ampacity = schema_version;
    std::string name;
    std::uint64_t seed = 0;
    date start = default_start;
    std::optional<duration> until{};  ///< none: until the last job and the last request have left
    bool enforce_estimate = false;
    ampacity::scenario::fleet fleet{};
    std::vector<workload_entry> workload;
    ampacity::scenario::scheduler scheduler{};
    ampacity::scenario::faults faults{};
    std::optional<ampacity::scenario::energy> energy{};
    std::optional<power_delivery> power{};
    std::optional<ampacity::scenario::contract> contract{};
    /// Is power modelled: does any key say so?
    [[nodiscard]] bool is_powered() const {
        return energy || power || std::any_of(fleet.sites.begin(), fleet.sites.end(), [](const site& s) {
                   return s.region || s.cooling || s.power || s.signals;
               });
    }
    ampacity::scenario::output output{};
    /// Is it looked at by calendar year?
    [[nodiscard]] bool has_years() const noexcept { return output.years || contract; }

    template <class Visitor>
    static constexpr void fields(Visitor& visit) {
        visit(&scenario::ampacity, {.key = "ampacity",
                                    .doc = "version of this schema",
                                    .required = true,
                                    .example = "1",
                                    .min = schema_version,
                                    .max = schema_version});
        visit(&scenario::name,
              {.key = "name", .doc = "names the run and its output folder", .required = true, .example = "my-run"});
        visit(
            &scenario::seed,
            {.key = "seed", .doc = "of all random streams; `--seed` gives it too", .required = true, .example = "42"});
        visit(&scenario::start, {.key = "start", .doc = "date of simulated time 0"});
        visit(&scenario::until,
              {.key = "until",
               .doc = "when the run ends: after the last job and the last request, or after a duration",
               .example = "\"30 d\"",
               .min = duration::zero(),
               .max = longest_input,
               .none = "drained"});
        visit(&scenario::enforce_estimate, {.key = "enforce_estimate", .doc = "kill jobs that reach their estimate"});
        visit(&scenario::fleet,
              {.key = "fleet", .doc = "what the jobs run on", .required = true, .example = "{ pool_gpus: 512 }"});
        visit(&scenario::workload, {.key = "workload",
                                    .doc = "streams of jobs; an empty list is a run without jobs",
                                    .required = true,
                                    .example = "[{ trace: { path: jobs.csv } }]"});
        visit(&scenario::scheduler,
              {.key = "scheduler", .doc = "who decides", .required = true, .example = "{ policy: easy }"});
        visit(&scenario::faults, {.key = "faults", .doc = "what fails"});
        visit(&scenario::energy,
              {.key = "energy",
               .doc = "power, energy, carbon and cost of the run are reported; every group of the fleet has a `model`",
               .example = "{ region: us-east-1, topology: 4n3 }"});
        visit(&scenario::power,
              {.key = "power",
               .doc = "power acts on the run: feeds are lost, limited and trip; every group of the fleet has a `model`",
               .example = "{ hall: 4n3-hall, control: { level: row, policy: uniform } }"});
        visit(&scenario::contract, {.key = "contract",
                                    .doc = "what is paid for the fleet over years, and what it costs its owner",
                                    .example = "{ value: \"38e9 USD\", term: \"7 y\" }"});
        visit(&scenario::output, {.key = "output", .doc = "which files the run writes"});
    }
    friend bool operator==(const scenario&, const scenario&) = default;
};

}  // namespace ampacity::scenario
