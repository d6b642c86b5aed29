#include <ampacity/core/error.hpp>
#include <ampacity/io/input_stream.hpp>
#include <ampacity/io/xxh64.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <string_view>
#include <system_error>
#include <vector>

namespace ampacity::io {
namespace {

constexpr std::size_t block_bytes = std::size_t{1} << 18U;
constexpr std::string_view gzip_magic = "\x1F\x8B";
constexpr std::string_view zstd_magic = "\x28\xB5\x2F\xFD";

std::string system_text(int code) { return std::generic_category().message(code); }

/// A file descriptor that closes itself.
class descriptor {
public:
    explicit descriptor(const char* path) noexcept : number_(::open(path, O_RDONLY | O_CLOEXEC)) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    [[nodiscard]] int number() const noexcept { return number_; }

private:
    int number_;
};

}  // namespace

struct input_stream::state {
    explicit state(const std::filesystem::path& file) : path(file.string()), in(path.c_str()) {
        if (in.number() < 0) fail_to_open(errno);
        struct stat facts{};
        if (::fstat(in.number(), &facts) != 0) fail_to_open(errno);
        if (S_ISDIR(facts.st_mode)) fail("is a directory", {}, "give a file in it");
        if (S_ISREG(facts.st_mode)) size = static_cast<std::uint64_t>(facts.st_size);
        while (buffered() < zstd_magic.size() && refill()) {
        }
        const std::string_view head{block.data() + begin, buffered()};
        compressed = head.starts_with(gzip_magic);
        if (head.starts_with(zstd_magic) || path.ends_with(".zst")) {
            fail("Zstandard compression is not supported yet", {},
                 "decompress the file with `zstd -d`, or recompress it with gzip");
        }
        if (!compressed && path.ends_with(".gz")) {
            if (gzip_magic.starts_with(head)) fail_truncated();
            fail("is not gzip data, although its name ends in .gz", {},
                 "rename it if it is plain, else fetch it again");
        }
        if (compressed) start_inflating();
    }
    state(const state&) = delete;
    state& operator=(const state&) = delete;
    ~state() {
        if (zlib_ready) ::inflateEnd(&zlib);
    }

    [[noreturn]] void fail(std::string what, std::string value, std::string remedy) const {
        throw data_error({{path, 1, 1}, {}, std::move(what), std::move(value), std::move(remedy)});
    }
    [[noreturn]] void fail_to_open(int code) const {
        fail("cannot be opened", system_text(code), code == EACCES ? "check the file's permissions" : "check the path");
    }
    [[noreturn]] void fail_truncated() const {
        fail("truncated gzip data", "ends at compressed byte " + std::to_string(taken),
             "fetch or compress the file again");
    }
    [[noreturn]] void fail_corrupt(std::string_view reason) const {
        fail("corrupt gzip data", std::string{reason} + " at compressed byte " + std::to_string(consumed()),
             "fetch or compress the file again");
    }

    [[nodiscard]] std::size_t buffered() const noexcept { return end - begin; }
    [[nodiscard]] std::uint64_t consumed() const noexcept { return taken - buffered(); }

    /// One system read, hashed; 0 at the end of the file.
    std::size_t read_raw(char* out, std::size_t most) {
        while (true) {
            const ::ssize_t n = ::read(in.number(), out, std::min(most, std::size_t{1} << 30U));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) {
                fail("cannot be read", system_text(errno) + " at byte " + std::to_string(taken),
                     "check the disk and the file");
            }
            const auto count = static_cast<std::size_t>(n);
            hash.update({out, count});
            taken += count;
            return count;
        }
    }

    /// Appends to the block if there is room, else starts it afresh (only when it is used up).
    bool refill() {
        if (begin == end) begin = end = 0;
        const std::size_t n = read_raw(block.data() + end, block.size() - end);
        end += n;
        return n != 0;
    }

    void start_inflating() {
        // 16 selects the gzip wrapper alone: zlib then checks header, CRC and length of each member.
        if (::inflateInit2(&zlib, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc{};
        zlib_ready = true;
    }

    std::size_t read_plain(std::span<char> out) {
        if (begin != end) {
            const std::size_t n = std::min(out.size(), buffered());
            std::copy_n(block.data() + begin, n, out.data());
            begin += n;
            return n;
        }
        return read_raw(out.data(), out.size());
    }

    /// After the end of a member: false at the end of the file, true where another member starts.
    bool next_member() {
        bool padded = false;
        while (true) {
            while (begin != end && block[begin] == '\0') {
                ++begin;
                padded = true;
            }
            if (begin != end) break;
            if (!refill()) return false;
        }
        if (padded || block[begin] != gzip_magic.front()) fail_corrupt("unexpected bytes after the end of the data");
        if (::inflateReset(&zlib) != Z_OK) throw internal_error("inflateReset failed");
        return true;
    }

    std::size_t read_gzip(std::span<char> out) {
        const auto most = static_cast<uInt>(std::min<std::size_t>(out.size(), std::numeric_limits<uInt>::max()));
        zlib.next_out = reinterpret_cast<Bytef*>(out.data());
        zlib.avail_out = most;
        while (zlib.avail_out == most) {
            if (between_members) {
                if (!next_member()) {
                    ended = true;
                    break;
                }
                between_members = false;
            }
            if (begin == end && !refill()) fail_truncated();
            zlib.next_in = reinterpret_cast<Bytef*>(block.data() + begin);
            zlib.avail_in = static_cast<uInt>(buffered());
            const int code = ::inflate(&zlib, Z_NO_FLUSH);
            begin = end - zlib.avail_in;
            if (code == Z_MEM_ERROR) throw std::bad_alloc{};
            if (code == Z_STREAM_END) between_members = true;
            if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
                fail_corrupt(zlib.msg != nullptr ? zlib.msg : "invalid data");
            }
        }
        return most - zlib.avail_out;
    }

    std::string path;
    descriptor in;
    std::uint64_t size = 0;
    std::uint64_t taken = 0;  ///< bytes read from the file
    xxh64 hash;
    std::vector<char> block = std::vector<char>(block_bytes);
    std::size_t begin = 0;
    std::size_t end = 0;
    bool compressed = false;
    bool between_members = false;
    bool ended = false;
    bool zlib_ready = false;
    z_stream zlib{};
};

input_stream::input_stream(const std::filesystem::path& path) : state_(std::make_unique<state>(path)) {}
input_stream::input_stream(input_stream&&) noexcept = default;
input_stream& input_stream::operator=(input_stream&&) noexcept = default;
input_stream::~input_stream() = default;

std::size_t input_stream::read(std::span<char> out) {
    if (out.empty() || state_->ended) return 0;
    if (state_->compressed) return state_->read_gzip(out);
    return state_->read_plain(out);
}

const std::string& input_stream::path() const noexcept { return state_->path; }
bool input_stream::is_compressed() const noexcept { return state_->compressed; }
std::uint64_t input_stream::bytes_consumed() const noexcept { return state_->consumed(); }
std::uint64_t input_stream::file_bytes() const noexcept { return state_->size; }

std::uint64_t input_stream::finish_digest() {
    state_->ended = true;
    do {
        state_->begin = state_->end = 0;
    } while (state_->refill());
    return state_->hash.digest();
}

}  // namespace ampacity::io
