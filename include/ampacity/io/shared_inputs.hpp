#pragma once
/// \file
/// What many runs of one process read from the same files: models, signals and traces, each of which is read once.
///
/// Files must not change meanwhile. What cannot be read is an error each time. Any number of threads; whoever asks for
/// something that another one reads waits for it.

#include <ampacity/io/trace_cache.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <typeindex>
#include <utility>

namespace ampacity::io {

class shared_inputs {
public:
    /// See `trace_cache`.
    explicit shared_inputs(std::uint64_t max_trace_bytes = std::uint64_t{1} << 30U) : traces_(max_trace_bytes) {}

    [[nodiscard]] trace_cache& traces() noexcept { return traces_; }

    /// The value of this type and name, made by the first who asks for it.
    template <class T, class Make>
    [[nodiscard]] std::shared_ptr<const T> once(const std::string& name, Make make) {
        std::shared_ptr<entry> e;
        {
            const std::lock_guard lock{mutex_};
            auto& known = entries_[{std::type_index{typeid(T)}, name}];
            if (known == nullptr) known = std::make_shared<entry>();
            e = known;
        }
        std::call_once(e->once, [&] { e->value = std::make_shared<const T>(make()); });
        return std::static_pointer_cast<const T>(e->value);
    }

private:
    struct entry {
        std::once_flag once;
        std::shared_ptr<const void> value;
    };

    trace_cache traces_;
    std::mutex mutex_;
    std::map<std::pair<std::type_index, std::string>, std::shared_ptr<entry>> entries_;
};

/// What `make` makes, at once or once for all who share it.
template <class T, class Make>
[[nodiscard]] std::shared_ptr<const T> shared_or_new(shared_inputs* shared, const std::string& name, Make make) {
    return shared != nullptr ? shared->once<T>(name, make) : std::make_shared<const T>(make());
}

}  // namespace ampacity::io
