#pragma once
/// \file
/// What the fuzzers share: a file in memory, input taken apart, and what every refusal must look like.
///
/// A finding is whatever ends the process: a sanitizer's report, an exception that is not a refusal of input, or a
/// broken promise (`demand`).

#include <ampacity/core/error.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace ampacity::fuzz {

/// Ends the process unless `promise` holds.
inline void demand(bool promise, const char* what) {
    if (promise) return;
    std::fprintf(stderr, "broken promise: %s\n", what);
    std::abort();
}

/// A file without a name, for readers that take paths.
class memory_file {
public:
    memory_file() : number_(::memfd_create("fuzz", MFD_CLOEXEC)) { demand(number_ >= 0, "memfd_create works"); }
    memory_file(const memory_file&) = delete;
    memory_file& operator=(const memory_file&) = delete;
    ~memory_file() { ::close(number_); }

    /// Makes `bytes` the content.
    void write(std::string_view bytes) {
        demand(::ftruncate(number_, 0) == 0, "ftruncate works");
        while (!bytes.empty()) {
            const auto n = ::pwrite(number_, bytes.data(), bytes.size(), static_cast<::off_t>(size()));
            demand(n > 0, "pwrite works");
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    [[nodiscard]] std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(number_); }

private:
    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(::lseek(number_, 0, SEEK_END)); }

    int number_;
};

/// Input of the fuzzer: a few choices, then text.
class input {
public:
    input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

    /// The next byte as a number below `n`; 0 at the end.
    std::size_t choose(std::size_t n) {
        if (rest_.empty()) return 0;
        const auto byte = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        return byte % n;
    }
    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

private:
    std::string_view rest_;
};

/// Calls `f`; the text of the message if it refuses its input, which must then say where, what and what to do.
template <class F>
std::optional<std::string> refusal(F f) {
    try {
        f();
        return std::nullopt;
    } catch (const input_error& e) {
        const std::string text = e.what();
        demand(text.find("error: ") != std::string::npos, "a message says that it is one");
        demand(!e.details().what.empty(), "a message says what is wrong");
        demand(!e.details().remedy.empty(), "a message says what to do");
        demand(std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20; }),
               "a message is one line without control characters");
        return text;
    }
}

}  // namespace ampacity::fuzz
