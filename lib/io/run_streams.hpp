#pragma once
/// \file
/// What the files of a run that grow while it goes on have in common: the open ones, and the cells of their rows.

#include "csv_text.hpp"
#include "event_trace.hpp"
#include "output_file.hpp"
#include "output_folder.hpp"
#include "request_table.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/io/run_files.hpp>
#include <ampacity/scenario/scenario.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ampacity::io {

struct run_files::streams {
    std::unique_ptr<folder_lock> lock;
    std::optional<output_file> rejected;
    std::optional<output_file> placement;
    std::optional<output_file> telemetry;
    std::optional<output_file> sites;
    std::optional<output_file> replicas;
    std::optional<output_file> services;
    std::optional<output_file> flows;
    std::optional<output_file> feeds;
    std::vector<scenario::telemetry_column> telemetry_columns;
    std::vector<scenario::feeds_column> feeds_columns;
    std::optional<output_file> explain;
    std::optional<sim::wait_recorder> waits;
    std::optional<event_trace> events;
    std::vector<std::unique_ptr<request_table>> requests;  // (services) where they are written
    std::vector<std::string> replica_names;                // (services, and sites of those that are everywhere)
};

/// Adds its own life time to a sum.
class timed {
public:
    explicit timed(std::chrono::steady_clock::duration& sum) : sum_(sum) {}
    timed(const timed&) = delete;
    timed& operator=(const timed&) = delete;
    ~timed() { sum_ += std::chrono::steady_clock::now() - begin_; }

private:
    std::chrono::steady_clock::duration& sum_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Nothing where it is unset.
inline void append_time(std::string& out, instant t) {
    if (t != sim::unset) append_ns_as_seconds(out, ticks(t));
}

/// The chosen columns, or all.
template <class Column>
std::vector<Column> columns_of(const std::vector<Column>& chosen) {
    if (!chosen.empty()) return chosen;
    std::vector<Column> all;
    for (const auto& c : scenario::names<Column>::known) all.push_back(c.value);
    return all;
}

template <class Column>
std::string header_of(const std::vector<Column>& columns) {
    std::string out;
    for (const Column c : columns) (out += out.empty() ? "" : ",") += scenario::name_of_value(c);
    return out + '\n';
}

}  // namespace ampacity::io
