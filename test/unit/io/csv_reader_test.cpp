#include "support/byte_offset.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/gzip.hpp"

#include <ampacity/io/csv_reader.hpp>

#include <random>
#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::io;

namespace {

using row = std::vector<std::string>;

struct reading {
    std::vector<row> rows;  ///< the header is the first
    std::string fault;      ///< without the directory
};

reading read_rows(const std::filesystem::path& file, std::size_t block) {
    reading got;
    try {
        csv_reader reader{input_stream{file}, block};
        got.rows.emplace_back(reader.columns().begin(), reader.columns().end());
        while (reader.next()) {
            row& fields = got.rows.emplace_back();
            for (std::size_t i = 0; i < reader.columns().size(); ++i) fields.emplace_back(reader[i]);
        }
        CHECK_FALSE(reader.next());
    } catch (const data_error& e) {
        got.fault = std::string{e.what()}.substr(file.parent_path().string().size() + 1);
    }
    return got;
}

/// Reads `text` from a file with several block sizes, which must not matter.
reading parse(std::string_view text) {
    const test::temporary_directory directory;
    const auto file = directory.path() / "t.csv";
    test::write_file(file, text);
    const reading large = read_rows(file, 1U << 18U);
    for (const std::size_t block : {1U, 2U, 3U, 7U, 17U}) {
        CAPTURE(block);
        const reading small = read_rows(file, block);
        REQUIRE(small.rows == large.rows);
        REQUIRE(small.fault == large.fault);
    }
    return large;
}

std::vector<row> rows_of(std::string_view text) {
    const reading got = parse(text);
    CHECK(got.fault == "");
    return got.rows;
}

/// The message without its byte, which is checked.
std::string fault_of(std::string_view text) { return test::without_byte(parse(text).fault, text); }

}  // namespace

TEST_CASE("rows are split at commas and line ends", "[csv]") {
    CHECK(rows_of("a,b\n1,2\n3,4\n") == std::vector<row>{{"a", "b"}, {"1", "2"}, {"3", "4"}});
    CHECK(rows_of("a,b\n1,2") == std::vector<row>{{"a", "b"}, {"1", "2"}});
    CHECK(rows_of("a,b\r\n1,2\r\n") == std::vector<row>{{"a", "b"}, {"1", "2"}});
    CHECK(rows_of("a,b\r\n1,2\r") == std::vector<row>{{"a", "b"}, {"1", "2"}});
    CHECK(rows_of("\xEF\xBB\xBF"
                  "a,b\n1,2\n") == std::vector<row>{{"a", "b"}, {"1", "2"}});
    CHECK(rows_of("a,b\n,\n ,\t\n") == std::vector<row>{{"a", "b"}, {"", ""}, {" ", "\t"}});
    CHECK(rows_of("a\n1\n") == std::vector<row>{{"a"}, {"1"}});
    CHECK(rows_of("a") == std::vector<row>{{"a"}});
    CHECK(rows_of("a,b\n") == std::vector<row>{{"a", "b"}});
    CHECK(rows_of("a,b\n1,2\n\n\r\n\n") == std::vector<row>{{"a", "b"}, {"1", "2"}});
    const std::string wide(100, 'x');
    CHECK(rows_of("a,b\n" + wide + "," + wide + "\n") == std::vector<row>{{"a", "b"}, {wide, wide}});
    CHECK(rows_of(std::string_view{"a,b\n1\0,2\n", 9}) == std::vector<row>{{"a", "b"}, {std::string{"1\0", 2}, "2"}});
}

