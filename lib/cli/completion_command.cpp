#include "completion_command.hpp"

#include "list_command.hpp"

#include <ampacity/core/version.hpp>
#include <ampacity/io/job_traces.hpp>
#include <ampacity/io/run_files.hpp>
#include <ampacity/scenario/reference.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace ampacity::cli {
namespace {

using names = std::vector<std::string>;

/// An option or a positional argument.
struct argument {
    std::string short_name;  ///< without dash; empty: none
    std::string long_name;   ///< without dashes; empty: none, of a positional its name
    std::string doc;
    bool takes_value = false;
    bool repeats = false;
    bool keys = false;  ///< its value is `key.path=value`
    names values;       ///< empty: a file
};

struct command {
    std::string name;
    std::string doc;
    std::vector<argument> options;
    std::vector<argument> positionals;
};

std::string joined(const names& words, std::string_view between = " ") {
    return fmt::format("{}", fmt::join(words, between));
}

/// The members of a set that an option checks its value against: CLI11 describes it as "{a,b,c}".
names members(const CLI::Option& o) {
    const std::string type = o.get_type_name();
    const std::size_t begin = type.find('{');
    const std::size_t end = type.find('}');
    if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
    return CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
}

/// Keys of a scenario that have a value, as `--set` takes them.
names keys_with_values() {
    names out;
    for (const auto& k : scenario::key_reference()) {
        if (!k.supported || k.type.find("map") != std::string::npos) continue;
        std::string path = k.path;
        for (std::size_t at = 0; (at = path.find(".N.", at)) != std::string::npos;) path.replace(at, 3, ".0.");
        path += '=';
        out.push_back(std::move(path));
    }
    return out;
}

/// Those of job traces, which `trace` reads.
names job_formats() {
    names out;
    for (const auto& f : io::job_trace_formats()) out.emplace_back(f.name);
    return out;
}

names values_of(const CLI::App& app, const CLI::Option& o) {
    if (names set = members(o); !set.empty()) return set;
    const std::string& name = o.get_lnames().empty() ? o.get_name() : o.get_lnames().front();
    if (name == "policy") return names_of("policies");
    if (name == "placer") return names_of("placers");
    if (name == "format") return job_formats();
    if (name == "metric") return names_of("metrics");
    if (name == "until") return {"drained"};
    if (name == "set") return keys_with_values();
    if (app.get_name() == "plan") {
        if (name == "MODEL") return names_of("llms");
        if (name == "precision") return {"bf16", "fp8", "mxfp8", "nvfp4"};
        if (name == "coefficients") return names_of("efficiencies");
        if (name == "system") {
            names all = names_of("racks");
            for (std::string& n : names_of("nodes")) all.push_back(std::move(n));
            return all;
        }
    }
    if (app.get_name() != "describe" || name != "NAME") return {};
    names all;
    for (const CLI::App* list :
         app.get_parent()->get_subcommands([](const CLI::App* a) { return a->get_name() == "list"; })) {
        for (const std::string& what : members(*list->get_option("WHAT"))) {
            if (what == "exit-codes") continue;  // numbers
            for (std::string& n : names_of(what)) all.push_back(std::move(n));
        }
    }
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

command describe(const CLI::App& app) {
    command c{.name = app.get_name(), .doc = app.get_description(), .options = {}, .positionals = {}};
    for (const CLI::Option* o : app.get_options()) {
        argument a;
        a.doc = o->get_description();
        a.takes_value = o->get_items_expected_max() > 0;
        a.repeats = o->get_items_expected_max() > 1;
        a.values = values_of(app, *o);
        if (o->get_positional()) {
            a.long_name = o->get_name();
            c.positionals.push_back(std::move(a));
            continue;
        }
        if (!o->get_snames().empty()) a.short_name = o->get_snames().front();
        if (!o->get_lnames().empty()) a.long_name = o->get_lnames().front();
        a.keys = a.long_name == "set";
        c.options.push_back(std::move(a));
    }
    return c;
}

std::vector<command> commands_of(const CLI::App& app) {
    std::vector<command> out;
    for (const CLI::App* c : app.get_subcommands(nullptr)) out.push_back(describe(*c));
    return out;
}

names option_names(const command& c) {
    names out;
    for (const argument& a : c.options) {
        if (!a.short_name.empty()) out.push_back(fmt::format("-{}", a.short_name));
        if (!a.long_name.empty()) out.push_back(fmt::format("--{}", a.long_name));
    }
    return out;
}

// --- bash -------------------------------------------------------------------------------------------

std::string bash_script(const CLI::App& app) {
    const auto commands = commands_of(app);
    names all;
    std::string values;
    std::string options = fmt::format("            '') words='{}' ;;\n", joined(option_names(describe(app))));
    std::string positionals;
    for (const command& c : commands) {
        all.push_back(c.name);
        options += fmt::format("            {}) words='{}' ;;\n", c.name, joined(option_names(c)));
        for (const argument& a : c.options) {
            if (!a.takes_value) continue;
            names patterns;
            if (!a.short_name.empty()) patterns.push_back(c.name + ":-" + a.short_name);
            if (!a.long_name.empty()) patterns.push_back(c.name + ":--" + a.long_name);
            values += fmt::format("        {}) words='{}'", joined(patterns, " | "), joined(a.values));
            values += a.keys ? "; keys=1 ;;\n" : a.values.empty() ? "; files=1 ;;\n" : " ;;\n";
        }
        if (!c.positionals.empty() && !c.positionals.front().values.empty())
            positionals += fmt::format("            {}) words='{}' ;;\n", c.name, joined(c.positionals.front().values));
    }
    // Bash cuts the line at `=` as well, so `--policy=x` and `--set key=x` arrive in three words.
    return fmt::format(R"(# bash completion for ampacity {}; made by `ampacity completion bash`
_ampacity() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} command='' i words='' keys='' files='' key=''
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; ++i)); do
        case ${{COMP_WORDS[i]}} in
        -*) ;;
        *)
            command=${{COMP_WORDS[i]}}
            break
            ;;
        esac
    done
    if [[ $cur == '=' ]]; then
        cur=''
        key=$prev
        prev=${{COMP_WORDS[COMP_CWORD - 2]}}
    elif [[ $prev == '=' ]]; then
        key=${{COMP_WORDS[COMP_CWORD - 2]}}
        prev=${{COMP_WORDS[COMP_CWORD - 3]}}
    fi
    if [[ $key == -* ]]; then
        prev=$key
        key=''
    fi
    if [[ -n $key ]]; then
        case $key in
        *.policy) words='{}' ;;
        *.placer) words='{}' ;;
        *.format) words='{}' ;;
        *) return ;;
        esac
    else
        case "$command:$prev" in
{}        *) ;;
        esac
    fi
    if [[ -z $words$files ]]; then
        if [[ $cur == -* ]]; then
            case $command in
{}            *) ;;
            esac
        else
            case $command in
            '') words='{}' ;;
{}            *) ;;
            esac
        fi
    fi
    [[ -n $words ]] || return
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    if [[ -n $keys ]]; then compopt -o nospace 2>/dev/null; fi
}}
complete -o bashdefault -o default -F _ampacity ampacity
)",
                       version, joined(names_of("policies")), joined(names_of("placers")), joined(names_of("formats")),
                       values, options, joined(all), positionals);
}

