#include "file_damage.hpp"

#include <ampacity/io/input_stream.hpp>

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <vector>

namespace ampacity::io {

std::optional<diagnostic> find_damage(const std::filesystem::path& file) {
    constexpr std::uint64_t most_bytes = std::uint64_t{64} << 20U;
    std::error_code unknown;
    if (!std::filesystem::is_regular_file(file, unknown)) return std::nullopt;
    try {
        input_stream in{file};
        std::vector<char> buffer(std::size_t{1} << 18U);
        while (in.is_compressed() && in.bytes_consumed() < most_bytes && in.read(buffer) != 0) {
        }
    } catch (const data_error& e) {
        return e.details();
    }
    return std::nullopt;
}

}  // namespace ampacity::io
