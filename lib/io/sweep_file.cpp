#include "text_file.hpp"
#include "yaml_binder.hpp"
#include "yaml_tree.hpp"

#include <ampacity/core/math.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/io/metrics.hpp>
#include <ampacity/io/optimise_file.hpp>
#include <ampacity/io/sweep_file.hpp>
#include <ampacity/io/xxh64.hpp>
#include <ampacity/scenario/values.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <set>
#include <system_error>

namespace ampacity::io {
namespace {

using names = std::vector<std::string_view>;

/// A range as it is written: its ends and how it goes from one to the other.
struct range_text {
    double from = 0, to = 0;
    std::string unit{};
    bool quoted = false, log = false, whole = false;
};

/// Does the metric have this name of the table, in which NAME stands for any one part?
bool is_named(std::string_view metric, std::string_view pattern) {
    for (;;) {
        const auto a = metric.substr(0, metric.find('.')), b = pattern.substr(0, pattern.find('.'));
        if (a != b && (b != "NAME" || a.empty())) return false;
        const bool a_ends = a.size() == metric.size(), b_ends = b.size() == pattern.size();
        if (a_ends || b_ends) return a_ends && b_ends;
        metric.remove_prefix(a.size() + 1);
        pattern.remove_prefix(b.size() + 1);
    }
}

/// Walks the tree of a sweep file.
class sweep_reader {
public:
    sweep_reader(const yaml_tree& tree, std::filesystem::path directory)
        : tree_{tree}, directory_{std::move(directory)} {}

    void read(sweep_file& out) {
        const yaml_node& root = tree_.at(tree_.root);
        expect(root, yaml_kind::map, {}, "ampacity-sweep: 1");
        static constexpr std::array<std::string_view, 11> keys{"ampacity-sweep", "name",    "base",         "axes",
                                                               "exclude",        "only",    "replications", "seed",
                                                               "until",          "warm_up", "metrics"};
        refuse_unknown(root, {}, keys);
        const std::uint64_t version =
            whole_number(required(root, {}, "ampacity-sweep", "ampacity-sweep: 1"), "ampacity-sweep", 0);
        if (version != 1)
            fail(value(root, "ampacity-sweep"), "ampacity-sweep", "unknown version", std::to_string(version),
                 "write 1");
        read_name(root, out);
        read_base(root, out);
        out.seed = whole_number(required(root, {}, "seed", "seed: 7"), "seed", 0);
        if (const auto* e = find(root, "replications"))
            out.replications = whole_number(e->value, "replications", 1, 10'000'000);
        if (const auto* e = find(root, "until")) {
            out.until = scalar(e->value, "until").text;
            out.at_until = position(tree_.at(e->value));
        }
        if (const auto* e = find(root, "warm_up")) read_warm_up(e->value, out);
        if (const auto* e = find(root, "metrics")) read_metrics(e->value, out);
        if (const auto* e = find(root, "axes")) read_axes(e->value, out);
        refuse_twice(out.axes);
        if (const auto* e = find(root, "exclude")) out.exclude = filters(e->value, "exclude", out.axes);
        if (const auto* e = find(root, "only")) out.only = filters(e->value, "only", out.axes);
    }

