#include "optimise_command.hpp"

#include "interrupts.hpp"
#include "text_table.hpp"
#include "trials.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/experiment/optimise.hpp>
#include <ampacity/io/metrics.hpp>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <string_view>
#include <utility>

namespace ampacity::cli {
namespace {

namespace fs = std::filesystem;
using aim = io::optimise_file::aim;
using json = nlohmann::ordered_json;

/// The values that a candidate has, `4` or `rate=4 /h, cv=2`.
std::string name_of(const experiment::variant& v) {
    std::string out;
    std::size_t count = 0;
    for (const auto& [path, value] : v.parameters) count += path == "sample" ? 0U : 1U;
    for (const auto& [path, value] : v.parameters) {
        if (path == "sample") continue;
        out += (out.empty() ? "" : ", ") + (count == 1 ? value : path.substr(path.rfind('.') + 1) + '=' + value);
    }
    return out;
}

std::string_view text_of(experiment::verdict v) {
    switch (v) {
        case experiment::verdict::holds: return "holds";
        case experiment::verdict::fails: return "fails";
        case experiment::verdict::unsure_holds: return "holds?";
        default: return "fails?";
    }
}

std::string number(double x) { return fmt::format("{:.5g}", x); }

/// Rows by their value where there is one, else as they were drawn.
std::vector<std::size_t> in_order(const experiment::sweep& s, const experiment::optimisation& found) {
    std::vector<std::size_t> rows(found.values.size());
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    const auto number_of = [&](std::size_t row) {
        const auto& last = s.variants[found.values[row].variant].parameters.back().second;
        return io::split_number(last).value_or(io::number_with_unit{}).number;
    };
    if (s.described.axes.front().paths().size() == 1)
        std::stable_sort(rows.begin(), rows.end(),
                         [&](std::size_t a, std::size_t b) { return number_of(a) < number_of(b); });
    return rows;
}

void print_table(const io::optimise_file& asked, const experiment::sweep& s, const experiment::optimisation& found) {
    std::vector<std::string> head{s.variants.front().parameters.back().first, "runs"};
    if (asked.trials.axes.front().sample && asked.trials.axes.front().sample->over.size() > 1) head.front() = "point";
    if (found.values.empty()) return;
    for (const auto& m : found.values.front().metrics) {
        head.push_back(m.metric + (m.limit.empty() ? "" : ' ' + m.limit));
        head.emplace_back("interval");
    }
    if (!asked.where.empty()) head.emplace_back("limits");
    if (!asked.bisects()) head.emplace_back("best");
    text_table table(16, std::vector<std::size_t>(head.size() - 1, 0));
    table.row(head);
    for (const std::size_t i : in_order(s, found)) {
        const experiment::judged_value& v = found.values[i];
        std::vector<std::string> row{name_of(s.variants[v.variant]) + (found.answer == i ? " *" : ""),
                                     std::to_string(v.replications)};
        for (const auto& m : v.metrics) {
            row.push_back(m.mean.count == 0 ? "-" : number(m.mean.mean));
            row.push_back(m.within ? number(m.within->low) + " .. " + number(m.within->high) : "-");
        }
        if (!asked.where.empty()) row.emplace_back(text_of(v.is));
        if (!asked.bisects()) row.push_back(v.best ? fmt::format("{:.0f} %", 100 * *v.best) : "-");
        table.row(std::move(row));
    }
    table.print();
}

/// The answer in words.
std::string answer_text(const io::optimise_file& asked, const experiment::sweep& s,
                        const experiment::optimisation& found) {
    const auto value = [&](std::size_t row) { return name_of(s.variants[found.values[row].variant]); };
    if (!found.first_error.empty()) return "no answer: a trial failed";
    if (found.interrupted) return "no answer yet: interrupted";
    if (!found.answer && found.out_of_budget) return "no answer: the budget is spent";
    const bool smallest = asked.goal == aim::smallest;
    if (asked.bisects()) {
        if (!found.answer) return "no value keeps to the limits";
        std::string out = fmt::format("{} {} that keeps to the limits: {}", smallest ? "smallest" : "largest",
                                      asked.trials.axes.front().paths().front(), value(*found.answer));
        if (found.neighbour) return out + fmt::format("; {} does not", value(*found.neighbour));
        return out + ", the end of the range";
    }
    if (!found.answer) return "no point keeps to the limits";
    std::string out =
        fmt::format("{} {} at {}", asked.goal == aim::minimise ? "least" : "most", asked.metric, value(*found.answer));
    std::string others;
    for (std::size_t i = 0; i != found.values.size(); ++i) {
        if (found.values[i].may_be_best && i != *found.answer) others += (others.empty() ? "" : "; ") + value(i);
    }
    return others.empty() ? out : out + "; not shown to be worse: " + others;
}

std::string certainty_text(const io::optimise_file& asked, const experiment::sweep& s,
                           const experiment::optimisation& found) {
    if (!found.monotone) return "not certain: limits hold for a value and surely fail on its far side";
    if (found.certain)
        return fmt::format("certain at {:.6g} % by the replications that were run", 100 * asked.confidence);
    if (found.out_of_budget) return "not certain: the budget was spent before";
    if (asked.trials.replications == 1) return "no confidence can be told of one replication";
    std::string out = fmt::format("not certain at {:.6g} %", 100 * asked.confidence);
    for (const auto& [row, what] : {std::pair{found.surely_holds, "holds"}, std::pair{found.surely_fails, "fails"}}) {
        if (row) out += fmt::format("; {} surely {}", name_of(s.variants[found.values[*row].variant]), what);
    }
    return out;
}

json json_of(const experiment::judged_metric& m) {
    json out{{"metric", m.metric}};
    if (!m.limit.empty()) {
        out["limit"] = m.limit;
        out["verdict"] = text_of(m.is);
    }
    if (m.mean.count != 0) out["mean"] = m.mean.mean;
    if (m.within) out["interval"] = {m.within->low, m.within->high};
    return out;
}

json json_of(const experiment::sweep& s, const experiment::judged_value& v) {
    json values = json::object();
    for (const auto& [path, value] : s.variants[v.variant].parameters) {
        if (path != "sample") values[path] = value;
    }
    json out{{"values", values}, {"replications", v.replications}, {"verdict", text_of(v.is)}};
    out["metrics"] = json::array();
    for (const auto& m : v.metrics) out["metrics"].push_back(json_of(m));
    if (v.best) {
        out["probability_of_best"] = *v.best;
        out["may_be_best"] = v.may_be_best;
    }
    return out;
}

void print_json(const io::optimise_file& asked, const experiment::sweep& s, const experiment::optimisation& found) {
    json out{{"name", asked.trials.name}, {"confidence", asked.confidence}};
    out["answer"] = found.answer ? json_of(s, found.values[*found.answer]) : json{};
    out["neighbour"] = found.neighbour ? json_of(s, found.values[*found.neighbour]) : json{};
    out["surely_holds"] = found.surely_holds ? json_of(s, found.values[*found.surely_holds]) : json{};
    out["surely_fails"] = found.surely_fails ? json_of(s, found.values[*found.surely_fails]) : json{};
    out["certain"] = found.certain;
    out["monotone"] = found.monotone;
    out["out_of_budget"] = found.out_of_budget;
    out["interrupted"] = found.interrupted;
    out["trials"] = found.trials;
    out["values"] = json::array();
    for (const auto& v : found.values) out["values"].push_back(json_of(s, v));
    fmt::print("{}\n", out.dump(2));
}

int lead(const optimise_options& options, experiment::ranks* others) {
    const auto asked = io::read_optimise(options.question);
    const auto s = experiment::candidates_of(asked);
    const unsigned threads = threads_for(options.threads, options.plugins);
    const io::plugins plugins{options.plugins};
    experiment::trial_runner runner(s, options.plugins.empty() ? nullptr : &plugins);
    const auto about =
        experiment::provenance_of(s, with_plugins(runner.check(threads, experiment::checked_rows(asked, s)), plugins));
    if (options.dry_run) {
        for (const auto& v : s.variants) fmt::print("{}\n", v.key);
        return 0;
    }
    const fs::path file{options.output.empty() ? "out/" + asked.trials.name + ".db" : options.output};
    auto store =
        options.resume ? experiment::result_store::resume(file, about) : experiment::result_store::create(file, about);
    catch_interrupts();
    experiment::optimisation found;
    {
        sweep_line line(options.progress);
        const auto watch = [&](const experiment::sweep_state& state) {
            line.update(state);
            return !interrupted();
        };
        found = experiment::optimise(
            asked, s, runner, store,
            {.threads = threads, .others = others, .fingerprint = experiment::fingerprint_of(about), .watch = watch});
    }
    if (options.json) {
        print_json(asked, s, found);
    } else {
        print_table(asked, s, found);
        fmt::print("\n{}\n", answer_text(asked, s, found));
        if (found.answer || (found.first_error.empty() && !found.interrupted && !found.out_of_budget))
            fmt::print("{}\n", certainty_text(asked, s, found));
        fmt::print("{} trials, of {} values out of {}: {}\n", found.trials, found.values.size(), s.variants.size(),
                   file.string());
    }
    for (const std::string& absence : found.absences) fmt::print(stderr, "{}\n", absence);
    if (!found.first_error.empty()) fmt::print(stderr, "{}\n", found.first_error);
    if (found.interrupted) fmt::print(stderr, "ampacity: interrupted; what was done is saved, go on with --resume\n");
    return found.interrupted ? 4 : found.first_error.empty() ? 0 : 3;
}

void follow(const optimise_options& options, experiment::ranks& all) {
    catch_interrupts();
    try {
        const auto asked = io::read_optimise(options.question);
        const auto s = experiment::candidates_of(asked);
        const unsigned threads = threads_for(options.threads, options.plugins);
        const io::plugins plugins{options.plugins};
        experiment::trial_runner runner(s, options.plugins.empty() ? nullptr : &plugins);
        auto inputs = runner.check(threads, experiment::checked_rows(asked, s));
        serve(all, runner, experiment::provenance_of(s, with_plugins(std::move(inputs), plugins)), threads);
    } catch (const input_error& e) {
        experiment::decline_trials(all, e.what());
    }
}

}  // namespace

int optimise(const optimise_options& options) {
    return on_all_ranks([&](experiment::ranks* others) { return lead(options, others); },
                        [&](experiment::ranks& all) { follow(options, all); });
}

}  // namespace ampacity::cli
