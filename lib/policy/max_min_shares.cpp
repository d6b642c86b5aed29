#include "max_min_shares.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace ampacity::policy {
namespace {

constexpr double tiny = 1e-11;   // of a coefficient of the table: taken for 0
constexpr double slack = 1e-10;  // by which a level that was found may be missed later, relative

/// max c x, A x <= b, x >= 0. Rows whose b is negative are met in a first phase, with one artificial variable.
class simplex {
public:
    simplex(std::size_t variables, std::size_t rows)
        : columns_(variables + 2),
          rows_(rows),
          cells_((rows + 2) * columns_, 0),
          basis_(rows),
          outside_(variables + 1) {
        for (std::size_t i = 0; i != rows; ++i) basis_[i] = variables + 1 + i;
        for (std::size_t v = 0; v <= variables; ++v) outside_[v] = v;  // the last one is the artificial
    }

    [[nodiscard]] double& a(std::size_t row, std::size_t variable) { return cell(row, variable); }
    [[nodiscard]] double& b(std::size_t row) { return cell(row, columns_ - 1); }
    /// Maximises this variable. False if the rows contradict each other.
    bool maximise(std::size_t variable) {
        cell(objective(), variable) = -1;
        if (!make_feasible()) return false;
        improve(objective());
        return true;
    }
    [[nodiscard]] double value(std::size_t variable) const {
        for (std::size_t i = 0; i != rows_; ++i) {
            if (basis_[i] == variable) return std::max(0.0, cells_[i * columns_ + columns_ - 1]);
        }
        return 0;
    }
    /// What one unit more of a row's b would add to the maximum.
    [[nodiscard]] double price(std::size_t row) const {
        const std::size_t slack_of_row = columns_ - 1 + row;
        for (std::size_t v = 0; v != outside_.size(); ++v) {
            if (outside_[v] == slack_of_row) return cells_[objective() * columns_ + v];
        }
        return 0;
    }

private:
    [[nodiscard]] std::size_t objective() const noexcept { return rows_; }
    [[nodiscard]] std::size_t first_phase() const noexcept { return rows_ + 1; }
    [[nodiscard]] std::size_t artificial() const noexcept { return columns_ - 2; }
    [[nodiscard]] double& cell(std::size_t row, std::size_t column) { return cells_[row * columns_ + column]; }

    bool make_feasible() {
        std::size_t worst = 0;
        for (std::size_t i = 1; i != rows_; ++i) {
            if (b(i) < b(worst)) worst = i;
        }
        if (b(worst) >= 0) return true;
        for (std::size_t i = 0; i != rows_; ++i) cell(i, artificial()) = -1;
        cell(first_phase(), artificial()) = 1;
        pivot(worst, artificial());
        improve(first_phase());
        // The artificial variable leaves for good.
        for (std::size_t i = 0; i != rows_; ++i) {
            if (basis_[i] != artificial()) continue;
            if (b(i) > 1e-9) return false;
            for (std::size_t v = 0; v != outside_.size(); ++v) {
                if (std::abs(cell(i, v)) <= tiny) continue;
                pivot(i, v);
                break;
            }
        }
        for (std::size_t v = 0; v != outside_.size(); ++v) {
            if (outside_[v] != artificial()) continue;
            for (std::size_t i = 0; i != rows_ + 2; ++i) cell(i, v) = 0;
        }
        return true;
    }

    /// Until no column improves the objective of this row: the one that promises most, the first of equals; and, in
    /// case that goes in circles, in the end by the smallest number of a variable.
    void improve(std::size_t row) {
        const std::size_t patience = 20 * (rows_ + columns_);
        for (std::size_t step = 0; step != 4 * patience; ++step) {
            const bool careful = step >= patience;
            std::size_t enter = outside_.size();
            for (std::size_t v = 0; v != outside_.size(); ++v) {
                if (cell(row, v) >= -tiny) continue;
                if (enter == outside_.size() ||
                    (careful ? outside_[v] < outside_[enter] : cell(row, v) < cell(row, enter)))
                    enter = v;
            }
            if (enter == outside_.size()) return;
            std::size_t leave = rows_;
            double least = 0;
            for (std::size_t i = 0; i != rows_; ++i) {
                if (cell(i, enter) <= tiny) continue;
                const double ratio = b(i) / cell(i, enter);
                if (leave == rows_ || ratio < least || (ratio == least && basis_[i] < basis_[leave])) {
                    leave = i;
                    least = ratio;
                }
            }
            // No class has more than all of its time: a column without an end is one of rounding.
            if (leave == rows_)
                cell(row, enter) = 0;
            else
                pivot(leave, enter);
        }
    }

