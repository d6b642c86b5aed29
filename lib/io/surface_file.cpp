#include "output_file.hpp"
#include "text_file.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/version.hpp>
#include <ampacity/io/surface_file.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <utility>
#include <vector>

namespace ampacity::io {
namespace {

using json = nlohmann::ordered_json;

constexpr int format_version = 2;

std::string hex(std::uint64_t n) { return fmt::format("{:016x}", n); }

[[noreturn]] void refuse(const std::filesystem::path& file, std::string what) {
    throw data_error({{.file = file.string()}, {}, std::move(what), {}, "make it anew with `ampacity surface`"});
}

/// The values of all points, as lists over the loads: the same keys are written and read.
template <class Latency, class F>
void for_each_latency_list(Latency latency, F f) {
    f("mean", [latency](auto& p) -> auto& { return latency(p).mean; });
    for (std::size_t k = 0; k != fluid::quantile_shares.size(); ++k)
        f(fmt::format("q{}", fluid::quantile_shares[k]),
          [latency, k](auto& p) -> auto& { return latency(p).quantiles[k]; });
}

template <class F>
void for_each_list(F f) {
    f("", "busy", [](auto& p) -> auto& { return p.busy; });
    f("", "prefilling", [](auto& p) -> auto& { return p.prefilling; });
    f("", "kv", [](auto& p) -> auto& { return p.kv; });
    for (std::size_t k = 0; k <= fluid::num_waits; ++k)
        f("met", fmt::format("wait{}", k), [k](auto& p) -> auto& { return p.met[k]; });
    const auto latency = [&f](const char* group, auto of) {
        for_each_latency_list(of, [&](const std::string& name, auto get) { f(group, name, get); });
    };
    latency("ttft_s", [](auto& p) -> auto& { return p.ttft; });
    latency("tpot_s", [](auto& p) -> auto& { return p.tpot; });
    latency("e2e_s", [](auto& p) -> auto& { return p.e2e; });
}

json to_json(const fluid::mix_values& m) {
    json out{{"capacity_per_s", m.capacity},
             {"queued_share", m.queued_share},
             {"rejected", m.rejected},
             {"prompt_tokens", m.prompt_tokens},
             {"output_tokens", m.output_tokens}};
    for_each_list([&](const std::string& group, const std::string& name, auto get) {
        json list = json::array();
        for (const fluid::point_values& p : m.points) list.push_back(get(p));
        (group.empty() ? out[name] : out[group][name]) = std::move(list);
    });
    return out;
}

double number(const json& j) {
    const auto x = j.get<double>();
    if (!std::isfinite(x) || x < 0) throw std::invalid_argument("a number is below 0 or none");
    return x;
}

fluid::mix_values mix_of(const json& j) {
    fluid::mix_values out;
    out.capacity = number(j.at("capacity_per_s"));
    out.queued_share = number(j.at("queued_share"));
    if (out.queued_share == 0 || out.queued_share > 1) throw std::invalid_argument("queued_share is no share above 0");
    out.rejected = number(j.at("rejected"));
    out.prompt_tokens = number(j.at("prompt_tokens"));
    out.output_tokens = number(j.at("output_tokens"));
    for_each_list([&](const std::string& group, const std::string& name, auto get) {
        const json& list = group.empty() ? j.at(name) : j.at(group).at(name);
        if (list.size() != out.points.size()) throw std::invalid_argument(name + " does not have a value of each load");
        for (std::size_t i = 0; i != out.points.size(); ++i) get(out.points[i]) = number(list.at(i));
    });
    return out;
}

std::vector<double> scales_of(const json& j) {
    std::vector<double> out;
    for (const json& x : j) {
        const double scale = number(x);
        if (scale <= (out.empty() ? 0 : out.back())) throw std::invalid_argument("scales do not rise");
        out.push_back(scale);
    }
    if (out.empty()) throw std::invalid_argument("there are no scales");
    return out;
}

}  // namespace

std::string surface_text(const fluid::surface& s, const fluid::surface_options& from, const surface_notes& notes) {
    json out{{"ampacity_surface", format_version},
             {"program", std::string{"ampacity "} + std::string{version}},
             {"command", notes.command},
             {"service", notes.service},
             {"made_from", hex(s.made_from())},
             {"requests", from.requests},
             {"seed", from.seed},
             {"replicas", from.replicas},
             {"router", from.router},
             {"loads", fluid::surface_loads},
             {"prompt_scales", s.prompt_scales()},
             {"output_scales", s.output_scales()},
             {"queued_capacity_per_s", s.queued()}};
    for (const fluid::mix_values& m : s.mixes()) out["mixes"].push_back(to_json(m));
    return out.dump(1) + "\n";
}

void write_surface(const std::filesystem::path& file, const fluid::surface& s, const fluid::surface_options& from,
                   const surface_notes& notes) {
    output_file to(file);
    to.text() = surface_text(s, from, notes);
    to.commit();
}

fluid::surface read_surface(const std::filesystem::path& file) {
    const text_file read = read_text_file(file);
    if (!read.error.empty())
        throw data_error({{.file = file.string()}, {}, "cannot be read", read.error, "check the path"});
    return surface_of_text(read.text, file);
}

fluid::surface surface_of_text(std::string_view text, const std::filesystem::path& file) {
    try {
        const json j = json::parse(text);
        if (j.at("ampacity_surface") != format_version) refuse(file, "a surface of another version");
        if (j.at("loads") != json(fluid::surface_loads)) refuse(file, "a surface at other loads");
        const std::string made_from = j.at("made_from").get<std::string>();
        std::size_t used = 0;
        const std::uint64_t signature = std::stoull(made_from, &used, 16);
        if (used != made_from.size()) refuse(file, "made_from is no number");
        std::vector<double> prompt = scales_of(j.at("prompt_scales")), output = scales_of(j.at("output_scales"));
        std::vector<fluid::mix_values> mixes;
        for (const json& m : j.at("mixes")) mixes.push_back(mix_of(m));
        if (mixes.size() != prompt.size() * output.size()) refuse(file, "mixes are not those of the scales");
        std::vector<double> queued;
        for (const json& c : j.at("queued_capacity_per_s")) queued.push_back(number(c));
        if (queued.size() != fluid::surface::halved(prompt).size() * fluid::surface::halved(output).size())
            refuse(file, "capacities are not those of the scales");
        return {signature, std::move(prompt), std::move(output), std::move(mixes), std::move(queued)};
    } catch (const json::exception& e) {
        refuse(file, std::string{"not a surface: "} + e.what());
    } catch (const std::logic_error& e) {  // of numbers
        refuse(file, std::string{"not a surface: "} + e.what());
    }
}

fluid::surface read_surface_of(const fluid::surface_options& from, const std::filesystem::path& file,
                               const std::string& key) {
    fluid::surface out = read_surface(file);
    const std::uint64_t wanted = signature(from);
    if (out.made_from() != wanted)
        throw scenario_error({{},
                              key,
                              "the surface is of another engine, router, targets or lengths: " + hex(out.made_from()) +
                                  ", not " + hex(wanted),
                              file.string(),
                              "make it anew with `ampacity surface`, or leave it out"});
    return out;
}

}  // namespace ampacity::io
