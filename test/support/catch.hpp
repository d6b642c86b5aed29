#pragma once
/// \file
/// The one place that knows which Catch2 is installed: 3 where it is found, else 2.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