// --- zsh --------------------------------------------------------------------------------------------

/// With a backslash before each of `special`, and quotes of the shell taken apart.
std::string escaped(std::string_view text, std::string_view special, std::string_view quote) {
    std::string out;
    for (const char c : text) {
        if (c == '\'') {
            out += quote;
            continue;
        }
        if (special.find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}
std::string zsh_text(std::string_view text) { return escaped(text, "[]:\\", R"('\'')"); }

std::string zsh_values(const argument& a) {
    const std::string label = zsh_text(a.long_name.empty() ? a.short_name : a.long_name);
    if (a.keys) return fmt::format(":{}:{{compadd -S '\\'''\\'' -- {}}}", label, joined(a.values));
    if (!a.values.empty()) return fmt::format(":{}:({})", label, joined(a.values));
    return fmt::format(":{}:_files", label);
}

std::string zsh_argument(const argument& a) {
    const std::string rest = fmt::format("[{}]", zsh_text(a.doc)) + (a.takes_value ? zsh_values(a) : "");
    const std::string many = a.keys || a.repeats ? "*" : "";
    if (!a.short_name.empty() && !a.long_name.empty())
        return fmt::format("'(-{0} --{1})'{{-{0},--{1}}}'{2}'", a.short_name, a.long_name, rest);
    return fmt::format("'{}{}{}'", many,
                       a.long_name.empty() ? fmt::format("-{}", a.short_name) : fmt::format("--{}", a.long_name), rest);
}

std::string zsh_script(const CLI::App& app) {
    std::string commands;
    std::string cases;
    for (const command& c : commands_of(app)) {
        commands += fmt::format("    '{}:{}'\n", c.name, zsh_text(c.doc));
        cases += fmt::format("    {})\n        _arguments", c.name);
        for (const argument& a : c.options) cases += fmt::format(" \\\n            {}", zsh_argument(a));
        for (const argument& a : c.positionals)
            cases += fmt::format(" \\\n            '{}{}'", a.repeats ? "*" : "", zsh_values(a));
        cases += "\n        ;;\n";
    }
    return fmt::format(R"(#compdef ampacity
# zsh completion for ampacity {}; made by `ampacity completion zsh`
_ampacity() {{
    local -a commands
    commands=(
{}    )
    if (( CURRENT == 2 )); then
        if [[ $words[2] == -* ]]; then
            compadd -- {}
        else
            _describe command commands
        fi
        return
    fi
    shift words
    (( CURRENT-- ))
    case $words[1] in
{}    esac
}}
if [[ $funcstack[1] == _ampacity ]]; then
    _ampacity "$@"
else
    compdef _ampacity ampacity
fi
)",
                       version, commands, joined(option_names(describe(app))), cases);
}

// --- fish -------------------------------------------------------------------------------------------

std::string fish_text(std::string_view text) { return fmt::format("'{}'", escaped(text, "\\", R"(\')")); }

std::string fish_option(const argument& a) {
    std::string out;
    if (!a.short_name.empty()) out += (a.short_name.size() == 1 ? " -s " : " -o ") + a.short_name;
    if (!a.long_name.empty()) out += " -l " + a.long_name;
    if (a.takes_value) out += a.values.empty() ? " -r -F" : " -x -a " + fish_text(joined(a.values));
    return out + " -d " + fish_text(a.doc);
}

std::string fish_script(const CLI::App& app) {
    std::string out = fmt::format("# fish completion for ampacity {}; made by `ampacity completion fish`\n", version);
    out += "complete -c ampacity -f\n";
    for (const argument& a : describe(app).options)
        out += "complete -c ampacity -n __fish_use_subcommand" + fish_option(a) + '\n';
    for (const command& c : commands_of(app)) {
        out += fmt::format("complete -c ampacity -n __fish_use_subcommand -a {} -d {}\n", c.name, fish_text(c.doc));
        const std::string here = fmt::format("complete -c ampacity -n '__fish_seen_subcommand_from {}'", c.name);
        for (const argument& a : c.options) out += here + fish_option(a) + '\n';
        for (const argument& a : c.positionals)
            out += here + (a.values.empty() ? " -F" : " -a " + fish_text(joined(a.values))) + '\n';
    }
    return out;
}

}  // namespace

int completion(const CLI::App& app, const std::string& shell, const std::string& file) {
    const std::string script = shell == "bash" ? bash_script(app) : shell == "zsh" ? zsh_script(app) : fish_script(app);
    if (file.empty())
        fmt::print("{}", script);
    else
        io::write_file(file, script);
    return 0;
}

}  // namespace ampacity::cli
