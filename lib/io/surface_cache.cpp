#include "output_file.hpp"
#include "text_file.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/surface_cache.hpp>
#include <ampacity/io/surface_file.hpp>
#include <ampacity/io/xxh64.hpp>

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace ampacity::io {
namespace fs = std::filesystem;
namespace {

std::uint64_t digest_of(std::string_view text) {
    xxh64 hash;
    hash.update(text);
    return hash.digest();
}

/// Of the program that runs: another one may measure something else. 0: not known.
std::uint64_t program_digest() {
    static const std::uint64_t known = [] {
        std::ifstream program{"/proc/self/exe", std::ios::binary};
        std::vector<char> part(std::size_t{1} << 20U);
        xxh64 hash;
        std::uint64_t bytes = 0;
        while (program.read(part.data(), static_cast<std::streamsize>(part.size())) || program.gcount() > 0) {
            const auto n = static_cast<std::size_t>(program.gcount());
            hash.update({part.data(), n});
            bytes += n;
        }
        return bytes != 0 ? hash.digest() : 0;
    }();
    return known;
}

/// A line with the digest of what follows, and that.
std::string sealed(std::string_view text, std::uint64_t digest) {
    return fmt::format("{}\n{}", digest_text(digest), text);
}

std::optional<kept_surface> read(const fs::path& file, const fluid::surface_options& from) {
    const text_file all = read_text_file(file);
    const std::size_t line = all.text.find('\n');
    if (!all.error.empty() || line == std::string::npos) return std::nullopt;
    const std::string_view text = std::string_view{all.text}.substr(line + 1);
    const std::uint64_t digest = digest_of(text);
    if (all.text.substr(0, line) != digest_text(digest)) return std::nullopt;
    try {
        auto made = std::make_shared<const fluid::surface>(surface_of_text(text, file));
        if (made->made_from() != signature(from)) return std::nullopt;
        return kept_surface{.made = std::move(made), .file = file.string(), .was_read = true, .digest = digest};
    } catch (const data_error&) {
        return std::nullopt;
    }
}

/// Whether it is there now.
bool write(const fs::path& file, const std::string& text) {
    std::error_code failed;
    fs::create_directories(file.parent_path(), failed);
    if (failed) return false;
    try {
        output_file to(file);
        to.text() = text;
        to.commit();
    } catch (const input_error&) {
        return false;
    }
    return true;
}

}  // namespace

std::optional<fs::path> surface_cache_folder() {
    if (const char* const own = std::getenv("AMPACITY_CACHE")) {
        if (*own == '\0') return std::nullopt;
        return fs::path{own} / "surfaces";
    }
    for (const auto& [variable, below] :
         {std::pair{"XDG_CACHE_HOME", "ampacity"}, std::pair{"HOME", ".cache/ampacity"}}) {
        const char* const base = std::getenv(variable);
        if (base != nullptr && fs::path{base}.is_absolute()) return fs::path{base} / below / "surfaces";
    }
    return std::nullopt;
}

surface_cache::surface_cache(std::optional<fs::path> folder) : folder_(std::move(folder)) {
    if (program_digest() == 0) folder_.reset();
}

std::string surface_cache::name_of(const fluid::surface_options& from) {
    return fmt::format("{:016x}-{:016x}-{:016x}.json", signature(from), fingerprint(from), program_digest());
}

kept_surface surface_cache::get(const fluid::surface_options& from) const {
    const fs::path file = folder_ ? *folder_ / name_of(from) : fs::path{};
    if (folder_) {
        if (auto known = read(file, from)) return std::move(*known);
    }
    kept_surface out{.made = std::make_shared<const fluid::surface>(fluid::surface::build(from))};
    const std::string text = surface_text(*out.made, from, {});
    out.digest = digest_of(text);
    if (folder_ && write(file, sealed(text, out.digest))) out.file = file.string();
    return out;
}

}  // namespace ampacity::io
