#include "output_file.hpp"

#include <ampacity/core/error.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace ampacity::io {

namespace {

/// Where the file lies that a symbolic link names; the name itself otherwise.
std::filesystem::path behind_links(const std::filesystem::path& path) {
    std::error_code failed;
    if (!std::filesystem::is_symlink(path, failed)) return path;
    auto target = std::filesystem::weakly_canonical(path, failed);
    return failed ? path : target;
}

}  // namespace

output_file::output_file(std::filesystem::path path) : path_(std::move(path)), target_(behind_links(path_)) {
    struct stat facts{};
    const bool exists = ::stat(target_.c_str(), &facts) == 0;
    text_.reserve(flush_at + 4096);
    if (exists && !S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) {
        // A terminal, a pipe, a device: nothing to put in its place.
        file_.reset(std::fopen(target_.c_str(), "wb"));
        if (!file_) fail("cannot be written");
        return;
    }
    partial_ = target_;
    partial_ += ".partial";
    open_partial();
    if (exists) ::fchmod(::fileno(file_.get()), facts.st_mode & 07777U);
}

/// Opens the file aside and keeps others from it as long as it is open.
void output_file::open_partial() {
    for (;;) {
        const int number = ::open(partial_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (number < 0) fail("cannot be written");
        file_.reset(::fdopen(number, "wb"));
        if (!file_) {
            ::close(number);
            fail("cannot be written");
        }
        if (::flock(number, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            file_.reset();
            partial_.clear();  // it is not ours
            throw scenario_error({.where = {.file = path_.string(), .line = 1, .column = 1},
                                  .key = {},
                                  .what = "is being written by another process",
                                  .value = {},
                                  .remedy = "wait for it, or choose another name with -o"});
        }
        // Between opening and locking it may have been completed or removed.
        struct stat opened{};
        struct stat named{};
        if (::fstat(number, &opened) == 0 && ::stat(partial_.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
            opened.st_dev == named.st_dev) {
            if (::ftruncate(number, 0) != 0) fail("cannot be written");
            return;
        }
    }
}

output_file::~output_file() {
    if (!file_) return;
    std::error_code ignored;
    if (!partial_.empty()) std::filesystem::remove(partial_, ignored);
    file_.reset();
}

void output_file::flush() {
    if (std::fwrite(text_.data(), 1, text_.size(), file_.get()) != text_.size()) fail("cannot be written");
    text_.clear();
}

void output_file::commit() {
    flush();
    if (std::fflush(file_.get()) != 0) fail("cannot be written");
    // Renamed before it is closed, as closing it lets others in.
    if (!partial_.empty()) {
        std::error_code status;
        std::filesystem::rename(partial_, target_, status);
        if (status) {
            errno = status.value();
            fail("cannot be put in its place");
        }
        partial_.clear();
    }
    if (std::fclose(file_.release()) != 0) fail("cannot be written");
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
