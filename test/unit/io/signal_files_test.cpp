// Signals from files: what is read, what is refused and where, how gaps are filled, and every public file there is.
#include "support/byte_offset.hpp"
#include "support/catch.hpp"
#include "support/data.hpp"
#include "support/files.hpp"
#include "support/gzip.hpp"
#include "support/zstd.hpp"

#include <ampacity/io/signal_files.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace ampacity;
using namespace ampacity::io;
using scenario::dimension;
using scenario::gap_filling;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

scenario::date date(std::string_view text) {
    scenario::date out;
    REQUIRE(!scenario::parse(text, out));
    return out;
}

scenario::signal_file carbon() { return {.path = "t.csv", .column = "ci", .unit = "g/kWh"}; }

struct reading {
    std::vector<double> values;  ///< as in the file
    signal_data data;
    std::string fault;  ///< without the directory
    int status = 0;
};

reading read(std::string_view bytes, const scenario::signal_file& of, dimension what = dimension::carbon_intensity,
             std::string_view start = "2026-01-01", std::optional<duration> until = {}) {
    const test::temporary_directory directory;
    const auto file = directory.path() / "t.csv";
    test::write_file(file, bytes);
    reading got;
    try {
        got.data = read_signal(
            {.key = "s", .of = of, .file = file, .what = what, .start = date(start), .until = until},
            [](std::string_view key) { return source_position{.file = "s.yaml", .line = 1, .column = key.size()}; });
        for (std::size_t i = 0; i != got.data.series->size(); ++i)
            got.values.push_back(got.data.series->value(i) * (what == dimension::temperature ? 1 : 3.6e9));
    } catch (const error& e) {
        got.fault = e.what();
        got.status = e.exit_status();
        const std::string folder = directory.path().string() + '/';
        if (got.fault.starts_with(folder)) got.fault = test::without_byte(got.fault.substr(folder.size()), bytes);
    }
    return got;
}

const std::string four =
    "time,ci\n2026-01-01 00:00,100\n2026-01-01 01:00,200.5\n2026-01-01 02:00,0\n2026-01-01 03:00,50\n";

void same(const std::vector<double>& a, const std::vector<double>& b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i != a.size(); ++i) CHECK(a[i] == Approx(b[i]).epsilon(1e-14).margin(1e-12));
}

}  // namespace

TEST_CASE("steps are read from plain and compressed files, in any way to write a time", "[signal_files]") {
    for (const std::string& bytes : {four, test::gzip(four), test::zstd(four), "# a comment, with a comma\n" + four}) {
        const reading r = read(bytes, carbon());
        REQUIRE(r.fault == "");
        same(r.values, {100, 200.5, 0, 50});
        CHECK(r.data.series->first() == start_of_time);
        CHECK(r.data.series->end() == start_of_time + hours{4});
        CHECK(r.data.series->begin_of(2) == start_of_time + hours{2});
        CHECK(r.data.filled == 0);
        CHECK(r.data.file.digest != 0);
        CHECK(r.data.series->value(0) == 100 / 3.6e9);
    }
    for (const char* const time : {"2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01T02:00+02:00",
                                   "2025-12-31 23:00:00-01:00", "2026-01-01T00:00"}) {
        auto of = carbon();
        of.step = minutes{30};
        const reading r = read("ci,when\n7," + std::string{time} + "\n", [&] {
            of.time = "when";
            return of;
        }());
        INFO(time);
        REQUIRE(r.fault == "");
        CHECK(r.data.series->first() == start_of_time);
        CHECK(r.data.series->end() == start_of_time + minutes{30});
    }
    auto local = carbon();
    local.utc_offset = -hours{5};
    CHECK(read("time,ci\n2025-12-31 19:00,1\n2025-12-31 20:00,2\n", local).data.series->first() == start_of_time);
    CHECK(read("time,ci\n2026-01-01T00:00Z,1\n2026-01-01T01:00Z,2\n", local).fault ==
          "t.csv:2:1: error: time: says its zone itself (2026-01-01T00:00Z); remove `utc_offset`");
}

TEST_CASE("a series of other dates is moved to the start of the run", "[signal_files]") {
    auto of = carbon();
    of.from = date("2026-01-01T01:00");
    const reading r = read(four, of, dimension::carbon_intensity, "2030-06-01");
    REQUIRE(r.fault == "");
    CHECK(r.data.series->first() == start_of_time - hours{1});
    CHECK(r.data.series->end() == start_of_time + hours{3});
}

