#include <ampacity/core/error.hpp>
#include <ampacity/core/fnv.hpp>
#include <ampacity/core/stream.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/serving/load_tree.hpp>
#include <ampacity/serving/router.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ampacity::serving {
namespace {

/// Replicas by a load of which a lower bound is known: the first with the least.
class least_loaded {
public:
    /// `load(i)` is what counts; `bound(i)` is at most that, until `changed(i)`.
    template <class Load, class Bound>
    std::size_t first(std::size_t replicas, Load load, Bound bound) {
        if (tree_.size() != replicas) {
            std::vector<std::int64_t> all(replicas);
            for (std::size_t i = 0; i != replicas; ++i) all[i] = bound(i);
            tree_.assign(std::move(all));
        }
        // Who is least by bounds, and is at its bound, is least.
        for (;;) {
            const std::size_t i = tree_.least();
            const std::int64_t now = load(i);
            if (now == tree_.load(i)) return i;
            tree_.set(i, now);
        }
    }
    void changed(std::size_t i, std::int64_t bound) noexcept {
        if (i < tree_.size()) tree_.set(i, bound);
    }
    void renumbered() { tree_ = {}; }

private:
    load_tree tree_;
};

std::int64_t requests(const replica_view& view, std::size_t i) { return static_cast<std::int64_t>(view.requests(i)); }

/// That with the fewest requests.
class fewest_requests {
public:
    std::size_t first(const replica_view& view) {
        const auto load = [&](std::size_t i) { return requests(view, i); };
        return by_requests_.first(view.size(), load, load);
    }
    void changed(std::size_t i, const replica_view& view) { by_requests_.changed(i, requests(view, i)); }
    void renumbered() { by_requests_.renumbered(); }

private:
    least_loaded by_requests_;
};

class round_robin_router final : public router {
public:
    explicit round_robin_router(const router_options&) {}
    std::size_t route(const workload::request&, const replica_view& view) override {
        return num_routed_++ % view.size();
    }

private:
    std::uint64_t num_routed_ = 0;
};

/// Draws of request k begin at number 4 k of the stream, so that no request shifts another's.
class random_base : public router {
protected:
    explicit random_base(const router_options& o) : stream_(o.seed, purpose::placement, o.entity) {}
    random_stream& stream_of(const workload::request& r) {
        stream_.seek(4 * r.row);
        return stream_;
    }

private:
    random_stream stream_;
};

class random_router final : public random_base {
public:
    explicit random_router(const router_options& o) : random_base(o) {}
    std::size_t route(const workload::request& r, const replica_view& view) override {
        return stream_of(r).below(view.size());
    }
};

class power_of_two_router final : public random_base {
public:
    explicit power_of_two_router(const router_options& o) : random_base(o) {}
    std::size_t route(const workload::request& r, const replica_view& view) override {
        if (view.size() == 1) return 0;
        random_stream& stream = stream_of(r);
        const std::size_t first = stream.below(view.size());
        std::size_t second = stream.below(view.size() - 1);
        if (second >= first) ++second;
        return view.requests(second) < view.requests(first) ? second : first;
    }
};

class least_requests_router final : public router {
public:
    explicit least_requests_router(const router_options&) {}
    std::size_t route(const workload::request&, const replica_view& view) override { return fewest_.first(view); }
    void changed(std::size_t i, const replica_view& view) override { fewest_.changed(i, view); }
    void renumbered() override { fewest_.renumbered(); }

private:
    fewest_requests fewest_;
};

class least_kv_router final : public router {
public:
    explicit least_kv_router(const router_options&) {}
    std::size_t route(const workload::request&, const replica_view& view) override {
        return by_blocks_.first(
            view.size(), [&](std::size_t i) { return view.kv_blocks(i); },
            [&](std::size_t i) { return view.least_kv_blocks(i); });
    }
    void changed(std::size_t i, const replica_view& view) override { by_blocks_.changed(i, view.least_kv_blocks(i)); }
    void renumbered() override { by_blocks_.renumbered(); }

private:
    least_loaded by_blocks_;
};

class session_router final : public router {
public:
    explicit session_router(const router_options&) {}
    std::size_t route(const workload::request& r, const replica_view& view) override {
        if (r.session == 0) return fewest_.first(view);
        std::uint64_t hash = fnv_start;
        for (unsigned shift = 0; shift != 32; shift += 8) hash = fnv_1a(r.session >> shift & 0xFFU, hash);
        return hash % view.size();
    }
    void changed(std::size_t i, const replica_view& view) override { fewest_.changed(i, view); }
    void renumbered() override { fewest_.renumbered(); }

private:
    fewest_requests fewest_;
};

class prefix_aware_router final : public router {
public:
    explicit prefix_aware_router(const router_options&) {}
    std::size_t route(const workload::request& r, const replica_view& view) override {
        std::int64_t longest = 0;
        std::size_t best = 0;
        for (std::size_t i = 0; i != view.size(); ++i) {
            const std::int64_t most = view.most_cached_tokens(i, r);
            if (most == 0 || most < longest) continue;
            const std::int64_t cached = view.cached_tokens(i, r);
            if (cached < longest || cached == 0) continue;
            if (cached == longest && view.requests(i) >= view.requests(best)) continue;
            longest = cached;
            best = i;
        }
        return longest == 0 ? fewest_.first(view) : best;
    }
    void changed(std::size_t i, const replica_view& view) override { fewest_.changed(i, view); }
    void renumbered() override { fewest_.renumbered(); }

private:
    fewest_requests fewest_;
};

/// The cost that NVIDIA Dynamo's KV router weighs: tokens to compute, and tokens in the cache.
class kv_aware_router final : public router {
public:
    explicit kv_aware_router(const router_options& o) : kv_weight_(o.kv_weight) {}
    std::size_t route(const workload::request& r, const replica_view& view) override {
        const auto cost = [&](std::size_t i, std::int64_t cached, std::int64_t blocks) {
            const std::int64_t to_compute = r.prompt_tokens - cached + view.waiting_tokens(i);
            return static_cast<int128>(1000) * to_compute +
                   static_cast<int128>(kv_weight_) * (blocks * view.block_tokens(i));
        };
        std::size_t best = 0;
        int128 least = 0;
        for (std::size_t i = 0; i != view.size(); ++i) {
            // Whoever costs too much at the least need not be asked for more.
            if (i != 0 && cost(i, view.most_cached_tokens(i, r), view.least_kv_blocks(i)) >= least) continue;
            const int128 exact = cost(i, view.cached_tokens(i, r), view.kv_blocks(i));
            if (i != 0 && exact >= least) continue;
            least = exact;
            best = i;
        }
        return best;
    }

private:
    std::int64_t kv_weight_;
};

template <class Router>
std::unique_ptr<router> make(const router_options& o) {
    return std::make_unique<Router>(o);
}

constexpr std::array descriptions{
    router_description{"round-robin", "each in turn"},
    router_description{"random", "any, all alike"},
    router_description{"least-requests", "that with the fewest requests, waiting or running; the first of several"},
    router_description{"least-kv", "that with the fewest KV blocks taken; the first of several"},
    router_description{"power-of-two", "of two at random that with fewer requests; the one drawn first if equal"},
    router_description{"session", "all requests of a session to one, by a hash; those of none as `least-requests`"},
    router_description{"prefix-aware", "that whose cache has most of the prompt; of several as `least-requests`"},
    router_description{"kv-aware", "that with the fewest tokens to compute and, by `kv_weight`, in the cache"},
};

using maker = std::unique_ptr<router> (*)(const router_options&);
constexpr std::array<maker, descriptions.size()> makers{
    make<round_robin_router>,  make<random_router>,  make<least_requests_router>, make<least_kv_router>,
    make<power_of_two_router>, make<session_router>, make<prefix_aware_router>,   make<kv_aware_router>};

}  // namespace

std::span<const router_description> router_descriptions() noexcept { return descriptions; }

std::unique_ptr<router> make_router(std::string_view name, const router_options& options) {
    if (options.kv_weight < 0 || options.kv_weight > 1'000'000)
        throw scenario_error({{},
                              "kv_weight",
                              options.kv_weight < 0 ? "too small" : "too large",
                              std::to_string(options.kv_weight) + " / 1000",
                              "give 0 to 1000"});
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i != descriptions.size(); ++i) {
        if (descriptions[i].name == name) return makers[i](options);
        names.push_back(descriptions[i].name);
    }
    throw scenario_error({{}, "router", "unknown router", std::string{name}, suggestion(name, names)});
}

}  // namespace ampacity::serving
