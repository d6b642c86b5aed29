#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/gzip.hpp"
#include "support/zstd.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/io/input_stream.hpp>
#include <ampacity/io/xxh64.hpp>

#include <sys/stat.h>

#include <random>
#include <string>
#include <vector>

using namespace ampacity;
using namespace ampacity::io;

namespace {

struct files {
    test::temporary_directory directory;

    [[nodiscard]] std::filesystem::path operator()(const std::string& name, std::string_view bytes) const {
        const auto file = directory.path() / name;
        test::write_file(file, bytes);
        return file;
    }
};

std::string read_by(input_stream& in, std::size_t step) {
    std::string text;
    std::vector<char> block(step);
    while (const std::size_t n = in.read(block)) text.append(block.data(), n);
    return text;
}

std::string content(const std::filesystem::path& file, std::size_t step = 4096) {
    input_stream in{file};
    return read_by(in, step);
}

/// The message without the directory, or what was read where there is none.
std::string fault(const std::filesystem::path& file) {
    try {
        return "read: " + content(file);
    } catch (const data_error& e) {
        CHECK(e.exit_status() == 3);
        const std::string text = e.what();
        REQUIRE(text.starts_with(file.string()));
        return text.substr(file.parent_path().string().size() + 1);
    }
}

std::string random_bytes(std::size_t n) {
    std::mt19937_64 random{n};
    std::string text;
    for (std::size_t i = 0; i < n; ++i) text += static_cast<char>(random() % 7 == 0 ? random() : 'a' + random() % 4);
    return text;
}

std::uint64_t hash_of(std::string_view bytes) {
    xxh64 hash;
    hash.update(bytes);
    return hash.digest();
}

}  // namespace

