#include "text_file.hpp"
#include "yaml_binder.hpp"
#include "yaml_tree.hpp"

#include <ampacity/io/models.hpp>
#include <ampacity/scenario/validate.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <system_error>

namespace ampacity::io {
namespace fs = std::filesystem;

void add_files(std::vector<model_file>& to, const std::vector<model_file>& files) {
    for (const model_file& f : files) {
        if (std::none_of(to.begin(), to.end(), [&f](const model_file& known) { return known.path == f.path; }))
            to.push_back(f);
    }
}

std::vector<fs::path> model_directories() {
    std::vector<fs::path> out;
    const auto add = [&out](const fs::path& directory) {
        std::error_code ignored;
        if (!directory.empty() && fs::is_directory(directory, ignored)) out.push_back(directory);
    };
    if (const char* const given = std::getenv("AMPACITY_MODELS")) {
        std::string_view rest = given;
        while (!rest.empty()) {
            const std::size_t colon = std::min(rest.find(':'), rest.size());
            add(rest.substr(0, colon));
            rest.remove_prefix(std::min(colon + 1, rest.size()));
        }
    }
    std::error_code failed;
    const fs::path program = fs::read_symlink("/proc/self/exe", failed);
    if (!failed) add((program.parent_path() / ".." / "share" / "ampacity" / "models").lexically_normal());
    add(AMPACITY_SOURCE_MODELS);
    add(AMPACITY_INSTALLED_MODELS);
    return out;
}

std::vector<model_location> find_models(std::string_view kind) {
    std::map<std::string, fs::path> found;
    for (const fs::path& directory : model_directories()) {
        std::error_code none;
        for (const auto& entry : fs::directory_iterator(directory / kind, none)) {
            if (entry.path().extension() == ".yaml") found.emplace(entry.path().stem().string(), entry.path());
        }
    }
    std::vector<model_location> out;
    for (auto& [name, file] : found) out.push_back({name, file});
    return out;
}

scenario::workload_model read_workload_model(const fs::path& file) {
    const std::string name = file.string();
    const auto content = read_text_file(file);
    if (!content.error.empty())
        refuse({name, 1, 1}, {}, "the workload model cannot be read", content.error, "check the path");
    yaml_tree tree;
    tree.root = parse_yaml(tree, name, content.text, yaml_places::lines);
    std::map<std::string, source_position, std::less<>> positions;
    scenario::workload_model model;
    binder{tree, positions}.bind_struct(tree.root, {}, tree.at(tree.root).at, model);
    scenario::check(model.synthetic, "synthetic", [&](std::string_view path) {
        const auto at = positions.find(path);
        return at == positions.end() ? source_position{name, 1, 1} : at->second;
    });
    if (model.name != file.stem().string())
        refuse(positions["name"], "name", "not the name of the file", model.name, "write " + file.stem().string());
    return model;
}

}  // namespace ampacity::io
