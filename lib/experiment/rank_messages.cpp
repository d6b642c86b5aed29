#include "rank_messages.hpp"

#include <ampacity/core/error.hpp>

#include <array>
#include <bit>
#include <cstring>
#include <string_view>
#include <utility>

namespace ampacity::experiment {
namespace {

class writer {
public:
    explicit writer(rank_word word) : out_{static_cast<char>(word)} {}
    writer& add(std::uint64_t x) {
        const auto bytes = std::bit_cast<std::array<char, sizeof x>>(x);
        out_.insert(out_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    writer& add(double x) { return add(std::bit_cast<std::uint64_t>(x)); }
    writer& add(std::string_view text) {
        add(std::uint64_t{text.size()});
        out_.insert(out_.end(), text.begin(), text.end());
        return *this;
    }
    [[nodiscard]] std::vector<char> take() { return std::move(out_); }

private:
    std::vector<char> out_;
};

class reader {
public:
    reader(rank_word word, std::span<const char> message) : rest_(message) {
        AMPACITY_ASSERT(word_of(message) == word);
        rest_ = rest_.subspan(1);
    }
    std::uint64_t number() {
        std::array<char, sizeof(std::uint64_t)> bytes{};
        AMPACITY_ASSERT(rest_.size() >= bytes.size());
        std::memcpy(bytes.data(), rest_.data(), bytes.size());
        rest_ = rest_.subspan(bytes.size());
        return std::bit_cast<std::uint64_t>(bytes);
    }
    double real() { return std::bit_cast<double>(number()); }
    std::string text() {
        const std::uint64_t size = number();
        AMPACITY_ASSERT(rest_.size() >= size);
        const std::string out(rest_.data(), size);
        rest_ = rest_.subspan(size);
        return out;
    }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }

private:
    std::span<const char> rest_;
};

}  // namespace

std::vector<char> message_of(rank_word word) { return writer{word}.take(); }

std::vector<char> message_of(std::span<const trial> list) {
    writer w(rank_word::run);
    for (const trial& t : list) w.add(std::uint64_t{t.variant}).add(t.replication);
    return w.take();
}

std::vector<char> message_of(const trial_result& r) {
    writer w(rank_word::result);
    w.add(std::uint64_t{r.which.variant}).add(r.which.replication).add(r.seed);
    w.add(static_cast<std::uint64_t>(r.status)).add(std::string_view{r.error}).add(r.wall_s);
    w.add(std::uint64_t{r.metrics.size()});
    for (const auto& [name, value] : r.metrics) w.add(std::string_view{name}).add(value);
    w.add(std::uint64_t{r.histograms.size()});
    for (const histogram& h : r.histograms) {
        w.add(std::string_view{h.name}).add(std::uint64_t{h.bins.size()});
        for (const auto& bin : h.bins) w.add(bin.up_to).add(bin.count);
    }
    return w.take();
}

std::vector<char> ready_message(const std::string& fingerprint, std::uint64_t threads) {
    return writer{rank_word::ready}.add(std::string_view{fingerprint}).add(threads).take();
}

std::vector<char> unfit_message(const std::string& why) {
    return writer{rank_word::unfit}.add(std::string_view{why}).take();
}

rank_word word_of(std::span<const char> message) {
    AMPACITY_ASSERT(!message.empty());
    return static_cast<rank_word>(message.front());
}

std::vector<trial> trials_in(std::span<const char> message) {
    std::vector<trial> out;
    for (reader r(rank_word::run, message); !r.at_end();) {
        const std::uint64_t variant = r.number();
        out.push_back({static_cast<std::size_t>(variant), r.number()});
    }
    return out;
}

trial_result result_in(std::span<const char> message) {
    reader r(rank_word::result, message);
    trial_result out;
    out.which.variant = static_cast<std::size_t>(r.number());
    out.which.replication = r.number();
    out.seed = r.number();
    out.status = static_cast<trial_status>(r.number());
    out.error = r.text();
    out.wall_s = r.real();
    for (std::uint64_t left = r.number(); left != 0; --left) {
        std::string name = r.text();
        out.metrics.emplace_back(std::move(name), r.real());
    }
    for (std::uint64_t left = r.number(); left != 0; --left) {
        histogram h{.name = r.text()};
        for (std::uint64_t bins = r.number(); bins != 0; --bins) {
            const double up_to = r.real();
            h.bins.push_back({up_to, r.number()});
        }
        out.histograms.push_back(std::move(h));
    }
    AMPACITY_ASSERT(r.at_end());
    return out;
}

rank_readiness readiness_in(std::span<const char> message) {
    reader r(rank_word::ready, message);
    rank_readiness out{.fingerprint = r.text()};
    out.threads = r.number();
    return out;
}

std::string reason_in(std::span<const char> message) { return reader{rank_word::unfit, message}.text(); }

}  // namespace ampacity::experiment
