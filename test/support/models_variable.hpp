#pragma once
/// \file
/// AMPACITY_MODELS of this process, for tests that bring models of their own. One at a time.

#include <cstdlib>
#include <string>

namespace ampacity::test {

/// AMPACITY_MODELS for as long as it lives.
class models_variable {
public:
    explicit models_variable(const std::string& value) { ::setenv("AMPACITY_MODELS", value.c_str(), 1); }
    models_variable(const models_variable&) = delete;
    models_variable& operator=(const models_variable&) = delete;
    ~models_variable() { ::unsetenv("AMPACITY_MODELS"); }
};

}  // namespace ampacity::test
