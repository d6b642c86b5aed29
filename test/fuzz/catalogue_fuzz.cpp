// Files of the hardware catalogue: the first byte chooses the kind, the rest is the file.
#include "fuzz.hpp"

#include <ampacity/io/catalogue.hpp>

using namespace ampacity;

namespace {

template <class T>
void read(std::string_view text) {
    fuzz::refusal([&] {
        const auto model = io::read_model_text<T>("fuzz.yaml", text);
        fuzz::demand(model.text.kind == io::kind_of<T>, "a model is of its kind");
        for (const auto& f : model.text.figures) {
            fuzz::demand(!f.sources.empty() && !f.value.empty(), "a number has a source");
            fuzz::demand(f.where.line != 0, "and a place");
        }
        for (const auto& t : model.text.totals) fuzz::demand(!t.text().empty(), "a total has a text");
        const auto again = io::read_model_text<T>("fuzz.yaml", text);
        fuzz::demand(again.value == model.value, "the same text is the same model");
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    const auto kind = static_cast<io::model_kind>(in.choose(io::model_kinds().size()));
    switch (kind) {
        case io::model_kind::accelerator: read<hardware::accelerator>(in.rest()); break;
        case io::model_kind::network_tier: read<hardware::network_tier>(in.rest()); break;
        case io::model_kind::power_device: read<hardware::power_device>(in.rest()); break;
        case io::model_kind::hall: read<hardware::hall>(in.rest()); break;
        case io::model_kind::power_topology: read<hardware::power_topology>(in.rest()); break;
        case io::model_kind::cap_control: read<hardware::cap_control>(in.rest()); break;
        case io::model_kind::node: read<hardware::node>(in.rest()); break;
        case io::model_kind::rack: read<hardware::rack>(in.rest()); break;
        case io::model_kind::block: read<hardware::block>(in.rest()); break;
        case io::model_kind::cooling: read<hardware::cooling>(in.rest()); break;
        case io::model_kind::region: read<hardware::region>(in.rest()); break;
        case io::model_kind::reliability: read<hardware::reliability>(in.rest()); break;
        case io::model_kind::llm: read<llm::model>(in.rest()); break;
        case io::model_kind::efficiency: read<llm::training_efficiency>(in.rest()); break;
        case io::model_kind::inference_efficiency: read<llm::inference_efficiency>(in.rest()); break;
    }
    return 0;
}
