#pragma once
/// \file
/// Elementary functions that give the same bits on every x86-64 machine.
///
/// The C library picks its own variants by the processor it finds (with or without FMA), and they differ
/// in the last bit; a draw that went through `std::log` would differ from machine to machine. These use
/// IEEE additions, multiplications and divisions only, in a fixed order, and are compiled once, with
/// `-ffp-contract=off`. (`std::sqrt` is exact by IEEE 754 and may be used anywhere.) They assume the
/// default rounding mode and never touch `errno`. Pure functions: any number of threads.
///
/// Errors are in units in the last place (ulp) against the exact value, as tested.

namespace ampacity {

/// Natural logarithm, within 1 ulp. log(0) = -inf; NaN for x < 0.
[[nodiscard]] double portable_log(double x) noexcept;

/// exp(x), within 1 ulp where the result is normal. +inf above 709.78, 0 below -745.13.
[[nodiscard]] double portable_exp(double x) noexcept;

/// log(1 + x) without loss for small x, within 2 ulp. -inf at -1; NaN below.
[[nodiscard]] double portable_log1p(double x) noexcept;

/// exp(x) - 1 without loss for small x, within 2 ulp.
[[nodiscard]] double portable_expm1(double x) noexcept;

/// Quantile of the standard normal distribution, relative error <= 1e-15 x a small constant: algorithm
/// AS 241 (PPND16), Wichura, Applied Statistics 37 (1988). -inf at 0, +inf at 1, NaN outside [0, 1].
[[nodiscard]] double portable_normal_quantile(double p) noexcept;

/// log(Gamma(x)) for x > 0, absolute error <= 2e-14 x max(1, |result|): Stirling's series, after a shift to
/// x >= 10. +inf at 0; NaN below.
[[nodiscard]] double portable_log_gamma(double x) noexcept;

/// Quantile of Student's t distribution with `degrees` of freedom, relative error <= 1e-9. -inf at 0, +inf at 1, NaN
/// outside [0, 1] and for degrees < 1. Up to 1000 degrees the incomplete beta function is inverted by bisection (some
/// 20 us), beyond them by the series of Abramowitz and Stegun, 26.7.5.
[[nodiscard]] double portable_student_t_quantile(double p, double degrees) noexcept;

}  // namespace ampacity
