#pragma once
/// \file
/// gzip data for tests, made by zlib.

#include <zlib.h>

#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ampacity::test {

/// `text` as one gzip member.
inline std::string gzip(std::string_view text, int level = 6) {
    z_stream z{};
    if (deflateInit2(&z, level, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc{};
    std::string out(deflateBound(&z, static_cast<uLong>(text.size())), '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    z.avail_in = static_cast<uInt>(text.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    const int code = deflate(&z, Z_FINISH);
    out.resize(z.total_out);
    deflateEnd(&z);
    if (code != Z_STREAM_END) throw std::runtime_error("deflate failed");
    return out;
}

}  // namespace ampacity::test
