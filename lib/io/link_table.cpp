#include "link_table.hpp"

#include "ordered_trace.hpp"

#include <ampacity/io/csv_reader.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace ampacity::io {
namespace {

std::string_view trimmed(std::string_view text) noexcept {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    return text.substr(0, text.find_last_not_of(' ') + 1);
}

}  // namespace

void link_table::name_row(std::string_view id, std::uint64_t row) {
    const auto set = [row](auto emplaced) { emplaced.first->second = {.row = row, .is_unique = emplaced.second}; };
    if (const auto number = plain_number(id))
        set(numbers_.try_emplace(*number));
    else
        set(texts_.try_emplace(std::string{id}));
}

const link_table::named_row* link_table::row_named(std::string_view id) const {
    if (const auto number = plain_number(id)) {
        const auto at = numbers_.find(*number);
        return at == numbers_.end() ? nullptr : &at->second;
    }
    const auto at = texts_.find(std::string{id});
    return at == texts_.end() ? nullptr : &at->second;
}

bool link_table::find(std::string_view id, std::uint64_t& row) const {
    const named_row* const at = row_named(id);
    if (at != nullptr) row = at->row;
    return at != nullptr;
}

std::string link_table::add_dependencies(std::string_view ids, workload::dependency_kind kind) {
    for (std::size_t at = 0; at <= ids.size();) {
        const std::size_t end = std::min(ids.find(';', at), ids.size());
        if (std::string fault = add_named(trimmed(ids.substr(at, end - at)), kind); !fault.empty()) return fault;
        at = end + 1;
    }
    return {};
}

std::string link_table::add_named(std::string_view id, workload::dependency_kind kind) {
    if (id.empty()) return "an id is missing between the semicolons";
    const named_row* const job = row_named(id);
    const auto tasks = arrays_.find(std::string{id});
    if (job != nullptr && tasks != arrays_.end()) return printable(id) + " is a job and an array";
    if (tasks != arrays_.end()) {
        for (const std::uint64_t row : tasks->second.rows) after_.push_back({row, kind});
        return {};
    }
    if (job == nullptr) return "no row above has the job_id or array " + printable(id);
    if (!job->is_unique) return "more than one row above has the job_id " + printable(id);
    after_.push_back({job->row, kind});
    return {};
}

std::string_view link_table::set_array(std::string_view name, std::uint32_t limit, std::uint64_t row) {
    array& a = arrays_[std::string{name}];
    if (a.number == 0) {
        a.number = static_cast<std::uint32_t>(arrays_.size());
        a.limit = limit;
    } else if (limit != 0 && limit != a.limit) {
        return "not that of the array's first row";
    }
    a.rows.push_back(row);
    links_.array = a.number;
    links_.array_limit = a.limit;
    return {};
}

const workload::job_links* link_table::take() {
    if (after_.empty() && links_.array == 0) {
        links_ = {};
        return nullptr;
    }
    kept& k = kept_.emplace_back(kept{.after = after_, .links = links_});
    k.links.after = k.after;
    after_.clear();
    links_ = {};
    return &k.links;
}

}  // namespace ampacity::io
