#include "csv_columns.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/suggest.hpp>

#include <algorithm>
#include <string>

namespace ampacity::io {

std::vector<std::size_t> find_columns(const csv_reader& rows, std::span<const trace_column> columns,
                                      std::string_view format) {
    std::vector<std::string_view> known;
    for (const trace_column& column : columns) known.push_back(column.name);
    for (std::size_t i = 0; i < rows.columns().size(); ++i) {
        const std::string& name = rows.columns()[i];
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        throw data_error({rows.where_named(i),
                          printable(name),
                          "unknown column",
                          {},
                          suggestion(name, known) + ", or remove the column"});
    }
    std::vector<std::size_t> found;
    for (const trace_column& column : columns) {
        const auto at = rows.find(column.name);
        if (!at && column.use == column_use::required) {
            std::string needed;
            for (const trace_column& other : columns) {
                if (other.use == column_use::required) needed += (needed.empty() ? "" : ", ") + std::string{other.name};
            }
            throw data_error({rows.where_named(rows.columns().size()),
                              std::string{column.name},
                              "column missing from the header",
                              {},
                              "add it: " + std::string{format} + " needs " + needed});
        }
        found.push_back(at.value_or(no_column));
    }
    return found;
}

}  // namespace ampacity::io
