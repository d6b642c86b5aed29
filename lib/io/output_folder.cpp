#include "output_folder.hpp"

#include "request_table.hpp"

#include <ampacity/core/error.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>

namespace ampacity::io {
namespace {

namespace fs = std::filesystem;

constexpr std::array our_files{"summary.json",  "jobs.csv",    "rejected.csv",  "requests.csv", "placement.csv",
                               "telemetry.csv", "sites.csv",   "replicas.csv",  "flows.csv",    "feeds.csv",
                               "explain.csv",   "events.json", "resolved.yaml", "run.json",     "report.html",
                               "build_out.csv", "years.csv",   "services.csv"};

/// Files of requests of services, whatever they were called. Others of such a name are not ours.
std::vector<fs::path> files_of_services(const fs::path& folder) {
    std::vector<fs::path> out;
    std::error_code status;
    for (const auto& entry : fs::directory_iterator(folder, status)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with("requests-") || !(name.ends_with(".csv") || name.ends_with(".csv.partial"))) continue;
        std::ifstream file(entry.path());
        std::string first;
        if (std::getline(file, first) && request_table::is_header(first)) out.push_back(entry.path());
    }
    return out;
}

}  // namespace

folder_lock::folder_lock(const fs::path& folder) : number_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    // A file system without locks is no reason not to run.
    if (number_ < 0 || ::flock(number_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    ::close(number_);
    throw scenario_error({.where = {.file = folder.string(), .line = 1, .column = 1},
                          .key = {},
                          .what = "is the output folder of another run that has not ended",
                          .value = {},
                          .remedy = "wait for it, or choose another folder with -o"});
}

folder_lock::~folder_lock() {
    if (number_ >= 0) ::close(number_);
}

std::vector<std::string> request_files_of(const scenario::scenario& sc) {
    std::vector<std::string> out;
    if (!sc.output.requests) return out;
    for (const scenario::workload_entry& w : sc.workload) {
        if (w.service) out.push_back("requests-" + w.service->name + ".csv");
    }
    if (out.size() == 1) out = {"requests.csv"};
    return out;
}

std::unique_ptr<folder_lock> make_folder(const fs::path& folder) {
    const auto refuse = [](const fs::path& path, const char* what, const std::string& why) {
        throw scenario_error({.where = {.file = path.string(), .line = 1, .column = 1},
                              .key = {},
                              .what = what,
                              .value = why,
                              .remedy = "choose another folder with -o"});
    };
    std::error_code status;
    fs::create_directories(folder, status);
    if (status) refuse(folder, "cannot be used as the output folder", status.message());
    if (!fs::is_directory(folder, status)) refuse(folder, "cannot be used as the output folder", "it is not a folder");
    auto lock = std::make_unique<folder_lock>(folder);
    for (const char* name : our_files) {
        for (const char* suffix : {"", ".partial"}) {
            const fs::path file = folder / (std::string{name} + suffix);
            if (fs::is_directory(file, status)) refuse(file, "cannot be written", "it is a folder");
            fs::remove(file, status);
            if (status) refuse(file, "a file of an earlier run cannot be removed", status.message());
        }
    }
    for (const fs::path& file : files_of_services(folder)) {
        fs::remove(file, status);
        if (status) refuse(file, "a file of an earlier run cannot be removed", status.message());
    }
    return lock;
}

void keep_input(const fs::path& folder, const fs::path& input, std::span<const std::string> more) {
    std::vector<fs::path> ours;
    for (const char* name : our_files) ours.push_back(folder / name);
    for (const std::string& name : more) ours.push_back(folder / name);
    for (const fs::path& file : ours) {
        std::error_code absent;
        if (!fs::equivalent(file, input, absent) || absent) continue;
        throw scenario_error({.where = {.file = file.string(), .line = 1, .column = 1},
                              .key = {},
                              .what = "is an input of this run, which would write over it",
                              .value = input.string(),
                              .remedy = "choose another folder with -o"});
    }
}

}  // namespace ampacity::io
