#include "support/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

extern char** environ;

namespace ampacity::test {
namespace {

using steady = std::chrono::steady_clock;

void check(int error, const char* what) {
    if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

/// An open file, closed with its owner.
class descriptor {
public:
    descriptor() = default;
    explicit descriptor(int fd) : fd_(fd) {}
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor() { close(); }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool is_open() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};

struct pipe_ends {
    descriptor read;
    descriptor write;
};

pipe_ends make_pipe() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) check(errno, "pipe2");
    return {descriptor{fds[0]}, descriptor{fds[1]}};
}

std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& changes) {
    std::vector<std::string> result;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text{*entry};
        const auto name = text.substr(0, text.find('='));
        const bool replaced = std::any_of(changes.begin(), changes.end(), [&](auto& c) { return c.first == name; });
        if (!replaced) result.emplace_back(text);
    }
    for (const auto& [name, value] : changes) result.push_back(name + '=' + value);
    return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (auto& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

class spawn_settings {
public:
    spawn_settings() {
        check(::posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init");
        check(::posix_spawnattr_init(&attributes_), "posix_spawnattr_init");
    }
    spawn_settings(const spawn_settings&) = delete;
    spawn_settings& operator=(const spawn_settings&) = delete;
    ~spawn_settings() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }

    void redirect(int from, int to) { check(::posix_spawn_file_actions_adddup2(&actions_, from, to), "adddup2"); }
    void change_directory(const std::filesystem::path& directory) {
        check(::posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str()), "addchdir");
    }
    /// A process group of its own, so that it can be killed with its children; and no signal ignored or blocked,
    /// although a test that runs in the background inherits some that are.
    void own_group_and_signals() {
        sigset_t defaults;
        sigset_t none;
        ::sigemptyset(&defaults);
        ::sigemptyset(&none);
        for (const int s : {SIGINT, SIGTERM, SIGPIPE, SIGHUP, SIGQUIT}) ::sigaddset(&defaults, s);
        check(::posix_spawnattr_setsigdefault(&attributes_, &defaults), "setsigdefault");
        check(::posix_spawnattr_setsigmask(&attributes_, &none), "setsigmask");
        check(::posix_spawnattr_setpgroup(&attributes_, 0), "setpgroup");
        check(::posix_spawnattr_setflags(&attributes_,
                                         POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK),
              "setflags");
    }
    [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
    [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

/// Appends what can be read now; closes at the end of the file.
void drain(descriptor& from, std::string& to) {
    std::array<char, 65536> buffer{};
    const auto n = ::read(from.get(), buffer.data(), buffer.size());
    if (n > 0) {
        to.append(buffer.data(), static_cast<std::size_t>(n));
    } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        from.close();
    }
}

/// Writes what fits now; closes when all is written or nobody reads.
void feed(descriptor& to, std::string_view text, std::size_t& written) {
    if (written < text.size()) {
        const auto n = ::write(to.get(), text.data() + written, text.size() - written);
        if (n > 0) {
            written += static_cast<std::size_t>(n);
        } else if (errno != EINTR && errno != EAGAIN) {
            written = text.size();
        }
    }
    if (written == text.size()) to.close();
}

}  // namespace

process_result run_process(const std::vector<std::string>& command, const process_options& options) {
    pipe_ends in = make_pipe();
    pipe_ends out = make_pipe();
    pipe_ends err = make_pipe();

    spawn_settings settings;
    settings.redirect(in.read.get(), STDIN_FILENO);
    settings.redirect(out.write.get(), STDOUT_FILENO);
    settings.redirect(err.write.get(), STDERR_FILENO);
    if (!options.directory.empty()) settings.change_directory(options.directory);
    settings.own_group_and_signals();

    auto arguments = command;
    auto environment = environment_with(options.environment);
    pid_t child = 0;
    check(::posix_spawnp(&child, command.at(0).c_str(), settings.actions(), settings.attributes(),
                         pointers_to(arguments).data(), pointers_to(environment).data()),
          command[0].c_str());
    in.read.close();
    out.write.close();
    err.write.close();
    ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);

    // A program that ends without reading its input must not end us.
    sigset_t broken_pipe;
    sigset_t previous;
    ::sigemptyset(&broken_pipe);
    ::sigaddset(&broken_pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &broken_pipe, &previous);

    process_result result;
    std::size_t written = 0;
    bool to_signal = options.signal != 0;
    bool ended = false;
    int wait_status = 0;
    const auto deadline = steady::now() + options.timeout;
    if (options.input.empty()) in.write.close();
    while (!ended || out.read.is_open() || err.read.is_open()) {
        if (!ended && ::waitpid(child, &wait_status, WNOHANG) == child) {
            ended = true;
            in.write.close();
        }
        if (!ended && to_signal && (!options.signal_when || options.signal_when())) {
            ::kill(child, options.signal);
            to_signal = false;
        }
        if (steady::now() >= deadline) {
            result.timed_out = true;
            ::kill(-child, SIGKILL);
            if (!ended) ::waitpid(child, &wait_status, 0);
            break;
        }
        std::array<pollfd, 3> watched{pollfd{out.read.get(), POLLIN, 0}, pollfd{err.read.get(), POLLIN, 0},
                                      pollfd{in.write.get(), POLLOUT, 0}};
        ::poll(watched.data(), watched.size(), 10);
        if (watched[0].revents != 0) drain(out.read, result.out);
        if (watched[1].revents != 0) drain(err.read, result.err);
        if (watched[2].revents != 0) feed(in.write, options.input, written);
    }

    const timespec at_once{};
    while (::sigtimedwait(&broken_pipe, nullptr, &at_once) == -1 && errno == EINTR) {
    }
    ::pthread_sigmask(SIG_SETMASK, &previous, nullptr);

    if (WIFEXITED(wait_status)) result.status = WEXITSTATUS(wait_status);
    if (WIFSIGNALED(wait_status)) result.signal = WTERMSIG(wait_status);
    return result;
}

}  // namespace ampacity::test
