#include <ampacity/core/error.hpp>
#include <ampacity/io/input_stream.hpp>
#include <ampacity/io/xxh64.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

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
constexpr std::string_view zstd_skippable_magic = "\x2A\x4D\x18";  // after one byte from 0x50 to 0x5F

enum class packing : std::uint8_t { plain, gzip, zstd };

bool is_skippable_lead(char byte) noexcept { return (static_cast<unsigned char>(byte) & 0xF0U) == 0x50U; }

packing packing_of(std::string_view head) noexcept {
    if (head.starts_with(gzip_magic)) return packing::gzip;
    if (head.starts_with(zstd_magic)) return packing::zstd;
    if (head.size() > zstd_skippable_magic.size() && is_skippable_lead(head.front()) &&
        head.substr(1).starts_with(zstd_skippable_magic))
        return packing::zstd;
    return packing::plain;
}

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
        // A small file takes a small block: its bytes, and one more in which its end is seen.
        block.resize(S_ISREG(facts.st_mode) ? std::clamp<std::size_t>(size + 1, zstd_magic.size(), block_bytes)
                                            : block_bytes);
        while (buffered() < zstd_magic.size() && refill()) {
        }
        const std::string_view head{block.data() + begin, buffered()};
        packed = packing_of(head);
        if (path.ends_with(".gz")) expect(packing::gzip, "gzip", ".gz", gzip_magic.starts_with(head));
        if (path.ends_with(".zst")) expect(packing::zstd, "Zstandard", ".zst", zstd_magic.starts_with(head));
        if (packed == packing::gzip) start_inflating();
        if (packed == packing::zstd) start_unpacking();
    }
    state(const state&) = delete;
    state& operator=(const state&) = delete;
    ~state() {
        if (zlib_ready) ::inflateEnd(&zlib);
        ::ZSTD_freeDStream(zstd);
    }

    /// What the name promises must be there; a beginning of it, however short, is a truncated file.
    void expect(packing promised, const char* kind, const char* suffix, bool begun) {
        if (packed == promised) return;
        if (packed == packing::plain && begun) {
            packed = promised;
            fail_truncated();
        }
        fail(std::string{"is not "} + kind + " data, although its name ends in " + suffix, {},
             packed == packing::plain ? "rename it if it is plain, else fetch it again" : "rename it");
    }
    [[nodiscard]] const char* kind() const noexcept { return packed == packing::gzip ? "gzip" : "Zstandard"; }

    [[noreturn]] void fail(std::string what, std::string value, std::string remedy) const {
        throw data_error({{path, 1, 1}, {}, std::move(what), std::move(value), std::move(remedy)});
    }
    [[noreturn]] void fail_to_open(int code) const {
        fail("cannot be opened", system_text(code), code == EACCES ? "check the file's permissions" : "check the path");
    }
    [[noreturn]] void fail_truncated() const {
        fail(std::string{"truncated "} + kind() + " data", "ends at compressed byte " + std::to_string(taken),
             "fetch or compress the file again");
    }
    [[noreturn]] void fail_corrupt(std::string_view reason) const {
        fail(std::string{"corrupt "} + kind() + " data",
             std::string{reason} + " at compressed byte " + std::to_string(consumed()),
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

    void start_unpacking() {
        zstd = ::ZSTD_createDStream();
        if (zstd == nullptr) throw std::bad_alloc{};
        wanted = ::ZSTD_initDStream(zstd);
    }

    /// At a frame's beginning: what stands there must be the beginning of one.
    void check_frame() const {
        if (block[begin] != zstd_magic.front() && !is_skippable_lead(block[begin]))
            fail_corrupt("unexpected bytes after the end of the data");
    }

    /// Each call is given no more than the bytes that the decoder asks for, a block at most, so that the place of a
    /// fault is known to the block.
    std::size_t read_zstd(std::span<char> out) {
        ZSTD_outBuffer to{out.data(), out.size(), 0};
        while (to.pos == 0) {
            if (begin == end && !holds_output) {
                if (!refill()) {
                    if (!between_members) fail_truncated();
                    ended = true;
                    break;
                }
            }
            if (between_members) check_frame();
            ZSTD_inBuffer from{block.data() + begin, std::min(buffered(), wanted), 0};
            const std::size_t code = ::ZSTD_decompressStream(zstd, &to, &from);
            if (::ZSTD_isError(code) != 0) fail_unpacking(code);
            begin += from.pos;
            between_members = code == 0;
            // A block may be longer than the room for it; what is left of it needs no further input.
            holds_output = code != 0 && to.pos == to.size;
            wanted = std::max<std::size_t>(code, between_members ? zstd_magic.size() + 1 : 1);
        }
        return to.pos;
    }

    [[noreturn]] void fail_unpacking(std::size_t code) const {
        switch (::ZSTD_getErrorCode(code)) {
            case ZSTD_error_memory_allocation: throw std::bad_alloc{};
            case ZSTD_error_frameParameter_windowTooLarge:
                fail("Zstandard data with a window above 128 MiB",
                     "in the frame at compressed byte " + std::to_string(consumed()),
                     "compress the file again, without --long or --ultra");
            case ZSTD_error_dictionary_wrong:
                fail("Zstandard data that needs a dictionary",
                     "in the frame at compressed byte " + std::to_string(consumed()),
                     "compress the file again, without a dictionary");
            default: fail_corrupt(::ZSTD_getErrorName(code));
        }
    }

    std::string path;
    descriptor in;
    std::uint64_t size = 0;
    std::uint64_t taken = 0;  ///< bytes read from the file
    xxh64 hash;
    std::vector<char> block;
    std::size_t begin = 0;
    std::size_t end = 0;
    packing packed = packing::plain;
    bool between_members = false;  ///< or frames
    bool ended = false;
    bool zlib_ready = false;
    z_stream zlib{};
    ZSTD_DStream* zstd = nullptr;
    std::size_t wanted = 0;     ///< compressed bytes that the decoder can use next
    bool holds_output = false;  ///< the decoder may have text left that did not fit
};

input_stream::input_stream(const std::filesystem::path& path) : state_(std::make_unique<state>(path)) {}
input_stream::input_stream(input_stream&&) noexcept = default;
input_stream& input_stream::operator=(input_stream&&) noexcept = default;
input_stream::~input_stream() = default;

std::size_t input_stream::read(std::span<char> out) {
    if (out.empty() || state_->ended) return 0;
    switch (state_->packed) {
        case packing::gzip: return state_->read_gzip(out);
        case packing::zstd: return state_->read_zstd(out);
        case packing::plain: break;
    }
    return state_->read_plain(out);
}

const std::string& input_stream::path() const noexcept { return state_->path; }
bool input_stream::is_compressed() const noexcept { return state_->packed != packing::plain; }
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
