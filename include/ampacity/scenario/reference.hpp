#pragma once
/// \file
/// The key reference: every key of a scenario file with its meaning, generated from `fields`.

#include <string>
#include <vector>

namespace ampacity::scenario {

/// One key.
struct key_entry {
    std::string path;           ///< `workload.N.trace.path`; N stands for any index
    std::string type;           ///< "duration", "map", "list of GPU-time"
    std::string unit;           ///< units that are understood, separated by ", "; empty for plain values
    std::string default_value;  ///< as it stands in a file; empty where there is none
    std::string range;          ///< limits or names; empty where there are none
    std::string doc;            ///< what it means
    bool required = false;
    bool supported = true;  ///< false: a key of the contract that this version refuses
};

/// All keys, in the order of `fields`, depth first.
std::vector<key_entry> key_reference();

}  // namespace ampacity::scenario