TEST_CASE("a typical year by month, day and hour", "[signal_files]") {
    const std::string text = "# LOCATION,Somewhere,-,X\nmonth,day,hour,dry\n12,31,23,-3.5\n12,31,24,4\n";
    scenario::signal_file of{.path = "t.csv", .column = "dry", .unit = "degC", .time = "month,day,hour"};
    of.utc_offset = -hours{1};
    const reading r = read(text, of, dimension::temperature, "2026-12-31T23:00");
    REQUIRE(r.fault == "");
    same(r.values, {-3.5, 4});
    // Hour 23 begins at 22 local, 23 UTC.
    CHECK(r.data.series->first() == start_of_time);
    CHECK(read(text, of, dimension::temperature, "2028-12-31T23:00").fault ==
          "s.yaml:1:6: error: s.time: a typical year has no 29 February (2028); give a date of a year without one by "
          "`from`");
    CHECK(read("month,day,hour,dry\n2,29,1,4\n", of, dimension::temperature).fault ==
          "t.csv:2:3: error: day: no such day (29); give days of a year without 29 February");
    CHECK(read("month,day,hour,dry\n2,1,0,4\n", of, dimension::temperature).fault ==
          "t.csv:2:5: error: hour: expected a number (0); write it from 1 to 24");
}

TEST_CASE("prices in another currency need its price", "[signal_files]") {
    scenario::signal_file of{.path = "t.csv", .column = "p", .unit = "EUR/MWh"};
    const std::string text = "time,p\n2026-01-01 00:00,100\n2026-01-01 01:00,-20\n";
    CHECK(read(text, of, dimension::price).fault ==
          "s.yaml:1:6: error: s.unit: unknown unit (EUR/MWh); write USD/MWh, or `usd`, the price of one unit of the "
          "currency");
    of.usd = 1.25;
    const reading r = read(text, of, dimension::price);
    REQUIRE(r.fault == "");
    same(r.values, {125, -25});
    of.unit = "USD/MWh";
    CHECK(read(text, of, dimension::price).fault ==
          "s.yaml:1:5: error: s.usd: is for prices in another currency (1.25); remove it, or write a unit such as "
          "EUR/MWh");
    auto weight = carbon();
    weight.unit = "kWh";
    CHECK(read(four, weight).status == 2);
}

TEST_CASE("what cannot be meant is refused at its place", "[signal_files]") {
    const auto fault = [](const std::string& rows) { return read("time,ci\n" + rows, carbon()).fault; };
    const std::string one = "2026-01-01 00:00,1\n2026-01-01 01:00,2\n";
    CHECK(
        fault(one + "2026-01-01 01:00,3\n") ==
        "t.csv:4:1: error: time: does not come after the row before (2026-01-01 01:00); sort the rows, and remove the "
        "second of two");
    CHECK(fault(one + "2026-01-01 00:30,3\n").find("t.csv:4:1: error: time: does not come after") == 0);
    CHECK(fault(one + "2026-01-01 02:30,3\n") ==
          "t.csv:4:1: error: time: comes no whole number of steps of 1 h after the row before (2026-01-01 02:30); "
          "correct it, or give the right `step`");
    CHECK(fault(one + "2026-01-01 05:00,3\n") ==
          "t.csv:4:1: error: time: rows are missing before it (2026-01-01 05:00); complete the file, or write gaps: "
          "hold or gaps: linear");
    CHECK(fault(one + "2026-01-01 02:00,\n") ==
          "t.csv:4:18: error: ci: value missing; complete the file, or write gaps: hold or gaps: linear");
    CHECK(fault(one + "2026-01-01 02:00,NaN\n").find("t.csv:4:18: error: ci: value missing (NaN)") == 0);
    CHECK(fault(one + "2026-01-01 02:00,4 g\n") ==
          "t.csv:4:18: error: ci: expected a number (4 g); write a decimal number, or leave the field empty");
    CHECK(fault(one + "2026-01-01 02:00,inf\n").find("expected a number (inf)") != std::string::npos);
    CHECK(fault(one + "2026-01-01 02:00,1e6\n") ==
          "t.csv:4:18: error: ci: beyond what can be meant in g/kWh (1e6); check the unit and the value");
    CHECK(fault(one + "1.1.2026,4\n") ==
          "t.csv:4:1: error: time: expected a date and a time (1.1.2026); write it as 2026-01-31T06:00Z");
    CHECK(fault("") == "t.csv:1:1: error: s: has no rows; give a file with values");
    CHECK(fault("2026-01-01,1\n") == "t.csv:2:1: error: s: has one row only; say how long it holds by `step`");
    CHECK(fault(",1\n").find("t.csv:2:1: error: time: expected a date and a time") == 0);
    CHECK(fault("2026-01-01 00:00,\n") ==
          "t.csv:2:18: error: ci: the file begins without a value; remove the rows before the first that has one");
    auto of = carbon();
    of.column = "co";
    CHECK(read(four, of).fault == "t.csv:1:8: error: co: column missing from the header; did you mean `ci`?");
    for (const std::string& bytes : {test::gzip(four).substr(0, 30), std::string{"\x1f\x8b\x08"}})
        CHECK(read(bytes, carbon()).status == 3);
}

