#include "output_file.hpp"

#include <ampacity/core/error.hpp>

#include <cerrno>
#include <system_error>
#include <utility>

namespace ampacity::io {

output_file::output_file(std::filesystem::path path) : path_(std::move(path)), partial_(path_) {
    partial_ += ".partial";
    file_.reset(std::fopen(partial_.c_str(), "wb"));
    if (!file_) fail("cannot be written");
    text_.reserve(flush_at + 4096);
}

output_file::~output_file() {
    if (!file_) return;
    file_.reset();
    std::error_code ignored;
    std::filesystem::remove(partial_, ignored);
}

void output_file::flush() {
    if (std::fwrite(text_.data(), 1, text_.size(), file_.get()) != text_.size()) fail("cannot be written");
    text_.clear();
}

void output_file::commit() {
    flush();
    if (std::fflush(file_.get()) != 0) fail("cannot be written");
    if (std::fclose(file_.release()) != 0) fail("cannot be written");
    std::error_code status;
    std::filesystem::rename(partial_, path_, status);
    if (status) {
        errno = status.value();
        fail("cannot be put in its place");
    }
}

void output_file::fail(const char* what) const {
    const std::string reason = std::generic_category().message(errno);
    throw scenario_error({.where = {.file = path_.string(), .line = 1, .column = 1},
                          .key = {},
                          .what = what,
                          .value = reason,
                          .remedy = "free space there, or choose another folder with -o"});
}

}  // namespace ampacity::io
