#include "named_system.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/suggest.hpp>
#include <ampacity/io/catalogue.hpp>

#include <string_view>
#include <vector>

namespace ampacity::cli {
namespace {

[[noreturn]] void refuse(const std::string& option, std::string what, std::string value, std::string remedy) {
    throw scenario_error({{.file = option}, {}, std::move(what), std::move(value), std::move(remedy)});
}

}  // namespace

llm::system system_called(const std::string& name) {
    if (name.ends_with(".yaml"))
        return io::kind_of_file(name) == io::model_kind::node
                   ? llm::system_of(io::read_model<hardware::node>(name).value)
                   : llm::system_of(io::read_model<hardware::rack>(name).value);
    std::vector<std::string> known;
    for (const auto& m : io::find_models("racks")) {
        if (m.name == name) return llm::system_of(io::read_model<hardware::rack>(name).value);
        known.push_back(m.name);
    }
    for (const auto& m : io::find_models("nodes")) {
        if (m.name == name) return llm::system_of(io::read_model<hardware::node>(name).value);
        known.push_back(m.name);
    }
    const std::vector<std::string_view> names(known.begin(), known.end());
    refuse("--system", "no such rack or node", name, suggestion(name, names));
}

llm::precision_kind precision_called(const std::string& name, const llm::system& s) {
    if (name.empty()) return s.fp8_flop_s > 0 ? llm::precision_kind::fp8 : llm::precision_kind::bf16;
    for (const auto p : {llm::precision_kind::bf16, llm::precision_kind::fp8, llm::precision_kind::mxfp8,
                         llm::precision_kind::nvfp4}) {
        if (name == llm::name_of(p)) return p;
    }
    refuse("--precision", "no such precision", name, "write bf16, fp8, mxfp8 or nvfp4");
}

}  // namespace ampacity::cli
