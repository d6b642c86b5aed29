#pragma once
/// \file
/// Zstandard data for tests, made by libzstd.

#include <zstd.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ampacity::test {

/// `text` as one Zstandard frame, by default with a checksum, as the program `zstd` writes it.
inline std::string zstd(std::string_view text, int level = 3, bool checksum = true) {
    const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, checksum ? 1 : 0);
    std::string out(ZSTD_compressBound(text.size()), '\0');
    const std::size_t size = ZSTD_compress2(context.get(), out.data(), out.size(), text.data(), text.size());
    if (ZSTD_isError(size) != 0) throw std::runtime_error(ZSTD_getErrorName(size));
    out.resize(size);
    return out;
}

/// A frame that decoders pass over. \pre variant < 16
inline std::string zstd_skippable(std::string_view text, unsigned variant = 0) {
    std::string out{static_cast<char>(0x50U + variant)};
    out += "\x2A\x4D\x18";
    for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>((text.size() >> shift) & 0xFFU);
    return out.append(text);
}

}  // namespace ampacity::test
