// The CSV reader: whatever is read at a time, the rows, their places and the message are the same.
#include "fuzz.hpp"

#include <ampacity/io/csv_reader.hpp>

using namespace ampacity;

namespace {

/// All that there is to say about a file, as one text.
std::string account_of(const std::filesystem::path& path, std::size_t block_bytes) {
    std::string out;
    const auto message = fuzz::refusal([&] {
        io::csv_reader rows(io::input_stream(path), block_bytes);
        const std::size_t columns = rows.columns().size();
        for (const auto& name : rows.columns()) {
            out += name + '\n';
            fuzz::demand(rows.columns()[*rows.find(name)] == name, "a column is found by its name");
        }
        while (rows.next()) {
            for (std::size_t i = 0; i != columns; ++i) {
                const auto at = rows.where(i);
                out += std::to_string(at.line) + ':' + std::to_string(at.column) + ' ';
                out += rows[i];
                out += '\n';
            }
        }
    });
    return message ? out + *message : out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::memory_file file;
    fuzz::input in(data, size);
    const std::size_t small = 1 + in.choose(64);
    // Compressed data are for input_stream_fuzz: of a damaged file, the size of a read decides what is found first.
    if (in.rest().starts_with("\x1F\x8B") || in.rest().starts_with("\x28\xB5\x2F\xFD")) return -1;
    file.write(in.rest());
    fuzz::demand(account_of(file.path(), small) == account_of(file.path(), std::size_t{1} << 12U),
                 "the size of a block does not show");
    return 0;
}
