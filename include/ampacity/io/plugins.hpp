#pragma once
/// \file
/// Plug-ins that have been loaded: what they add to the policies, placers, sources and cap policies of a scenario.
///
/// A value, no registry. A library stays loaded as long as this or anything made from it lives. What a plug-in throws
/// comes out of the part's functions as `plugin_error`, which the simulation tells with its time; a proposal that the
/// plan refuses as `plan_error`. Jobs of a source and places of a placer are checked before they are used; jobs get
/// their rows here. How to write one: policy/plugin.hpp. One thread at a time.

#include <ampacity/policy/registry.hpp>
#include <ampacity/scenario/build.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ampacity::io {

class plugin_library;

/// A loaded file, for run.json.
struct plugin_file {
    std::string path;                ///< as given
    std::uint64_t digest = 0;        ///< XXH64 of the file
    std::vector<std::string> parts;  ///< `policy my-policy`
};

class plugins final : public scenario::more_parts {
public:
    plugins() = default;
    /// \throws scenario_error if a file cannot be read or two have a part of the same name; plugin_error if one is no
    /// plug-in, does not match this build, or has a part that is named like a built-in one
    explicit plugins(std::span<const std::string> files);
    ~plugins() override;

    [[nodiscard]] std::span<const plugin_file> files() const noexcept { return files_; }
    /// Lines of comment for a resolved scenario: which files its parts come from. Empty without plug-ins.
    [[nodiscard]] std::string comment() const;

    [[nodiscard]] std::vector<policy::description> policies() const override;
    [[nodiscard]] std::vector<policy::description> placers() const override;
    [[nodiscard]] std::vector<policy::description> sources() const override;
    [[nodiscard]] std::vector<policy::description> cap_policies() const override;
    [[nodiscard]] std::unique_ptr<policy::policy> make_policy(const recipe& r) const override;
    [[nodiscard]] std::unique_ptr<policy::placer> make_placer(const recipe& r) const override;
    [[nodiscard]] std::unique_ptr<workload::job_source> make_source(const recipe& r) const override;
    [[nodiscard]] std::unique_ptr<power::cap_policy> make_cap_policy(const recipe& r) const override;

private:
    std::vector<std::shared_ptr<const plugin_library>> libraries_;
    std::vector<plugin_file> files_;
};

}  // namespace ampacity::io
