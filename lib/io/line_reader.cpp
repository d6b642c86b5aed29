#include "line_reader.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ampacity::io {

line_reader::line_reader(input_stream in, std::size_t block_bytes)
    : in_(std::move(in)), buffer_(std::max<std::size_t>(block_bytes, 1)) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    while (end_ < byte_order_mark.size() && fill()) {
    }
    if (std::string_view{buffer_.data(), end_}.starts_with(byte_order_mark)) next_ = byte_order_mark.size();
}

bool line_reader::next() {
    begin_ = next_;
    ++number_;
    std::size_t searched = begin_;
    while (true) {
        const void* const found =
            end_ == searched ? nullptr : std::memchr(buffer_.data() + searched, '\n', end_ - searched);
        if (found != nullptr) {
            const auto length = static_cast<std::size_t>(static_cast<const char*>(found) - (buffer_.data() + begin_));
            line_ = {buffer_.data() + begin_, length};
            next_ = begin_ + length + 1;
            break;
        }
        const std::size_t kept = end_ - begin_;
        if (!fill()) {
            line_ = {buffer_.data() + begin_, kept};
            next_ = end_;
            if (kept == 0) return false;
            break;
        }
        searched = begin_ + kept;
    }
    check_length(line_.size());
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    return true;
}

void line_reader::check_length(std::size_t bytes) const {
    if (bytes > max_line_bytes)
        throw data_error({where(buffer_.data() + begin_), {}, "line of more than 1 MiB", {}, "check that it is text"});
}

/// Keeps the unfinished line, moved to the front, and reads more behind it.
bool line_reader::fill() {
    if (at_file_end_) return false;
    const std::size_t kept = end_ - begin_;
    check_length(kept);
    if (begin_ != 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, kept);
        offset_ += begin_;
        begin_ = 0;
        end_ = kept;
    }
    if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
    try {
        const std::size_t n = in_.read({buffer_.data() + end_, buffer_.size() - end_});
        at_file_end_ = n == 0;
        end_ += n;
        return n != 0;
    } catch (const data_error& e) {
        // A fault of the file is reported where the text that could be read ends; its own byte is in the message.
        diagnostic d = e.details();
        d.where = where(buffer_.data() + end_);
        d.where.byte.reset();
        throw data_error(std::move(d));
    }
}

source_position line_reader::where(const char* at) const {
    const auto offset = static_cast<std::size_t>(at - buffer_.data());
    return {in_.path(), std::max<std::uint64_t>(number_, 1), offset - begin_ + 1, offset_ + offset};
}

}  // namespace ampacity::io
