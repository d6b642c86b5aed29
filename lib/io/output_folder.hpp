#pragma once
/// \file
/// The folder that a run writes to: taken for as long as the run lasts, and cleared of what earlier runs have left.
///
/// Only files that a run would write itself are removed; others are left alone. One thread at a time.

#include <ampacity/scenario/scenario.hpp>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ampacity::io {

/// Keeps other runs from a folder as long as it lives.
class folder_lock {
public:
    /// \throws scenario_error if another run has it
    explicit folder_lock(const std::filesystem::path& folder);
    folder_lock(const folder_lock&) = delete;
    folder_lock& operator=(const folder_lock&) = delete;
    ~folder_lock();

private:
    int number_;
};

/// The names of the files of requests that the run writes, by service.
[[nodiscard]] std::vector<std::string> request_files_of(const scenario::scenario& sc);

/// Makes the folder, takes it, and removes what earlier runs have left in it. \throws scenario_error
[[nodiscard]] std::unique_ptr<folder_lock> make_folder(const std::filesystem::path& folder);

/// Refuses to write over what the run reads. `more`: names of files beside those that every run may write.
/// \throws scenario_error
void keep_input(const std::filesystem::path& folder, const std::filesystem::path& input,
                std::span<const std::string> more);

}  // namespace ampacity::io
