#pragma once
/// \file
/// Surfaces that fluid services build, kept in files, so that a later run or another trial reads what one has built.
///
/// They lie in the folder `surfaces` of the first of these that is set: the environment variable AMPACITY_CACHE,
/// `ampacity` in XDG_CACHE_HOME, `.cache/ampacity` in HOME; nothing is kept where AMPACITY_CACHE is set to nothing, or
/// none is. A file is of everything that its surface hangs on, its program included, as its name tells, and gives back
/// the same bits. A file that is damaged, cannot be read, or cannot be written, is as none: the surface is built. Files
/// appear whole or not at all; whoever finds one being written leaves it alone. Any number of threads and processes.

#include <ampacity/fluid/surface.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace ampacity::io {

/// The folder, which need not be there; none: nothing is kept.
[[nodiscard]] std::optional<std::filesystem::path> surface_cache_folder();

/// A surface with where it came from.
struct kept_surface {
    std::shared_ptr<const fluid::surface> made{};
    std::string file{};        ///< that has it now; empty: none has
    bool was_read = false;     ///< else it was built
    std::uint64_t digest = 0;  ///< XXH64 of its text as a surface file without notes
};

/// That of a service of a run whose scenario names no file.
struct used_surface {
    std::string service{};
    kept_surface of{};  ///< known when the simulation is made
};

class surface_cache {
public:
    explicit surface_cache(std::optional<std::filesystem::path> folder = surface_cache_folder());

    /// The name of the file of this surface, without its folder.
    [[nodiscard]] static std::string name_of(const fluid::surface_options& from);

    /// Read, or built and kept. \throws what `fluid::surface::build` throws
    [[nodiscard]] kept_surface get(const fluid::surface_options& from) const;

private:
    std::optional<std::filesystem::path> folder_;
};

}  // namespace ampacity::io