TEST_CASE("a fault of a row names its byte in the text, by itself and in a compressed file", "[csv]") {
    std::string text = "a,b\n";
    for (int i = 0; i < 50'000; ++i) text += std::to_string(i) + ",x\n";
    const test::temporary_directory directory;
    const auto file = directory.path() / "t.csv";
    for (const std::string& bytes : {text + "1\n", test::gzip(text + "1\n")}) {
        test::write_file(file, bytes);
        for (const std::size_t block : {7U, 4096U, 1U << 18U}) {
            CHECK(read_rows(file, block).fault ==
                  "t.csv:50002:2: error: too few fields, at byte " + std::to_string(text.size() + 1) +
                      " (1 where the header names 2); complete the row; an unknown value is an empty field");
        }
    }
    CHECK(parse("\xEF\xBB\xBF"
                "a,b\n\"\n\",\"\n")
              .fault == "t.csv:3:3: error: unclosed quote, at byte 11; close the quoted field");
}

TEST_CASE("quoted fields hold what they like", "[csv]") {
    CHECK(rows_of("a,b\n\"1,5\",\"x\ny\"\n") == std::vector<row>{{"a", "b"}, {"1,5", "x\ny"}});
    CHECK(rows_of("a,b\n\"\",\"\"\"\"\n") == std::vector<row>{{"a", "b"}, {"", "\""}});
    CHECK(rows_of("a,b\n\"say \"\"hi\"\"\",\"\"\"\"\"\"\r\n") == std::vector<row>{{"a", "b"}, {"say \"hi\"", "\"\""}});
    CHECK(rows_of("\"a,1\",\"b\"\n1,2\n") == std::vector<row>{{"a,1", "b"}, {"1", "2"}});
    CHECK(rows_of("a\n\"\"\n") == std::vector<row>{{"a"}, {""}});
    CHECK(rows_of("a,b\n1,\"2\"") == std::vector<row>{{"a", "b"}, {"1", "2"}});
    CHECK(rows_of("a,b\n\"\r\n\",2\r\n") == std::vector<row>{{"a", "b"}, {"\r\n", "2"}});
}

TEST_CASE("what is not CSV is named with its place", "[csv]") {
    CHECK(fault_of("") == "t.csv:1:1: error: the file is empty; give a file with a header line");
    CHECK(fault_of("\n\n") == "t.csv:1:1: error: the file is empty; give a file with a header line");
    CHECK(fault_of("\xEF\xBB\xBF") == "t.csv:1:1: error: the file is empty; give a file with a header line");
    CHECK(fault_of("\na,b\n") == "t.csv:1:1: error: blank line before the header; remove it");
    CHECK(fault_of("a,b\n1,2\n\n\n3,4\n") == "t.csv:3:1: error: blank line between rows; remove it");
    CHECK(fault_of("a,b\n1,2,3,4\n") ==
          "t.csv:2:5: error: too many fields (4 where the header names 2); remove what is too much, or quote fields "
          "that hold commas");
    CHECK(fault_of("a,b,c\n1,2,3\n1,22\n") ==
          "t.csv:3:5: error: too few fields (2 where the header names 3); complete the row; an unknown value is an "
          "empty field");
    CHECK(fault_of("a,b\n1,2\r\n1\r\n") ==
          "t.csv:3:2: error: too few fields (1 where the header names 2); complete the row; an unknown value is an "
          "empty field");
    CHECK(fault_of("a,b\n1,\"2\n3,4\n") == "t.csv:2:3: error: unclosed quote; close the quoted field");
    CHECK(fault_of("a,b\n1,2\"\n") ==
          "t.csv:2:4: error: quote inside an unquoted field; quote the whole field, and double the quotes in it");
    CHECK(fault_of("a,b\n\"1\"2,3\n") ==
          "t.csv:2:4: error: text after a closing quote; quote the whole field, and double the quotes in it");
    CHECK(fault_of("a,b,a\n") == "t.csv:1:5: error: duplicate column in the header (a); remove or rename one of them");
    CHECK(fault_of("a,,b\n") == "t.csv:1:3: error: empty column name in the header; name the column or remove it");
    CHECK(fault_of("a,b,\n") == "t.csv:1:5: error: empty column name in the header; name the column or remove it");
    CHECK(fault_of("\xFF\xFE"
                   "a\0") == "t.csv:1:1: error: is UTF-16 text; save it as UTF-8");
    CHECK(fault_of("a,b\n\"\n\n\",2\n\"x\n\",\"y\n\"!\n") ==
          "t.csv:7:2: error: text after a closing quote; quote the whole field, and double the quotes in it");
}

TEST_CASE("fields know their place, also behind quoted line ends", "[csv]") {
    const test::temporary_directory directory;
    const auto file = directory.path() / "t.csv";
    test::write_file(file, "a,bb,c\n\"1\n2\",\"x\"\"\ny\",z\n4,\"5\",6\n");
    csv_reader reader{input_stream{file}};
    CHECK(reader.where_named(2).column == 6);
    CHECK(reader.where_named(3).column == 7);
    REQUIRE(reader.find("bb") == std::size_t{1});
    CHECK_FALSE(reader.find("b"));

    const auto place = [&](std::size_t column) {
        const source_position p = reader.where(column);
        CHECK(p.file == file.string());
        return std::pair{p.line, p.column};
    };
    REQUIRE(reader.next());
    CHECK(place(0) == std::pair<std::uint64_t, std::uint64_t>{2, 1});
    CHECK(place(1) == std::pair<std::uint64_t, std::uint64_t>{3, 4});
    CHECK(place(2) == std::pair<std::uint64_t, std::uint64_t>{4, 4});
    REQUIRE(reader.next());
    CHECK(place(0) == std::pair<std::uint64_t, std::uint64_t>{5, 1});
    CHECK(place(1) == std::pair<std::uint64_t, std::uint64_t>{5, 3});
    CHECK(place(2) == std::pair<std::uint64_t, std::uint64_t>{5, 7});
    CHECK_THROWS_WITH(reader.fail(1, "is bad", "do better"),
                      file.string() + ":5:3: error: bb: is bad, at byte 25 (5); do better");
}

TEST_CASE("a row has a longest length", "[csv]") {
    const test::temporary_directory directory;
    const auto file = directory.path() / "t.csv";
    const std::string fits(csv_reader::max_row_bytes - 10, 'x');
    test::write_file(file, "a,b\n1," + fits + "\n2,3\n");
    CHECK(read_rows(file, 1U << 18U).rows.at(1).at(1) == fits);
    test::write_file(file, "a,b\n1,2\n3,\"" + std::string(10 * csv_reader::max_row_bytes, '\n'));
    CHECK(read_rows(file, 1U << 18U).fault ==
          "t.csv:3:1: error: row of more than 1 MiB, at byte 8; look for an unclosed quote");
}

TEST_CASE("random rows come back as they were written", "[csv]") {
    std::mt19937_64 random{5};
    for (int trial = 0; trial < 60; ++trial) {
        const std::size_t num_columns = 1 + random() % 6;
        const bool crlf = random() % 2 == 0;
        std::vector<row> rows;
        std::string text;
        for (std::size_t r = 0; r < 1 + random() % 30; ++r) {
            row& fields = rows.emplace_back();
            for (std::size_t c = 0; c < num_columns; ++c) {
                std::string field = r == 0 ? "column" + std::to_string(c) : std::string{};
                if (r != 0) {
                    for (std::size_t n = random() % 25; n > 0; --n) field += "abc019.-+e ,\"\n\r\xC3"[random() % 16];
                }
                fields.push_back(field);
                const bool quote =
                    field.empty() || field.find_first_of(",\"\n\r") != std::string::npos || random() % 4 == 0;
                if (c != 0) text += ',';
                if (!quote) {
                    text += field;
                    continue;
                }
                text += '"';
                for (const char ch : field) text += ch == '"' ? std::string{"\"\""} : std::string{ch};
                text += '"';
            }
            text += crlf ? "\r\n" : "\n";
        }
        REQUIRE(rows_of(text) == rows);
    }
}

TEST_CASE("text from a file is fit for a message", "[csv]") {
    CHECK(printable("plain 1.5") == "plain 1.5");
    CHECK(printable("a\nb\x7F\xC3\xA9") == "a\\x0Ab\\x7F\\xC3\\xA9");
    CHECK(printable(std::string(61, 'x')) == std::string(60, 'x') + "...");
}