    void read(optimise_file& out) {
        const yaml_node& root = tree_.at(tree_.root);
        expect(root, yaml_kind::map, {}, "ampacity-optimise: 1");
        static constexpr std::array<std::string_view, 13> keys{
            "ampacity-optimise", "name",   "base", "vary",   "goal",    "where",  "replications",
            "confidence",        "budget", "seed", "method", "samples", "warm_up"};
        refuse_unknown(root, {}, keys);
        const std::uint64_t version =
            whole_number(required(root, {}, "ampacity-optimise", "ampacity-optimise: 1"), "ampacity-optimise", 0);
        if (version != 1)
            fail(value(root, "ampacity-optimise"), "ampacity-optimise", "unknown version", std::to_string(version),
                 "write 1");
        sweep_file& trials = out.trials;
        read_name(root, trials);
        read_base(root, trials);
        trials.seed = whole_number(required(root, {}, "seed", "seed: 7"), "seed", 0);
        trials.replications = 20;
        if (const auto* e = find(root, "replications"))
            trials.replications = whole_number(e->value, "replications", 1, 1'000'000);
        if (const auto* e = find(root, "budget")) out.budget = whole_number(e->value, "budget", 1, 1'000'000'000);
        if (const auto* e = find(root, "confidence")) out.confidence = share(e->value, "confidence", 0.5, 0.9999);
        if (const auto* e = find(root, "warm_up")) read_warm_up(e->value, trials);
        read_goal(root, out);
        if (const auto* e = find(root, "where")) read_constraints(e->value, out);
        if (out.bisects() && out.where.empty())
            refuse(position(root), "where", "required key is missing", {},
                   "add it, such as `where: { wait_s.p99: \"< 600\" }`");
        read_vary(root, out);
    }

private:
    void read_goal(const yaml_node& root, optimise_file& out) {
        const yaml_index at = required(root, {}, "goal", "goal: smallest");
        const yaml_node& node = tree_.at(at);
        out.at_goal = position(node);
        using aim = optimise_file::aim;
        static constexpr std::array<std::string_view, 4> names_of_aims{"smallest", "largest", "minimise", "maximise"};
        if (node.kind == yaml_kind::scalar) {
            if (node.text != "smallest" && node.text != "largest")
                fail(at, "goal", "unknown goal", shown(node.text),
                     node.text == "minimise" || node.text == "maximise"
                         ? "name the metric, as in goal: { " + node.text + ": jct_s.mean }"
                         : suggestion(node.text, names_of_aims));
            out.goal = node.text == "smallest" ? aim::smallest : aim::largest;
            return;
        }
        expect(node, yaml_kind::map, "goal", "goal: { minimise: jct_s.mean }");
        refuse_unknown(node, "goal", std::span{names_of_aims}.subspan(2));
        if (node.entries.size() != 1)
            fail(at, "goal", "not one metric", std::to_string(node.entries.size()),
                 "minimise or maximise one; set limits to others with `where`");
        const yaml_entry& e = node.entries.front();
        out.goal = e.key == "minimise" ? aim::minimise : aim::maximise;
        out.metric = scalar(e.value, "goal." + e.key).text;
        check_metric(position(tree_.at(e.value)), "goal." + e.key, out.metric, out.trials.warm_up.has_value());
    }

    void read_constraints(yaml_index at, optimise_file& out) {
        const yaml_node& map = tree_.at(at);
        expect(map, yaml_kind::map, "where", "where: { wait_s.p99: \"< 600\" }");
        for (const yaml_entry& e : map.entries) {
            const std::string path = joined("where", e.key);
            check_metric(tree_.position(e.at), path, e.key, out.trials.warm_up.has_value());
            sweep_condition c{.path = e.key, .where = tree_.position(e.at)};
            const yaml_node& node = scalar(e.value, path);
            if (!take_relation(node, path, c))
                fail(e.value, path, "not a limit", shown(node.text), "write it as in \"< 600\" or \">= 0.99\"");
            if (!c.unit.empty())
                fail(e.value, path, "a limit with a unit", shown(node.text),
                     "write the number alone, in the unit of the metric, as `ampacity describe " + e.key + "` has it");
            out.where.push_back({e.key, c.is, c.limit, node.text, position(node)});
        }
    }

    void read_vary(const yaml_node& root, optimise_file& out) {
        const yaml_index at =
            required(root, {}, "vary", "vary: { fleet.racks.count: { from: 4, to: 64, whole: true } }");
        const yaml_node& map = tree_.at(at);
        expect(map, yaml_kind::map, "vary", "vary: { fleet.racks.count: { from: 4, to: 64, whole: true } }");
        if (map.entries.empty()) fail(at, "vary", "nothing to vary", {}, "write at least one key");
        for (const yaml_entry& e : map.entries) check_path(e.key, e.at);
        if (!out.bisects()) {
            out.trials.axes.push_back(points_of(root, map, out));
            return;
        }
        for (const char* const key : {"samples", "method"}) {
            if (const auto* e = find(root, key))
                refuse(tree_.position(e->at), key, "goes with minimise and maximise alone", {}, "remove it");
        }
        if (map.entries.size() != 1)
            refuse(tree_.position(map.entries[1].at), joined("vary", map.entries[1].key),
                   "a second key for the smallest or largest value", {}, "vary one, or minimise or maximise a metric");
        const yaml_entry& e = map.entries.front();
        const std::string path = joined("vary", e.key);
        sweep_axis axis{.where = tree_.position(e.at)};
        for (auto& s : rising(values(e.key, e.value, path), e.value, path))
            axis.points.push_back({.name = {}, .settings = {s}, .where = s.where});
        out.trials.axes.push_back(std::move(axis));
    }

    /// Values by size. \throws scenario_error for what is no number, or of several units
    std::vector<sweep_setting> rising(std::vector<sweep_setting> all, yaml_index at, const std::string& path) const {
        std::vector<double> numbers;
        for (const sweep_setting& s : all) {
            const auto number = split_number(s.shown);
            if (!number || number->unit != split_number(all.front().shown)->unit)
                refuse(s.where, path, "not a number in the unit of the others", shown(s.shown),
                       "write numbers of one unit");
            if (!numbers.empty() && !(number->number > numbers.back()))
                refuse(s.where, path, "values that do not rise", shown(s.shown), "write them from small to large");
            numbers.push_back(number->number);
        }
        if (all.size() < 2) fail(at, path, "one value alone", all.front().shown, "write at least two");
        return all;
    }

    sweep_axis points_of(const yaml_node& root, const yaml_node& map, const optimise_file& out) {
        sweep_sample sample{.points = 32};
        if (const auto* e = find(root, "samples")) sample.points = whole_number(e->value, "samples", 2, 100'000);
        if (const auto* e = find(root, "method")) sample.how = method_of(e->value, "method");
        for (const yaml_entry& e : map.entries) sample.over.push_back(dimension(e, joined("vary", e.key)));
        if (sample.points > out.budget)
            refuse(position(root), "budget", "fewer trials than samples", std::to_string(out.budget),
                   "write a larger budget, or fewer samples");
        sweep_axis axis{.name = "sample", .where = position(map)};
        axis.sample = std::move(sample);
        return axis;
    }

    double share(yaml_index at, const std::string& path, double least, double most) const {
        const yaml_node& node = scalar(at, path);
        const auto number = split_number(node.text);
        if (!number || !number->unit.empty() || !(number->number >= least && number->number <= most))
            fail(at, path, "not a share that can be", shown(node.text),
                 "write a number from " + number_text(least, false) + " to " + number_text(most, false));
        return number->number;
    }

    void read_name(const yaml_node& root, sweep_file& out) {
        const yaml_index at = required(root, {}, "name", "name: my-sweep");
        out.name = scalar(at, "name").text;
        const bool usable = !out.name.empty() && out.name.size() <= 128 && out.name.front() != '.' &&
                            out.name.front() != '-' && out.name.find_first_of("/\\") == std::string::npos;
        if (!usable) fail(at, "name", "cannot name a file", out.name, "write a name such as policies-by-load");
    }

    void read_base(const yaml_node& root, sweep_file& out) {
        const yaml_index at = required(root, {}, "base", "base: scenario.yaml");
        out.base = directory_ / scalar(at, "base").text;
        auto content = read_text_file(out.base);
        if (!content.error.empty())
            fail(at, "base", "the scenario cannot be read", out.base.string() + ": " + content.error,
                 "give its path, relative to this file");
        out.base_text = std::move(content.text);
    }

    void read_warm_up(yaml_index at, sweep_file& out) {
        const yaml_node& node = scalar(at, "warm_up");
        sweep_warm_up w{.mser_5 = node.text == "mser-5", .text = node.text};
        const field<duration> f{.min = duration{0}};
        if (!w.mser_5) {
            auto wrong = scenario::read_value(node.text, node.quoted, f, w.first);
            if (!wrong) wrong = scenario::check_range(w.first, f);
            if (wrong)
                fail(at, "warm_up", wrong->what, shown(node.text), "write mser-5, or a duration such as \"2 d\"");
        }
        out.warm_up = std::move(w);
    }

    void read_metrics(yaml_index at, sweep_file& out) {
        const yaml_node& list = tree_.at(at);
        expect(list, yaml_kind::list, "metrics", "[jct_s.mean, utilisation]");
        std::set<std::string> seen;
        for (const yaml_index item : list.items) {
            const std::string path = "metrics." + std::to_string(out.metrics.size());
            const std::string& name = scalar(item, path).text;
            check_metric(position(tree_.at(item)), path, name, out.warm_up.has_value());
            if (!seen.insert(name).second) fail(item, path, "is given twice", name, "keep one");
            out.metrics.push_back(name);
        }
        if (out.metrics.empty())
            fail(at, "metrics", "an empty list", {}, "remove the key to store all, or write at least one");
    }

    static void check_metric(const source_position& where, const std::string& path, const std::string& name,
                             bool with_warm_up) {
        names known{"schema", "seed"};
        for (const metric& m : metrics()) known.push_back(m.name);
        if (with_warm_up)
            known.insert(known.end(), {"steady.jct_s.mean", "steady.wait_s.mean", "steady.bounded_slowdown.mean"});
        if (std::none_of(known.begin(), known.end(), [&](auto pattern) { return is_named(name, pattern); }))
            refuse(where, path, "unknown metric", shown(name), suggestion(name, known));
    }

    void read_axes(yaml_index at, sweep_file& out) {
        const yaml_node& map = tree_.at(at);
        if (map.kind == yaml_kind::null) return;
        expect(map, yaml_kind::map, "axes", "scheduler.policy: [fifo, easy]");
        for (const yaml_entry& e : map.entries) {
            const std::string path = joined("axes", e.key);
            if (e.key == "zip") {
                const yaml_node& node = tree_.at(e.value);
                if (node.kind != yaml_kind::list) {
                    out.axes.push_back(zipped(e.value, path));
                    continue;
                }
                for (std::size_t i = 0; i != node.items.size(); ++i)
                    out.axes.push_back(zipped(node.items[i], path + '.' + std::to_string(i)));
            } else if (e.key == "sample") {
                out.axes.push_back(sampled(e.value, path));
            } else if (const auto* variants = find(tree_.at(e.value), "variants")) {
                refuse_unknown(tree_.at(e.value), path, std::array<std::string_view, 1>{"variants"});
                out.axes.push_back(named(e.key, variants->value, path + ".variants"));
            } else {
                sweep_axis axis{.where = tree_.position(e.at)};
                check_path(e.key, e.at);
                for (auto& s : values(e.key, e.value, path))
                    axis.points.push_back({.name = {}, .settings = {s}, .where = s.where});
                out.axes.push_back(std::move(axis));
            }
        }
    }

    sweep_axis zipped(yaml_index at, const std::string& path) {
        const yaml_node& map = tree_.at(at);
        expect(map, yaml_kind::map, path,
               "zip: { fleet.nodes.count: [32, 64], workload.0.synthetic.jobs: [500, 1000] }");
        if (map.entries.empty()) fail(at, path, "nothing to zip", {}, "write keys with lists of one length");
        sweep_axis axis{.where = position(map)};
        for (const yaml_entry& e : map.entries) {
            const std::string key = joined(path, e.key);
            check_path(e.key, e.at);
            auto column = values(e.key, e.value, key);
            if (&e == &map.entries.front()) axis.points.resize(column.size());
            if (column.size() != axis.points.size())
                refuse(tree_.position(e.at), key, "another number of values than the first key of the zip",
                       std::to_string(column.size()), "write " + std::to_string(axis.points.size()) + " values");
            for (std::size_t i = 0; i != column.size(); ++i) {
                if (axis.points[i].settings.empty()) axis.points[i].where = column[i].where;
                axis.points[i].settings.push_back(std::move(column[i]));
            }
        }
        return axis;
    }

    sweep_axis named(const std::string& name, yaml_index at, const std::string& path) {
        const yaml_node& map = tree_.at(at);
        expect(map, yaml_kind::map, path, "variants: { free: {}, dear: { scheduler.preemption.restart: \"5 min\" } }");
        if (map.entries.empty()) fail(at, path, "no variant", {}, "write at least one name with keys");
        sweep_axis axis{.name = name, .where = position(map)};
        for (const yaml_entry& e : map.entries) {
            sweep_point point{.name = e.key, .where = tree_.position(e.at)};
            const yaml_node& keys = tree_.at(e.value);
            const std::string key = joined(path, e.key);
            if (keys.kind != yaml_kind::null) expect(keys, yaml_kind::map, key, "{ scheduler.policy: easy }");
            for (const yaml_entry& k : keys.entries) {
                check_path(k.key, k.at);
                point.settings.push_back(setting(k.key, k.value, joined(key, k.key)));
            }
            axis.points.push_back(std::move(point));
        }
        return axis;
    }

    sweep_sample::method method_of(yaml_index at, const std::string& path) const {
        const std::string& method = scalar(at, path).text;
        static constexpr std::array<std::string_view, 2> methods{"sobol", "latin-hypercube"};
        if (method == methods[0]) return sweep_sample::method::sobol;
        if (method == methods[1]) return sweep_sample::method::latin_hypercube;
        fail(at, path, "unknown method", method, suggestion(method, methods));
    }

    sweep_axis sampled(yaml_index at, const std::string& path) {
        const yaml_node& map = tree_.at(at);
        expect(map, yaml_kind::map, path, "{ method: sobol, points: 16, over: { ... } }");
        refuse_unknown(map, path, std::array<std::string_view, 3>{"method", "points", "over"});
        sweep_sample sample{.how = method_of(required(map, path, "method", "method: sobol"), path + ".method")};
        sample.points = whole_number(required(map, path, "points", "points: 16"), path + ".points", 1, max_variants);
        const yaml_node& over =
            tree_.at(required(map, path, "over", "over: { workload.0.synthetic.cv: { from: 1, to: 4 } }"));
        expect(over, yaml_kind::map, path + ".over", "{ workload.0.synthetic.cv: { from: 1, to: 4 } }");
        for (const yaml_entry& e : over.entries) {
            check_path(e.key, e.at);
            sample.over.push_back(dimension(e, joined(path + ".over", e.key)));
        }
        if (sample.over.empty())
            refuse(position(over), path + ".over", "nothing to sample", {}, "write at least one key");
        sweep_axis axis{.name = "sample", .where = position(map)};
        axis.sample = std::move(sample);
        return axis;
    }

    sweep_dimension dimension(const yaml_entry& e, const std::string& path) {
        const yaml_node& map = tree_.at(e.value);
        expect(map, yaml_kind::map, path, "{ from: 1, to: 4 }");
        sweep_dimension d{.path = e.key, .where = position(map)};
        if (find(map, "mean") != nullptr) {
            refuse_unknown(map, path, std::array<std::string_view, 3>{"mean", "deviation", "whole"});
            const range_text r = ends(map, path, "mean", "deviation");
            if (!(r.to > 0))
                fail(value(map, "deviation"), path + ".deviation", "too small", number_text(r.to, false),
                     "write more than 0");
            d.of = sweep_dimension::law::normal;
            set(d, r);
            return d;
        }
        refuse_unknown(map, path, std::array<std::string_view, 4>{"from", "to", "scale", "whole"});
        const range_text r = ends(map, path, "from", "to");
        if (!(r.from < r.to))
            fail(value(map, "to"), path + ".to", "not above `from`", number_text(r.to, false),
                 "write more than `from`");
        if (r.log) d.of = sweep_dimension::law::log_uniform;
        set(d, r);
        return d;
    }

    static void set(sweep_dimension& d, const range_text& r) {
        d.a = r.from;
        d.b = r.to;
        d.unit = r.unit;
        d.quoted = r.quoted;
        d.whole = r.whole;
    }

    /// The values of a key: a list of them, or a range.
    std::vector<sweep_setting> values(const std::string& key, yaml_index at, const std::string& path) {
        const yaml_node& node = tree_.at(at);
        if (node.kind == yaml_kind::map && (find(node, "from") != nullptr || find(node, "to") != nullptr))
            return range(key, node, path);
        if (node.kind != yaml_kind::list)
            fail(at, path, "expected a list or a range, found " + std::string{name_of(node.kind)}, shown(node.text),
                 "write [first, second], { from: 1, to: 9, steps: 5 } or { variants: ... }");
        if (node.items.empty()) fail(at, path, "an empty list", {}, "write at least one value");
        std::vector<sweep_setting> out;
        std::set<std::string> seen;
        for (const yaml_index item : node.items) {
            out.push_back(setting(key, item, path + '.' + std::to_string(out.size())));
            if (!seen.insert(out.back().shown).second)
                fail(item, path + '.' + std::to_string(out.size() - 1), "is given twice", shown(out.back().shown),
                     "keep one");
        }
        return out;
    }

    /// As many as are asked for, or every whole number.
    [[nodiscard]] std::uint64_t steps_of(const yaml_node& map, const std::string& path, const range_text& r) const {
        const double between = std::abs(r.to - r.from);
        if (r.whole && find(map, "steps") == nullptr && between >= 1 && between < static_cast<double>(max_variants) &&
            r.from == std::nearbyint(r.from) && r.to == std::nearbyint(r.to))
            return static_cast<std::uint64_t>(between) + 1;
        return whole_number(required(map, path, "steps", "steps: 5"), path + ".steps", 2, max_variants);
    }

    std::vector<sweep_setting> range(const std::string& key, const yaml_node& map, const std::string& path) {
        refuse_unknown(map, path, std::array<std::string_view, 5>{"from", "to", "steps", "scale", "whole"});
        const range_text r = ends(map, path, "from", "to");
        const std::uint64_t steps = steps_of(map, path, r);
        std::vector<sweep_setting> out;
        for (std::uint64_t i = 0; i != steps; ++i) {
            const double share = static_cast<double>(i) / static_cast<double>(steps - 1);
            const bool is_end = i == 0 || i + 1 == steps;
            double x = i == 0 ? r.from : r.to;
            if (!is_end && r.log)
                x = r.from * portable_exp(share * portable_log(r.to / r.from));
            else if (!is_end)
                x = r.from + share * (r.to - r.from);
            const std::string text = number_text(r.whole ? std::nearbyint(x) : x, !is_end) + r.unit;
            if (!out.empty() && out.back().shown == text)
                refuse(position(map), path, "two steps have the same value", text, "write fewer steps");
            out.push_back({key, r.quoted ? '"' + text + '"' : text, text, position(map)});
        }
        return out;
    }

    /// Two numbers of one unit, and how a range goes between them.
    range_text ends(const yaml_node& map, const std::string& path, std::string_view first, std::string_view last) {
        const auto read = [&](std::string_view key, range_text& r) {
            const std::string full = joined(path, key);
            const yaml_index at = required(map, path, key, std::string{key} + ": 10");
            const yaml_node& node = scalar(at, full);
            const auto number = split_number(node.text);
            if (!number) fail(at, full, "not a number with a unit", shown(node.text), "write it as in \"10 /h\" or 10");
            r.unit = number->unit;
            r.quoted = node.quoted;
            return number->number;
        };
        range_text r, other;
        r.from = read(first, r);
        r.to = read(last, other);
        if (r.unit != other.unit)
            fail(value(map, last), joined(path, last), "another unit than `" + std::string{first} + '`', other.unit,
                 "write both with the same");
        if (const auto* e = find(map, "scale")) {
            const std::string& text = scalar(e->value, path + ".scale").text;
            static constexpr std::array<std::string_view, 2> scales{"linear", "log"};
            if (text != scales[0] && text != scales[1])
                fail(e->value, path + ".scale", "unknown scale", text, suggestion(text, scales));
            r.log = text == scales[1];
            if (r.log && !(r.from > 0 && r.to > 0))
                fail(e->value, path + ".scale", "a logarithm of a number that is not above 0",
                     number_text(std::min(r.from, r.to), false), "write ends above 0, or scale: linear");
        }
        if (const auto* e = find(map, "whole")) {
            const yaml_node& node = scalar(e->value, path + ".whole");
            const auto wrong = scenario::read_value(node.text, node.quoted, field<bool>{}, r.whole);
            if (wrong) fail(e->value, path + ".whole", wrong->what, shown(node.text), wrong->remedy);
        }
        return r;
    }

    sweep_setting setting(const std::string& key, yaml_index at, const std::string& path) {
        const yaml_node& node = tree_.at(at);
        if (++values_ > max_values) fail(at, path, "more than 1000000 values", {}, "use fewer");
        const bool bare = node.kind == yaml_kind::scalar && !node.quoted;
        std::string text = bare ? node.text : flow(at);
        const bool plain = node.kind == yaml_kind::scalar;
        return {key, text, plain ? node.text : text, position(node)};
    }

    /// A node in one line, as `scenario_override` takes it.
    std::string flow(yaml_index at) {
        const yaml_node& node = tree_.at(at);
        if (++values_ > max_values) fail(at, {}, "more than 1000000 values", {}, "use fewer aliases");
        switch (node.kind) {
            case yaml_kind::null: return "null";
            case yaml_kind::scalar: return node.quoted || !is_bare_in_flow(node.text) ? quoted(node.text) : node.text;
            case yaml_kind::list: {
                std::string out;
                for (const yaml_index item : node.items) out += (out.empty() ? "" : ", ") + flow(item);
                return '[' + out + ']';
            }
            case yaml_kind::map: {
                std::string out;
                for (const yaml_entry& e : node.entries)
                    out += (out.empty() ? "" : ", ") + quoted(e.key) + ": " + flow(e.value);
                return '{' + out + '}';
            }
        }
        return {};
    }

    /// Text that means the same inside brackets; numbers and names do.
    static bool is_bare_in_flow(std::string_view text) {
        return !text.empty() && text.find_first_of(",[]{}:#&*!|>'\"%@`?\n") == std::string_view::npos;
    }

    static std::string quoted(std::string_view text) {
        std::string out = "\"";
        for (const char c : text) {
            if (c == '"' || c == '\\') out += '\\';
            const auto byte = static_cast<unsigned char>(c);
            if (byte < 0x20 || byte == 0x7F)
                out += fmt::format("\\x{:02X}", byte);
            else
                out += c;
        }
        return out + '"';
    }

    std::vector<sweep_filter> filters(yaml_index at, const std::string& path, const std::vector<sweep_axis>& axes) {
        const yaml_node& list = tree_.at(at);
        expect(list, yaml_kind::list, path, "[ { scheduler.policy: fifo } ]");
        std::vector<sweep_filter> out;
        for (const yaml_index item : list.items) {
            const std::string key = path + '.' + std::to_string(out.size());
            const yaml_node& map = tree_.at(item);
            expect(map, yaml_kind::map, key, "{ scheduler.policy: fifo }");
            if (map.entries.empty()) fail(item, key, "no condition", {}, "write at least one key of the axes");
            sweep_filter filter;
            for (const yaml_entry& e : map.entries) filter.push_back(condition(e, joined(key, e.key), axes));
            out.push_back(std::move(filter));
        }
        return out;
    }

    sweep_condition condition(const yaml_entry& e, const std::string& path, const std::vector<sweep_axis>& axes) {
        sweep_condition c{.path = e.key, .where = tree_.position(e.at)};
        std::vector<std::string> known;
        std::set<std::string> values_there;
        bool drawn = false;
        for (const sweep_axis& axis : axes) {
            if (!axis.name.empty()) known.push_back(axis.name);
            for (auto& p : axis.paths()) known.push_back(std::move(p));
            for (const sweep_point& p : axis.points) {
                if (axis.name == e.key) values_there.insert(p.name);
                for (const sweep_setting& s : p.settings) {
                    if (s.path == e.key) values_there.insert(s.shown);
                }
            }
            if (!axis.sample) continue;
            const auto paths = axis.paths();
            drawn = drawn || axis.name == e.key || std::find(paths.begin(), paths.end(), e.key) != paths.end();
        }
        if (std::find(known.begin(), known.end(), e.key) == known.end())
            refuse(c.where, path, "no axis has this key", shown(e.key),
                   suggestion(e.key, names{known.begin(), known.end()}));
        const yaml_node& node = tree_.at(e.value);
        if (node.kind == yaml_kind::scalar && take_relation(node, path, c)) return c;
        const std::vector<yaml_index> items = node.kind == yaml_kind::list ? node.items : std::vector{e.value};
        for (const yaml_index item : items) {
            const sweep_setting s = setting(e.key, item, path);
            if (!drawn && values_there.count(s.shown) == 0)
                fail(item, path, "the axis has no such value", shown(s.shown),
                     suggestion(s.shown, names{values_there.begin(), values_there.end()}));
            c.values.push_back(s.shown);
        }
        return c;
    }

    /// `< 10 /h` and its like.
    bool take_relation(const yaml_node& node, const std::string& path, sweep_condition& c) {
        std::string_view text = node.text;
        if (!text.starts_with('<') && !text.starts_with('>')) return false;
        const bool less = text.front() == '<', equal = text.size() > 1 && text[1] == '=';
        using relation = sweep_condition::relation;
        if (less)
            c.is = equal ? relation::at_most : relation::less;
        else
            c.is = equal ? relation::at_least : relation::more;
        text.remove_prefix(equal ? 2 : 1);
        text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
        const auto number = split_number(text);
        if (!number) refuse(position(node), path, "not a number", shown(node.text), "write it as in \"< 10 /h\"");
        c.limit = number->number;
        c.unit = number->unit;
        return true;
    }

    void check_path(const std::string& key, const yaml_place& at) const {
        if (key == "seed")
            refuse(tree_.position(at), "axes.seed", "replications have their own seeds", {},
                   "write `replications: N` and `seed:` in the sweep");
        if (key.empty() || key.front() == '.' || key.back() == '.' || key.find("..") != std::string::npos)
            refuse(tree_.position(at), joined("axes", key), "not a key path", shown(key),
                   "write keys of the scenario separated by single dots");
    }

    /// A key or a name is varied by one axis alone.
    static void refuse_twice(const std::vector<sweep_axis>& axes) {
        std::set<std::string> seen;
        for (const sweep_axis& axis : axes) {
            auto all = axis.paths();
            if (!axis.name.empty()) all.push_back(axis.name);
            for (const std::string& path : all) {
                if (!seen.insert(path).second)
                    refuse(axis.where, "axes." + path, "is set by two axes", path, "zip them, or leave it to one");
            }
        }
    }

    [[nodiscard]] static const yaml_entry* find(const yaml_node& map, std::string_view key) {
        const auto at =
            std::find_if(map.entries.begin(), map.entries.end(), [&](const auto& e) { return e.key == key; });
        return at == map.entries.end() ? nullptr : &*at;
    }
    [[nodiscard]] static yaml_index value(const yaml_node& map, std::string_view key) { return find(map, key)->value; }

    [[nodiscard]] yaml_index required(const yaml_node& map, const std::string& path, std::string_view key,
                                      const std::string& example) const {
        if (const auto* e = find(map, key)) return e->value;
        refuse(position(map), joined(path, key), "required key is missing", {}, "add it, such as `" + example + '`');
    }

    const yaml_node& scalar(yaml_index at, const std::string& path) const {
        const yaml_node& node = tree_.at(at);
        if (node.kind == yaml_kind::null) fail(at, path, "has no value", {}, "write a value");
        expect(node, yaml_kind::scalar, path, {});
        return node;
    }

    std::uint64_t whole_number(yaml_index at, const std::string& path, std::uint64_t least,
                               std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) const {
        const yaml_node& node = scalar(at, path);
        std::uint64_t out = 0;
        const field<std::uint64_t> f{.min = least, .max = most};
        auto wrong = scenario::read_value(node.text, node.quoted, f, out);
        if (!wrong) wrong = scenario::check_range(out, f);
        if (wrong) fail(at, path, wrong->what, shown(node.text), wrong->remedy);
        return out;
    }

    void refuse_unknown(const yaml_node& map, const std::string& path, std::span<const std::string_view> known) const {
        for (const yaml_entry& e : map.entries) {
            if (std::find(known.begin(), known.end(), e.key) != known.end()) continue;
            refuse(tree_.position(e.at), joined(path, shown(e.key)), "unknown key", shown(e.key),
                   suggestion(e.key, known));
        }
    }

    void expect(const yaml_node& node, yaml_kind kind, const std::string& path, const std::string& example) const {
        if (node.kind == kind) return;
        refuse(position(node), path,
               "expected " + std::string{name_of(kind)} + ", found " + std::string{name_of(node.kind)},
               shown(node.text),
               example.empty() ? "write it as " + std::string{name_of(kind)} : "write it as in " + example);
    }

    [[nodiscard]] source_position position(const yaml_node& node) const { return tree_.position(node.at); }
    [[noreturn]] void fail(yaml_index at, std::string key, std::string what, std::string value,
                           std::string remedy) const {
        refuse(position(tree_.at(at)), std::move(key), std::move(what), std::move(value), std::move(remedy));
    }

    const yaml_tree& tree_;
    std::filesystem::path directory_;
    std::size_t values_ = 0;
};

}  // namespace

std::vector<std::string> sweep_axis::paths() const {
    std::vector<std::string> out;
    for (const sweep_point& p : points) {
        for (const sweep_setting& s : p.settings) {
            if (std::find(out.begin(), out.end(), s.path) == out.end()) out.push_back(s.path);
        }
    }
    if (sample) {
        for (const sweep_dimension& d : sample->over) out.push_back(d.path);
    }
    return out;
}

std::optional<number_with_unit> split_number(std::string_view text) {
    number_with_unit out;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), out.number);
    if (status != std::errc{} || !std::isfinite(out.number)) return std::nullopt;
    out.unit = std::string{end, text.data() + text.size()};
    return out;
}

std::string number_text(double x, bool rounded) {
    if (!rounded) return fmt::format("{}", x);
    double short_of = x;
    const std::string text = fmt::format("{:.12g}", x);
    std::from_chars(text.data(), text.data() + text.size(), short_of);
    return fmt::format("{}", short_of);
}

namespace {

/// A file of trials as a tree. \throws scenario_error
yaml_tree parsed(const std::string& name, std::string_view text, const char* first_line) {
    yaml_tree tree;
    tree.root = parse_yaml(tree, name, text, yaml_places::lines);
    if (tree.at(tree.root).kind == yaml_kind::null)
        refuse({name, 1, 1}, {}, "the file is empty", {},
               std::string{"write one that starts with `"} + first_line + '`');
    return tree;
}

std::uint64_t digest_of(std::string_view text) {
    xxh64 hash;
    hash.update(text);
    return hash.digest();
}

std::string text_of(const std::filesystem::path& file, const char* what) {
    auto content = read_text_file(file);
    if (!content.error.empty())
        refuse({file.string(), 1, 1}, {}, std::string{what} + " cannot be read", content.error, "check the path");
    return std::move(content.text);
}

}  // namespace

sweep_file read_sweep_text(const std::string& name, std::string_view text, const std::filesystem::path& directory) {
    const yaml_tree tree = parsed(name, text, "ampacity-sweep: 1");
    sweep_file out;
    out.file = name;
    out.digest = digest_of(text);
    sweep_reader{tree, directory}.read(out);
    return out;
}

sweep_file read_sweep(const std::filesystem::path& file) {
    return read_sweep_text(file.string(), text_of(file, "the sweep file"), file.parent_path());
}

optimise_file read_optimise_text(const std::string& name, std::string_view text,
                                 const std::filesystem::path& directory) {
    const yaml_tree tree = parsed(name, text, "ampacity-optimise: 1");
    optimise_file out;
    out.trials.file = name;
    out.trials.digest = digest_of(text);
    sweep_reader{tree, directory}.read(out);
    return out;
}

optimise_file read_optimise(const std::filesystem::path& file) {
    return read_optimise_text(file.string(), text_of(file, "the file"), file.parent_path());
}

}  // namespace ampacity::io
