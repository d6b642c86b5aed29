// Data files, plain or compressed: whatever is asked for at a time, the bytes and the message are the same.
#include "fuzz.hpp"

#include <ampacity/io/input_stream.hpp>
#include <ampacity/io/xxh64.hpp>

#include <vector>

using namespace ampacity;

namespace {

constexpr std::size_t most = std::size_t{1} << 20U;  ///< a small file can hold gigabytes of zeros

struct account {
    std::string bytes;
    std::optional<std::string> message;
    std::uint64_t digest = 0;
    bool compressed = false;
};

account account_of(const std::filesystem::path& path, std::size_t chunk) {
    account out;
    out.message = fuzz::refusal([&] {
        io::input_stream in(path);
        out.compressed = in.is_compressed();
        std::vector<char> buffer(chunk);
        while (out.bytes.size() < most) {
            const std::size_t n = in.read(buffer);
            fuzz::demand(n <= chunk, "no more than asked for");
            if (n == 0) break;
            out.bytes.append(buffer.data(), n);
            fuzz::demand(in.bytes_consumed() <= in.file_bytes(), "no more than there is");
        }
        out.digest = in.finish_digest();
        fuzz::demand(in.read(buffer) == 0, "nothing comes after the digest");
    });
    out.bytes.resize(std::min(out.bytes.size(), most));
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::memory_file file;
    fuzz::input in(data, size);
    const std::size_t small = 1 + in.choose(200);
    file.write(in.rest());
    const auto whole = account_of(file.path(), std::size_t{1} << 16U);
    const auto pieces = account_of(file.path(), small);
    // Of a file that is damaged and cut off, it is the size of a read that decides which of the two is found first.
    fuzz::demand(whole.message.has_value() == pieces.message.has_value(), "it is refused either way or neither");
    fuzz::demand(whole.message || whole.digest == pieces.digest, "digests are the same");
    // What a read had found before the fault does not come out.
    const bool same = whole.message ? whole.bytes.starts_with(pieces.bytes) || pieces.bytes.starts_with(whole.bytes)
                                    : whole.bytes == pieces.bytes;
    fuzz::demand(same, "bytes are the same");
    if (!whole.message) {
        fuzz::demand(whole.compressed || whole.bytes == in.rest().substr(0, most), "plain bytes come as they are");
        io::xxh64 hash;
        hash.update(in.rest());
        fuzz::demand(whole.digest == hash.digest(), "the digest is that of the file");
    }
    return 0;
}
