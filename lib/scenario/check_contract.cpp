#include "check_contract.hpp"

#include <ampacity/core/suggest.hpp>
#include <ampacity/scenario/build.hpp>
#include <ampacity/scenario/values.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ampacity::scenario {
namespace {

void check_type(const std::optional<std::string>& gpu, const std::string& path, const std::vector<std::string>& types,
                const reporter& report) {
    if (!gpu || std::find(types.begin(), types.end(), *gpu) != types.end()) return;
    if (types.empty())
        report.fail(path + ".gpu", "the fleet names no GPU types", *gpu, "name them in the fleet, or remove it");
    report.fail(path + ".gpu", "no GPU type of the fleet", *gpu,
                suggestion(*gpu, std::vector<std::string_view>(types.begin(), types.end())));
}

void check_prices(const contract& c, const std::vector<std::string>& types, const reporter& report) {
    const auto& list = c.price;
    for (std::size_t i = 0; i != list.size(); ++i) {
        const std::string path = "contract.price." + std::to_string(i);
        check_type(list[i].gpu, path, types, report);
        for (std::size_t k = 0; k != i; ++k) {
            if (list[k].gpu == list[i].gpu && list[k].from == list[i].from)
                report.fail(path, "another price is of the same GPUs from the same date", list[i].gpu.value_or(""),
                            "give it another `gpu` or `from`");
        }
    }
    const auto of = [&list](const std::optional<std::string>& gpu) {
        return std::any_of(list.begin(), list.end(), [&](const contract_price& p) { return p.gpu == gpu; });
    };
    if (list.empty() || of(std::nullopt)) return;
    for (const std::string& t : types) {
        if (!of(t))
            report.fail("contract.price", "a GPU type of the fleet has no price", t,
                        "add one, such as { gpu: " + t + ", per_gpu: \"3.00 USD/h\" }");
    }
}

void check_commitments(const contract& c, const std::vector<std::string>& types, const reporter& report) {
    const auto& list = c.commitment;
    for (std::size_t i = 0; i != list.size(); ++i) {
        const std::string path = list.size() == 1 ? "contract.commitment" : "contract.commitment." + std::to_string(i);
        const contract_commitment& m = list[i];
        check_type(m.gpu, path, types, report);
        if (m.gpus.has_value() == m.gpu_hours.has_value())
            report.fail(path, m.gpus ? "says twice how much" : "does not say how much", {},
                        "give `gpus`, such as 207000, or `gpu_hours`");
        if (m.gpu_hours && !c.term)
            report.fail(path + ".gpu_hours", "the contract does not say when it ends", format(*m.gpu_hours),
                        "give contract.term, or write `gpus`");
        if (c.value && (m.gpu_hours || m.gpu))
            report.fail(path, "cannot be of a lump sum", {}, "write { gpus: NUMBER } alone, or give prices");
        const auto is_of_it = [&m](const contract_price& p) { return !p.gpu || p.gpu == m.gpu; };
        if (!c.value && std::none_of(c.price.begin(), c.price.end(), is_of_it))
            report.fail(path, "what is missing of it has no price", m.gpu.value_or(""),
                        m.gpu ? "add a price with this `gpu`" : "write its `gpu`, or add a price without one");
        if (list.size() > 1 && !m.gpu)
            report.fail(path, "stands beside others, and names no GPU type", {}, "write its `gpu`");
        for (std::size_t k = 0; k != i; ++k) {
            if (list[k].gpu == m.gpu) report.fail(path + ".gpu", "named twice", *m.gpu, "name each GPU type once");
        }
    }
}

}  // namespace

void check_contract(const scenario& s, const reporter& report) {
    const contract& c = *s.contract;
    if (c.value && !c.price.empty())
        report.fail("contract.price", "stands beside a lump sum", format(*c.value), "remove it, or contract.value");
    if (!c.value && c.price.empty() && !c.capex)
        report.fail("contract", "says neither what is paid nor what it costs", {},
                    "give `value` and `term`, or `price`, or `capex`");
    if (c.value && !c.term)
        report.fail("contract.value", "is paid over a time that is not known", format(*c.value),
                    "give contract.term, such as \"7 y\"");
    if (!c.commitment.empty() && !c.value && c.price.empty())
        report.fail("contract.commitment", "nothing is paid", {}, "give `value` or `price`, or remove it");
    if (c.take_or_pay && c.commitment.empty())
        report.fail("contract.take_or_pay", "nothing is committed", format(*c.take_or_pay),
                    "give contract.commitment, such as { gpus: 207000 }, or remove it");
    const std::vector<std::string> types = gpu_types_of(s.fleet);
    check_prices(c, types, report);
    check_commitments(c, types, report);
    if (c.capex && (s.fleet.pool_gpus || !s.fleet.pools.empty()))
        report.fail("contract.capex", "a pool has no racks or nodes that cost anything", {},
                    "describe the fleet by nodes or racks, or remove it");
}

}  // namespace ampacity::scenario
