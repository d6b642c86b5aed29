#pragma once
/// \file
/// A text file that appears whole or not at all: written aside as NAME.partial and renamed when it is complete.
///
/// A symbolic link stays, and what it names is replaced; devices and pipes are written as they are. The file aside is
/// locked, so that no two processes write one file at a time. Buffered; a file that is not committed is removed. Every
/// failure is an error that names the file and the reason
/// of the system. One thread at a time.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace ampacity::io {

class output_file {
public:
    /// \throws scenario_error if it cannot be made
    explicit output_file(std::filesystem::path path);
    output_file(const output_file&) = delete;
    output_file& operator=(const output_file&) = delete;
    ~output_file();

    /// What is to be written; append to it, then call `row_done`.
    [[nodiscard]] std::string& text() noexcept { return text_; }
    /// Writes the buffer out once it is large. \throws scenario_error
    void row_done() {
        if (text_.size() >= flush_at) [[unlikely]]
            flush();
    }
    /// Completes the file under its name. \throws scenario_error
    void commit();

private:
    static constexpr std::size_t flush_at = std::size_t{1} << 18U;

    void open_partial();
    void flush();
    [[noreturn]] void fail(const char* what) const;

    struct close_file {
        void operator()(std::FILE* f) const noexcept { std::fclose(f); }
    };
    std::filesystem::path path_;     ///< as it was given
    std::filesystem::path target_;   ///< behind links
    std::filesystem::path partial_;  ///< empty: written as it is, or complete
    std::unique_ptr<std::FILE, close_file> file_;
    std::string text_;
};

}  // namespace ampacity::io