TEST_CASE("gaps are filled as the scenario says, up to a length, and counted", "[signal_files]") {
    const std::string gappy =
        "time,ci\n2026-01-01 00:00,10\n2026-01-01 01:00,20\n2026-01-01 02:00,\n2026-01-01 05:00,60\n2026-01-01 "
        "06:00,nan\n"
        "2026-01-01 07:00,80\n";
    auto of = carbon();
    of.gaps = gap_filling::hold;
    reading r = read(gappy, of);
    REQUIRE(r.fault == "");
    same(r.values, {10, 20, 20, 20, 20, 60, 60, 80});
    CHECK(r.data.filled == 4);
    of.gaps = gap_filling::linear;
    r = read(gappy, of);
    REQUIRE(r.fault == "");
    same(r.values, {10, 20, 30, 40, 50, 60, 70, 80});
    CHECK(r.data.filled == 4);
    CHECK(r.data.series->end() == start_of_time + hours{8});
    of.most_gap = hours{2};
    CHECK(read(gappy, of).fault ==
          "t.csv:5:1: error: time: rows are missing before it, for longer than 2 h (2026-01-01 05:00); complete the "
          "file, or write a larger `most_gap`");
    const std::string open = "time,ci\n2026-01-01 00:00,10\n2026-01-01 01:00,\n";
    CHECK(read(open, of).fault ==
          "t.csv:3:1: error: s: has no value at its end; remove the rows without, or write gaps: hold");
    of.gaps = gap_filling::hold;
    same(read(open, of).values, {10, 10});
}

TEST_CASE("a file that does not cover the run says so before it begins", "[signal_files]") {
    CHECK(read(four, carbon(), dimension::carbon_intensity, "2025-12-31T23:00").fault ==
          "t.csv: error: s: the file begins after the run does (2026-01-01T00:00:00Z); move it with `from`, give a "
          "longer file, or write beyond: hold or beyond: repeat");
    CHECK(read(four, carbon(), dimension::carbon_intensity, "2026-01-01T04:00").fault ==
          "t.csv:5:1: error: s: the file ends before the run does (2026-01-01T04:00:00Z); move it with `from`, give a "
          "longer file, or write beyond: hold or beyond: repeat");
    CHECK(read(four, carbon(), dimension::carbon_intensity, "2026-01-01", hours{4}).fault == "");
    CHECK(read(four, carbon(), dimension::carbon_intensity, "2026-01-01", hours{4} + duration{1}).status == 3);
    auto of = carbon();
    of.beyond = outside::held;
    CHECK(read(four, of, dimension::carbon_intensity, "2020-01-01", hours{5}).fault == "");
    of.beyond = outside::repeated;
    CHECK(read(four, of).fault ==
          "t.csv:5:1: error: s: covers no whole number of days, so that it cannot be repeated (4 h); cut it, or write "
          "beyond: hold");
    of.step = hours{6};
    CHECK(read("time,ci\n2026-01-01,1\n2026-01-01 06:00,2\n2026-01-01 12:00,1\n2026-01-01 18:00,1\n", of,
               dimension::carbon_intensity, "2020-01-01")
              .fault == "");
}

