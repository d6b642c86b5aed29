#include "failure_log.hpp"

#include "file_damage.hpp"

#include <ampacity/core/decimal.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/fleet/rack_ranges.hpp>
#include <ampacity/io/csv_reader.hpp>
#include <ampacity/scenario/part_failures.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ampacity::io {
namespace {

constexpr std::array<std::string_view, 5> column_names{"time_s", "part", "index", "cause", "repair_s"};
enum column : std::uint8_t { time_s, part, index_of_part, cause, repair_s };
constexpr std::size_t max_causes = 1000;

class log_reader {
public:
    log_reader(const std::filesystem::path& file, const fleet::free_index& nodes, faults::failure_plan& plan)
        : rows_(input_stream{file}), plan_(plan) {
        find_columns();
        count_[static_cast<std::size_t>(faults::part_kind::node)] = nodes.num_nodes();
        for (std::uint32_t n = 0; n != nodes.num_nodes(); ++n)
            count_[static_cast<std::size_t>(faults::part_kind::gpu)] += nodes.gpus_of(node_id{n});
        count_[static_cast<std::size_t>(faults::part_kind::rack)] = fleet::rack_ranges(nodes).size();
        for (std::uint32_t i = 0; i != plan_.processes.size(); ++i) processes_.emplace(plan_.processes[i].cause, i);
    }

    std::uint64_t read() {
        while (rows_.next()) take_row();
        return rows_.stream().finish_digest();
    }

private:
    void find_columns() {
        for (std::size_t c = 0; c != column_names.size(); ++c) {
            const auto at = rows_.find(column_names[c]);
            if (!at)
                throw data_error({rows_.where_named(rows_.columns().size()),
                                  std::string{column_names[c]},
                                  "column missing from the header",
                                  {},
                                  "add it: a log of failures needs time_s, part, index, cause, repair_s"});
            at_[c] = *at;
        }
        for (std::size_t c = 0; c != rows_.columns().size(); ++c) {
            const std::string& name = rows_.columns()[c];
            if (std::find(column_names.begin(), column_names.end(), name) != column_names.end()) continue;
            throw data_error({rows_.where_named(c),
                              printable(name),
                              "unknown column",
                              {},
                              suggestion(name, {column_names.begin(), column_names.end()})});
        }
    }

    void take_row() {
        faults::logged_failure l{.at = start_of_time + seconds(time_s), .part = kind()};
        if (!plan_.log.empty() && l.at < plan_.log.back().at)
            fail(time_s, "before the row above", "sort the rows by time");
        const std::uint64_t known = count_[static_cast<std::size_t>(l.part)];
        const auto [status, index] = parse_count(field(index_of_part));
        if (known == 0) fail(part, "the fleet has none", "give the fleet racks, or name its nodes");
        if (status != decimal_status::ok || static_cast<std::uint64_t>(index) >= known)
            fail(index_of_part, "the fleet has no such part", "write a whole number below " + std::to_string(known));
        l.index = static_cast<std::uint64_t>(index);
        l.process = process();
        if (!field(repair_s).empty()) l.repair = seconds(repair_s);
        if (l.repair == duration::zero()) fail(repair_s, "takes no time", "leave it empty where nothing is repaired");
        plan_.log.push_back(l);
    }

    [[nodiscard]] std::string_view field(column c) const { return rows_[at_[c]]; }
    [[noreturn]] void fail(column c, std::string what, std::string remedy) const {
        rows_.fail(at_[c], std::move(what), std::move(remedy));
    }
    [[nodiscard]] duration seconds(column c) const {
        const auto [status, value] = parse_seconds(field(c));
        if (status != decimal_status::ok || value < duration::zero())
            fail(c, status == decimal_status::overflow ? "beyond 200 years" : "not a time",
                 "give seconds from 0 to 200 years");
        return value;
    }
    [[nodiscard]] faults::part_kind kind() const {
        std::vector<std::string_view> known;
        for (const auto& k : scenario::names<faults::part_kind>::known) {
            if (static_cast<std::size_t>(k.value) >= count_.size()) continue;
            if (k.name == field(part)) return k.value;
            known.push_back(k.name);
        }
        fail(part, "unknown part", suggestion(field(part), known));
    }
    [[nodiscard]] std::uint32_t process() {
        const std::string name{field(cause)};
        if (name.empty()) fail(cause, "value missing", "name the cause");
        const auto [at, is_new] = processes_.emplace(name, static_cast<std::uint32_t>(plan_.processes.size()));
        if (!is_new) return at->second;
        if (plan_.processes.size() == max_causes) fail(cause, "more than 1000 causes", "name them by kind");
        plan_.processes.push_back({.cause = name, .part = faults::part_kind::node});
        return at->second;
    }

    csv_reader rows_;
    faults::failure_plan& plan_;
    std::array<std::size_t, column_names.size()> at_{};
    std::array<std::uint64_t, 3> count_{};  // of GPUs, nodes and racks
    std::unordered_map<std::string, std::uint32_t> processes_;
};

}  // namespace

model_file read_failure_log(const std::filesystem::path& file, const fleet::free_index& nodes,
                            faults::failure_plan& plan) {
    return blame_damage(
        file, [&] { return model_file{.path = file.string(), .digest = log_reader{file, nodes, plan}.read()}; });
}

}  // namespace ampacity::io