    void pivot(std::size_t row, std::size_t column) {
        const double by = cell(row, column);
        double* const pivot_row = cells_.data() + row * columns_;
        for (std::size_t k = 0; k != columns_; ++k) pivot_row[k] /= by;
        pivot_row[column] = 1 / by;
        for (std::size_t i = 0; i != rows_ + 2; ++i) {
            if (i == row) continue;
            double* const other = cells_.data() + i * columns_;
            const double factor = other[column];
            if (factor == 0) continue;
            for (std::size_t k = 0; k != columns_; ++k) other[k] -= factor * pivot_row[k];
            other[column] = -factor / by;
        }
        std::swap(basis_[row], outside_[column]);
        for (std::size_t i = 0; i != rows_; ++i) {
            if (b(i) < 0 && b(i) > -1e-12) b(i) = 0;
        }
    }

    std::size_t columns_;  // one for each variable outside of the basis, and b
    std::size_t rows_;
    std::vector<double> cells_;  // (rows and two objectives, columns)
    std::vector<std::size_t> basis_;
    std::vector<std::size_t> outside_;
};

/// The next level: the classes with `fixed` keep theirs, the least of the others is raised as far as it goes.
class level_problem {
public:
    level_problem(const std::vector<share_class>& classes, const std::vector<std::uint64_t>& gpus_of_type,
                  const std::vector<double>& unit, const std::vector<std::optional<double>>& fixed)
        : classes_(classes),
          types_(gpus_of_type.size()),
          table_(classes.size() * types_ + 1, 2 * classes.size() + types_) {
        for (std::size_t k = 0; k != classes.size(); ++k) {
            const share_class& c = classes[k];
            const double fastest = *std::max_element(c.speeds.begin(), c.speeds.end());
            for (std::size_t t = 0; t != types_; ++t) {
                if (c.speeds[t] == 0) continue;
                table_.a(k, variable(k, t)) = 1;
                table_.a(classes.size() + t, variable(k, t)) =
                    static_cast<double>(c.jobs) * static_cast<double>(c.gpus) / static_cast<double>(gpus_of_type[t]);
                table_.a(level_row(k), variable(k, t)) = -c.speeds[t] / fastest;
            }
            table_.b(k) = 1;
            if (fixed[k])
                table_.b(level_row(k)) = -*fixed[k] * unit[k] / fastest * (1 - slack);
            else
                table_.a(level_row(k), level()) = unit[k] / fastest;
        }
        for (std::size_t t = 0; t != types_; ++t) table_.b(classes.size() + t) = 1;
    }

    bool solve() { return table_.maximise(level()); }
    [[nodiscard]] double found() const { return table_.value(level()); }
    /// Could the level rise if this class were let go?
    [[nodiscard]] double price(std::size_t k) const { return table_.price(level_row(k)); }
    [[nodiscard]] double share(std::size_t k, std::size_t t) const { return table_.value(variable(k, t)); }

private:
    [[nodiscard]] std::size_t variable(std::size_t k, std::size_t t) const noexcept { return k * types_ + t; }
    [[nodiscard]] std::size_t level() const noexcept { return classes_.size() * types_; }
    [[nodiscard]] std::size_t level_row(std::size_t k) const noexcept { return classes_.size() + types_ + k; }

    const std::vector<share_class>& classes_;
    std::size_t types_;
    simplex table_;
};

}  // namespace

max_min_result max_min_shares(const std::vector<share_class>& classes, const std::vector<std::uint64_t>& gpus_of_type) {
    double all = 0;
    for (const std::uint64_t n : gpus_of_type) all += static_cast<double>(n);
    std::vector<double> unit;  // work per time that is level 1
    for (const share_class& c : classes) {
        double mean = 0;
        for (std::size_t t = 0; t != gpus_of_type.size(); ++t)
            mean += c.speeds[t] * (static_cast<double>(gpus_of_type[t]) / all);
        unit.push_back(mean / static_cast<double>(c.gpus));
    }
    std::vector<std::optional<double>> fixed(classes.size());
    max_min_result out{.shares = std::vector<double>(classes.size() * gpus_of_type.size(), 0), .levels = {}};
    for (std::size_t left = classes.size(); left != 0;) {
        level_problem problem(classes, gpus_of_type, unit, fixed);
        if (!problem.solve()) break;  // rounding: what was found before stands
        for (std::size_t k = 0; k != classes.size(); ++k) {
            for (std::size_t t = 0; t != gpus_of_type.size(); ++t)
                out.shares[k * gpus_of_type.size() + t] = problem.share(k, t);
        }
        double highest = 0;  // price
        for (std::size_t k = 0; k != classes.size(); ++k) {
            if (!fixed[k]) highest = std::max(highest, problem.price(k));
        }
        for (std::size_t k = 0; k != classes.size(); ++k) {
            if (fixed[k] || problem.price(k) < 1e-7 * highest) continue;
            fixed[k] = problem.found();
            --left;
        }
    }
    for (const auto& level : fixed) out.levels.push_back(level.value_or(0));
    return out;
}

}  // namespace ampacity::policy