TEST_CASE("all public files of grids and weather are read", "[signal_files]") {
    struct column {
        const char* name;
        const char* unit;
        dimension what;
        double mean;  ///< as README.md of the data says
    };
    struct file {
        const char* path;
        const char* time;
        const char* start;
        std::vector<column> columns;
        std::size_t steps;
        std::uint64_t filled = 0;  ///< hours, or quarters of them, that the file lacks
    };
    const char* const direct = "Carbon Intensity gCO\u2082eq/kWh (direct)";
    const char* const life = "Carbon Intensity gCO\u2082eq/kWh (LCA)";
    const auto grid = [&](const char* path, double mean_direct, double mean_life, double mean_price) {
        file f{path, "Datetime (UTC)", "2021-01-01", {}, 26280};
        if (mean_direct > 0) {
            f.columns.push_back({direct, "g/kWh", dimension::carbon_intensity, mean_direct});
            f.columns.push_back({life, "g/kWh", dimension::carbon_intensity, mean_life});
        }
        if (mean_price > 0) f.columns.push_back({"Price (USD/MWh)", "USD/MWh", dimension::price, mean_price});
        return f;
    };
    const auto weather = [](const char* path, const char* start, double mean) {
        return file{path, "time_utc", start, {{"temperature_2m", "degC", dimension::temperature, mean}}, 26280};
    };
    const auto mix = [](const char* path, double mean, std::uint64_t filled) {
        const column ci{"avg_CI", "g/kWh", dimension::carbon_intensity, mean};
        return file{path, "timestamp", "2022-01-01", {ci}, 8760, filled};
    };
    const auto year = [](const char* path, double mean) {
        return file{path, "month,day,hour", "2026-01-01", {{"dry_bulb_C", "degC", dimension::temperature, mean}}, 8760};
    };
    const std::vector<file> files{
        grid("grid/US-MIDA-PJM_2021-2023.csv.gz", 347.74, 417.3, 55.93),
        grid("grid/US-TEX-ERCO_2021-2023.csv.gz", 337.37, 399.34, 88.62),
        grid("grid/US-CAL-CISO_2021-2023.csv.gz", 198.35, 265.5, 67.58),
        grid("grid/DE-LU_2021-2023.csv.gz", 363.23, 426.98, 153.5),
        grid("grid/GB_2021-2023.csv.gz", 146.58, 211.31, 0),
        grid("grid/ES_2021-2023.csv.gz", 137.18, 184.55, 131.75),
        grid("grid/FR_2021-2023.csv.gz", 0, 0, 173.15),
        {"grid/SE_2020-2021.csv.gz",
         "UTC time",
         "2020-01-01",
         {{"carbon_intensity", "g/kWh", dimension::carbon_intensity, 42.02}},
         17544},
        mix("grid/dcrl_BPAT_2022_mix_avgCI.csv.gz", 54.71, 0),
        mix("grid/dcrl_VA_2022_mix_avgCI.csv.gz", 362.62, 23),
        mix("grid/dcrl_IL_2022_mix_avgCI.csv.gz", 440.55, 3),
        {"grid/letswaitawhile_ger_ci_2020.csv.gz",
         "Time",
         "2019-12-20",
         {{"Carbon Intensity", "g/kWh", dimension::carbon_intensity, 315.21}},
         37149,
         2},
        {"grid/letswaitawhile_fr_ci_2020.csv.gz",
         "Time",
         "2019-12-20",
         {{"Carbon Intensity", "g/kWh", dimension::carbon_intensity, 56.72}},
         18574},
        {"grid/vessim_watttime_caiso_north_2023-06.csv.gz",
         "oootime",
         "2023-06-08",
         {{"Caiso_North", "g/kWh", dimension::carbon_intensity, 355.33}},
         8928},
        weather("weather/US-MIDA-PJM_2021-2023.csv.gz", "2021-01-01T04:00", 13.61),
        weather("weather/US-TEX-ERCO_2021-2023.csv.gz", "2021-01-01T05:00", 19.84),
        weather("weather/US-CAL-CISO_2021-2023.csv.gz", "2021-01-01T07:00", 15.12),
        weather("weather/DE-LU_2021-2023.csv.gz", "2021-01-01", 11.54),
        weather("weather/GB_2021-2023.csv.gz", "2021-01-01", 11.42),
        year("weather/epw_USA_VA_Leesburg.csv.gz", 13.78),
        year("weather/epw_USA_WA_Seattle.csv.gz", 11.68),
        year("weather/epw_USA_TX_Dallas.csv.gz", 19.81),
        year("weather/epw_USA_IL_Chicago.csv.gz", 10.76),
        year("weather/epw_USA_PA_Pittsburgh.csv.gz", 11.24),
        year("weather/epw_SWE_Stockholm.csv.gz", 6.49),
        year("weather/epw_ESP_Granada.csv.gz", 14.88),
    };
    for (const file& f : files) {
        const auto path = test::real_data(f.path);
        if (!path) return;
        for (const column& c : f.columns) {
            INFO(f.path << ' ' << c.name);
            scenario::signal_file of{.path = f.path, .column = c.name, .unit = c.unit, .time = f.time};
            if (f.filled != 0) of.gaps = gap_filling::linear;
            of.most_gap = hours{24};
            const signal_data data =
                read_signal({.key = "s", .of = of, .file = *path, .what = c.what, .start = date(f.start), .until = {}},
                            [](std::string_view) { return source_position{}; });
            CHECK(data.series->size() == f.steps);
            CHECK(data.filled == f.filled);
            double sum = 0;
            for (std::size_t i = 0; i != data.series->size(); ++i) sum += data.series->value(i);
            const double mean = sum / static_cast<double>(f.steps) * (c.what == dimension::temperature ? 1 : 3.6e9);
            // The means in README.md are without the hours that lack.
            CHECK(std::abs(mean - c.mean) < (f.filled == 0 ? 0.006 : 0.3));
        }
    }
}
