#include "launcher.hpp"

#include <ampacity/core/error.hpp>

#include <dlfcn.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace ampacity::cli {
namespace {

namespace fs = std::filesystem;

std::optional<int> number_of(const char* variable) {
    const char* const text = std::getenv(variable);
    int out = 0;
    if (text == nullptr || std::from_chars(text, text + std::strlen(text), out).ec != std::errc{}) return std::nullopt;
    return out;
}

/// The module beside the program, in the build tree or where it is installed; empty if there is none.
fs::path module_file() {
    std::error_code status;
    const fs::path folder = fs::read_symlink("/proc/self/exe", status).parent_path();
    for (const char* const where : {"../lib", AMPACITY_BIN_TO_LIB}) {
        const fs::path file = folder / where / "ampacity_mpi.so";
        if (fs::is_regular_file(file, status)) return file;
    }
    return {};
}

[[noreturn]] void refuse(std::string value, std::string remedy) {
    throw scenario_error({{"mpirun", 0, 0}, {}, "this program cannot use MPI", std::move(value), std::move(remedy)});
}

}  // namespace

std::optional<launched> launch_of_this() {
    static constexpr std::array<std::pair<const char*, const char*>, 2> known{
        {{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"}, {"PMI_SIZE", "PMI_RANK"}}};
    for (const auto& [size, rank] : known) {
        if (const auto ranks = number_of(size)) return launched{.ranks = *ranks, .rank = number_of(rank).value_or(0)};
    }
    return std::nullopt;
}

std::unique_ptr<experiment::ranks> join_ranks() {
    const fs::path file = module_file();
    if (file.empty())
        refuse("built without it",
               "build it where MPI and Boost.MPI are found, or use --shard with one process for each part");
    // MPI loads modules of its own, which look for its symbols.
    void* const module = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (module == nullptr) refuse(dlerror(), "install the MPI that it was built with");
    void* const symbol = dlsym(module, "ampacity_join_ranks");
    if (symbol == nullptr) refuse(file.string(), "install it anew");
    const auto join = reinterpret_cast<experiment::ranks* (*)()>(symbol);
    return std::unique_ptr<experiment::ranks>{join()};
}

}  // namespace ampacity::cli
