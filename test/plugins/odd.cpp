// Libraries that are no plug-ins of this build: ODD says in what way.
#include <ampacity/policy/plugin.hpp>

#define ODD_OTHER_ABI 1
#define ODD_NO_TABLE 2
#define ODD_NO_FUNCTION 3
#define ODD_UNDEFINED 4
#define ODD_BUILT_IN_NAME 5
#define ODD_NO_PARTS 6
#define ODD_BAD_NAME 7
#define ODD_GOOD_TWIN 8

using namespace ampacity;

namespace {

class idle final : public policy::policy {
    void decide(const view&, plan&) override {}
};

[[maybe_unused]] constexpr plugin::part parts[] = {plugin::policy<idle>("idle", "does nothing")};
[[maybe_unused]] constexpr plugin::table whole = plugin::make_table(parts);

}  // namespace

#if ODD == ODD_OTHER_ABI
// As of a version that this one knows nothing of: all behind the text may be anything.
extern "C" const void* ampacity_plugin() {
    static const char* const text = "ampacity 9.7, plug-in interface 1, gcc 99, view 1";
    return &text;
}
#elif ODD == ODD_NO_TABLE
extern "C" const plugin::table* ampacity_plugin() { return nullptr; }
#elif ODD == ODD_NO_FUNCTION
extern "C" const plugin::table* another_function() { return &whole; }
#elif ODD == ODD_UNDEFINED
extern "C" int nobody_has_this();
int odd_call() { return nobody_has_this(); }
AMPACITY_PLUGIN(policy<idle>("idle", "does nothing"))
#elif ODD == ODD_BUILT_IN_NAME
AMPACITY_PLUGIN(policy<idle>("fifo", "not the one you know"))
#elif ODD == ODD_NO_PARTS
extern "C" const plugin::table* ampacity_plugin() {
    static constexpr plugin::table none = [] {
        plugin::table t = whole;
        t.num_parts = 0;
        return t;
    }();
    return &none;
}
#elif ODD == ODD_BAD_NAME
AMPACITY_PLUGIN(policy<idle>("two words", "cannot be written"))
#elif ODD == ODD_GOOD_TWIN
AMPACITY_PLUGIN(policy<idle>("in-order", "the name of another plug-in's"))
#endif