TEST_CASE("plain and gzip files give the same bytes", "[input_stream]") {
    const files make;
    const std::string text = random_bytes(700'000);
    for (const std::size_t step : {1U, 1000U, 300'000U, 1'000'000U}) {
        if (step == 1U) {
            CHECK(content(make("small", text.substr(0, 3000)), step) == text.substr(0, 3000));
            CHECK(content(make("small.gz", test::gzip(text.substr(0, 3000))), step) == text.substr(0, 3000));
            continue;
        }
        CHECK(content(make("a", text), step) == text);
        CHECK(content(make("a.gz", test::gzip(text)), step) == text);
    }
    CHECK(content(make("empty", "")).empty());
    CHECK(content(make("empty.gz", test::gzip(""))).empty());
}

TEST_CASE("gzip is told by its bytes, not by the name", "[input_stream]") {
    const files make;
    CHECK(content(make("jobs.csv", test::gzip("hello"))) == "hello");
    CHECK(
        fault(make("jobs.csv.gz", "hello")) ==
        "jobs.csv.gz:1:1: error: is not gzip data, although its name ends in .gz; rename it if it is plain, else fetch "
        "it again");
}

TEST_CASE("all members of a gzip file are read", "[input_stream]") {
    const files make;
    const std::string text = random_bytes(300'000);
    const std::string members = test::gzip("one,") + test::gzip("") + test::gzip(text) + test::gzip("end");
    CHECK(content(make("m.gz", members)) == "one," + text + "end");
    CHECK(content(make("padded.gz", members + std::string(600'000, '\0'))) == "one," + text + "end");

    const std::string one = test::gzip("one");
    const std::string at = std::to_string(one.size());
    CHECK(fault(make("g.gz", one + "garbage")) ==
          "g.gz:1:1: error: corrupt gzip data (unexpected bytes after the end of the data at compressed byte " + at +
              "); fetch or compress the file again");
    CHECK(fault(make("g.gz", one + std::string(3, '\0') + one)).find("unexpected bytes") != std::string::npos);
    CHECK(fault(make("g.gz", one + "\x1F")) == "g.gz:1:1: error: truncated gzip data (ends at compressed byte " +
                                                   std::to_string(one.size() + 1) +
                                                   "); fetch or compress the file again");
}

TEST_CASE("a truncated gzip file never reads as complete", "[input_stream]") {
    const files make;
    const std::string whole = test::gzip("job_id,submit_s\n1,2\n3,4\n") + test::gzip("5,6\n");
    const std::size_t first = test::gzip("job_id,submit_s\n1,2\n3,4\n").size();
    for (std::size_t n = 0; n < whole.size(); ++n) {
        if (n == first) continue;  // a complete file of one member
        CAPTURE(n);
        REQUIRE(fault(make("t.gz", whole.substr(0, n))) ==
                "t.gz:1:1: error: truncated gzip data (ends at compressed byte " + std::to_string(n) +
                    "); fetch or compress the file again");
    }
    CHECK(fault(make("t.gz", whole)) == "read: job_id,submit_s\n1,2\n3,4\n5,6\n");
}

TEST_CASE("corrupt gzip data is found wherever it lies", "[input_stream]") {
    const files make;
    const std::string text = "job_id,submit_s\n1,2\n3,4\n";
    const std::string whole = test::gzip(text);
    std::string bad_crc = whole;
    bad_crc[whole.size() - 8] = static_cast<char>(bad_crc[whole.size() - 8] ^ 1);
    CHECK(fault(make("c.gz", bad_crc)) ==
          "c.gz:1:1: error: corrupt gzip data (incorrect data check at compressed byte " +
              std::to_string(whole.size() - 4) + "); fetch or compress the file again");
    std::string bad_length = whole;
    bad_length.back() = 1;
    CHECK(fault(make("c.gz", bad_length)) ==
          "c.gz:1:1: error: corrupt gzip data (incorrect length check at compressed byte " +
              std::to_string(whole.size()) + "); fetch or compress the file again");
    // Bytes 4 to 9 of the header (time, flags, system) and the text flag mean nothing to the data.
    int harmless = 0;
    for (std::size_t at = 10; at < whole.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
            CAPTURE(at, bit);
            const std::string got = fault(make("d.gz", damaged));
            if (got == "read: " + text) {
                ++harmless;
                continue;
            }
            REQUIRE(got.find("d.gz:1:1: error: ") == 0);
            REQUIRE(got.find("gzip data") != std::string::npos);
        }
    }
    CHECK(harmless <= 7);  // bits that fill up the last byte of the compressed data
}

TEST_CASE("Zstandard files give the same bytes, by all their frames", "[input_stream]") {
    const files make;
    const std::string text = random_bytes(700'000);
    for (const int level : {1, 3, 19}) {
        const auto file = make("a.zst", test::zstd(text, level));
        for (const std::size_t step : {997U, 4096U, 300'000U, 1'000'000U}) CHECK(content(file, step) == text);
    }
    const std::string little = text.substr(0, 3000);
    CHECK(content(make("small", test::zstd(little)), 1) == little);
    CHECK(content(make("zeros.zst", test::zstd(std::string(900'000, '0'))), 1000) == std::string(900'000, '0'));
    CHECK(content(make("empty.zst", test::zstd(""))).empty());

    const std::string frames = test::zstd("one,") + test::zstd("") + test::zstd(text, 1, false) + test::zstd("end");
    CHECK(content(make("f.zst", frames), 1000) == "one," + text + "end");
    CHECK(content(make("f", frames), 1) == "one," + text + "end");
    const std::string skipped = test::zstd_skippable("note") + test::zstd("one,") +
                                test::zstd_skippable(std::string(600'000, 'x'), 15) + test::zstd("end") +
                                test::zstd_skippable("");
    CHECK(content(make("s.zst", skipped)) == "one,end");
    CHECK(content(make("s", skipped), 1) == "one,end");
    CHECK(content(make("only.zst", test::zstd_skippable("note"))).empty());
}

TEST_CASE("the name of a Zstandard file does not make it one", "[input_stream]") {
    const files make;
    CHECK(content(make("jobs.csv", test::zstd("hello"))) == "hello");
    CHECK(fault(make("jobs.csv.zst", "hello")) ==
          "jobs.csv.zst:1:1: error: is not Zstandard data, although its name ends in .zst; rename it if it is plain, "
          "else fetch it again");
    CHECK(fault(make("jobs.csv.zst", test::gzip("hello"))) ==
          "jobs.csv.zst:1:1: error: is not Zstandard data, although its name ends in .zst; rename it");
    CHECK(fault(make("jobs.csv.gz", test::zstd("hello"))) ==
          "jobs.csv.gz:1:1: error: is not gzip data, although its name ends in .gz; rename it");
}

TEST_CASE("a truncated Zstandard file never reads as complete", "[input_stream]") {
    const files make;
    const std::string first = test::zstd("job_id,submit_s\n1,2\n3,4\n");
    const std::string note = test::zstd_skippable("note");
    const std::string whole = first + note + test::zstd("5,6\n", 3, false);
    for (std::size_t n = 0; n < whole.size(); ++n) {
        if (n == first.size() || n == first.size() + note.size()) continue;  // complete files
        CAPTURE(n);
        REQUIRE(fault(make("t.zst", whole.substr(0, n))) ==
                "t.zst:1:1: error: truncated Zstandard data (ends at compressed byte " + std::to_string(n) +
                    "); fetch or compress the file again");
    }
    CHECK(fault(make("t.zst", whole)) == "read: job_id,submit_s\n1,2\n3,4\n5,6\n");
    // Blocks that come out in pieces are no end.
    const std::string large = test::zstd(std::string(900'000, '0'));
    CHECK(fault(make("t.zst", large.substr(0, large.size() - 1))).starts_with("t.zst:1:1: error: truncated"));
}

TEST_CASE("corrupt Zstandard data is found, and its block named", "[input_stream]") {
    const files make;
    const std::string text = "job_id,submit_s\n1,2\n3,4\n";
    const std::string whole = test::zstd(text);
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
            CAPTURE(at, bit);
            const std::string got = fault(make("d", damaged));
            // Without its magic number it is another file.
            if (at < 4 && got == "read: " + damaged) continue;
            if (got == "read: " + text) continue;
            REQUIRE(got.find("d:1:1: error: ") == 0);
            REQUIRE(got.find("Zstandard data") != std::string::npos);
        }
    }
    CHECK(fault(make("c.zst", whole + "garbage")) ==
          "c.zst:1:1: error: corrupt Zstandard data (unexpected bytes after the end of the data at compressed byte " +
              std::to_string(whole.size()) + "); fetch or compress the file again");
    CHECK(fault(make("c.zst", whole + std::string(4, '\0'))).find("unexpected bytes") != std::string::npos);

    const std::string many = random_bytes(700'000);
    std::string damaged = test::zstd(many);
    const std::size_t first = damaged.size();
    damaged += test::zstd(many);
    damaged[damaged.size() - 1] = static_cast<char>(damaged[damaged.size() - 1] ^ 1);
    const std::string got = fault(make("c.zst", damaged));
    CHECK(got.starts_with("c.zst:1:1: error: corrupt Zstandard data (Restored data doesn't match checksum at"));
    const std::string after = " at compressed byte ";
    const std::size_t byte = std::stoull(got.substr(got.find(after) + after.size()));
    CHECK(byte > first);
    CHECK(byte + 4 == damaged.size());
}

TEST_CASE("what libzstd cannot read is said with a remedy", "[input_stream]") {
    const files make;
    // A frame header with a window of 2^(10 + 31) bytes.
    const std::string window = fault(make("w.zst", std::string{"\x28\xB5\x2F\xFD\x00\xF8", 6} + "xyz"));
    CHECK(
        window.starts_with("w.zst:1:1: error: Zstandard data with a window above 128 MiB (in the frame at compressed"));
    CHECK(window.ends_with("; compress the file again, without --long or --ultra"));
    // One that names dictionary 5.
    const std::string dictionary = fault(make("d.zst", std::string{"\x28\xB5\x2F\xFD\x21\x05\x03", 7} + "xyzxyz"));
    CHECK(dictionary.starts_with("d.zst:1:1: error: Zstandard data that needs a dictionary"));
}

TEST_CASE("what cannot be read is said with a remedy", "[input_stream]") {
    const files make;
    CHECK(fault(make.directory.path() / "none.csv") ==
          "none.csv:1:1: error: cannot be opened (No such file or directory); check the path");
    std::filesystem::create_directory(make.directory.path() / "folder");
    CHECK(fault(make.directory.path() / "folder") == "folder:1:1: error: is a directory; give a file in it");
    CHECK(fault(make("file", "x") / "below") == "below:1:1: error: cannot be opened (Not a directory); check the path");

    const auto secret = make("secret", "x");
    std::filesystem::permissions(secret, std::filesystem::perms::none);
    const std::string got = fault(secret);  // the superuser may read it
    CHECK((got == "read: x" ||
           got == "secret:1:1: error: cannot be opened (Permission denied); check the file's permissions"));
}

TEST_CASE("progress and the hash count the file's own bytes", "[input_stream]") {
    const files make;
    const std::string text = random_bytes(600'000);
    for (const std::string& bytes : {text, test::gzip(text), test::zstd(text)}) {
        const auto file = make("f", bytes);
        input_stream in{file};
        CHECK(in.path() == file.string());
        CHECK(in.is_compressed() == (bytes != text));
        CHECK(in.file_bytes() == bytes.size());
        CHECK(in.bytes_consumed() == 0);
        std::vector<char> block(100'000);
        CHECK(in.read(block) == block.size());
        CHECK(in.bytes_consumed() > 0);
        CHECK(in.bytes_consumed() < bytes.size());
        SECTION("read to the end") {
            read_by(in, 5000);
            CHECK(in.bytes_consumed() == bytes.size());
            CHECK(in.finish_digest() == hash_of(bytes));
        }
        SECTION("left early") {
            CHECK(in.finish_digest() == hash_of(bytes));
            CHECK(in.read(block) == 0);
            CHECK(in.finish_digest() == hash_of(bytes));
        }
    }
}

TEST_CASE("a pipe is a file of unknown size", "[input_stream]") {
    const files make;
    const auto pipe = make.directory.path() / "pipe.gz";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const std::string text = random_bytes(50'000);
    const auto packed = make("packed", test::gzip(text));
    const std::string command = "cat '" + packed.string() + "' > '" + pipe.string() + "' &";
    REQUIRE(std::system(command.c_str()) == 0);
    input_stream in{pipe};
    CHECK(in.file_bytes() == 0);
    CHECK(read_by(in, 4096) == text);
}
