// make_corpus FOLDER: writes what each fuzzer begins with to FOLDER/NAME, and the words of all formats to FOLDER/words.
// Nothing is copied from a data set: rows are made up from the columns that the program lists.

#include <ampacity/io/catalogue.hpp>
#include <ampacity/io/job_traces.hpp>
#include <ampacity/io/request_traces.hpp>
#include <ampacity/policy/registry.hpp>
#include <ampacity/scenario/reference.hpp>
#include <ampacity/scenario/units.hpp>

#include <zlib.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace ampacity;

std::string read(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

/// Seeds of one fuzzer.
class corpus {
public:
    corpus(const fs::path& folder, const std::string& name) : folder_(folder / name) {
        fs::create_directories(folder_);
    }
    void add(std::string_view bytes) {
        std::ofstream file(folder_ / ("seed-" + std::to_string(count_++)), std::ios::binary);
        file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }

private:
    fs::path folder_;
    std::size_t count_ = 0;
};

std::string gzip(const std::string& text) {
    std::string out(text.size() + 200, '\0');
    z_stream z{};
    deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    std::string in = text;
    z.next_in = reinterpret_cast<Bytef*>(in.data());
    z.avail_in = static_cast<uInt>(in.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    deflate(&z, Z_FINISH);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
}

/// A Zstandard frame of one raw block (RFC 8878). \pre less than 256 bytes
std::string zstandard(const std::string& text) {
    const auto size = static_cast<char>(text.size());
    const auto header = static_cast<std::uint32_t>(text.size() << 3U | 1U);
    std::string out = "\x28\xB5\x2F\xFD\x20";
    out += size;
    for (const unsigned shift : {0U, 8U, 16U}) out += static_cast<char>(header >> shift);
    return out + text;
}

/// A field that a column could hold in row `row`.
std::string field_of(const io::trace_column& column, std::size_t row) {
    if (column.name.find("timestamp") != std::string_view::npos || column.name == "TIMESTAMP")
        return "2017-10-0" + std::to_string(row + 1) + " 01:02:03";
    if (column.unit == "s") return std::to_string(row * 10) + ".5";
    return std::to_string(row);
}

std::vector<std::string> traces_of(const io::job_trace_format& format) {
    std::vector<std::string> out;
    for (const bool all : {true, false}) {
        std::string text;
        for (std::size_t row = 0; row != 4; ++row) {
            std::string line;
            for (const auto& column : format.columns) {
                if (!all && column.use != io::column_use::required) continue;
                if (!line.empty()) line += ',';
                line += row == 0 ? std::string{column.name} : field_of(column, row);
            }
            text += line + '\n';
        }
        out.push_back(text);
    }
    out.emplace_back(
        "; UnixStartTime: 1\n1 0 5 10 4 -1 -1 4 20 -1 1 1 1 1 1 1 -1 -1\n2 3 0 1 -1 -1 -1 2 -1 -1 0 1 1 1 1 1 -1 -1\n");
    return out;
}

/// By the columns, where the format is a table.
std::string requests_of(const io::request_trace_format& format) {
    if (format.name == "mooncake-jsonl")
        return R"({"timestamp":0,"input_length":600,"output_length":5,"hash_ids":[1,2]}
{"timestamp":27482,"input_length":1100,"output_length":1,"hash_ids":[1,2,3]}
)";
    if (format.name == "servegen")
        return "client,window_start_s,rate,cv,pattern,param1,param2\n8,0,0.5,1,Gamma,1,2\n3,600,1,0.5,Weibull,2.1,"
               "1\n\x1E"
               R"({"client":8,"window_start_s":0,"input_tokens_q":[10,20],"output_tokens_q":[5,5]}
{"client":3,"window_start_s":0,"text_tokens_q":[2,9],"text_tokens_mean":4.5,"output_tokens_q":[7,7]}
)";
    std::string text;
    for (std::size_t row = 0; row != 4; ++row) {
        std::string line;
        for (const auto& column : format.columns) {
            if (!line.empty()) line += ',';
            line += row == 0 ? std::string{column.name} : field_of(column, row);
        }
        text += line + '\n';
    }
    return text;
}

void add_word(std::set<std::string>& words, std::string_view word) {
    if (word.empty() || word.find_first_of("\"\\\n") != std::string_view::npos) return;
    words.emplace(word);
}

std::set<std::string> all_words() {
    std::set<std::string> words{"true", "false", "null", "---", "...", "<<",     "&a",
                                "*a",   "!!str", "nan",  "inf", "1e9", "drained"};
    for (const auto& key : scenario::key_reference())
        add_word(words, std::string_view{key.path}.substr(key.path.rfind('.') + 1));
    for (const auto& u : scenario::units()) add_word(words, u.symbol);
    for (const auto& k : io::model_kinds()) {
        add_word(words, "ampacity-" + std::string{k.name});
        for (const auto& key : io::model_keys(k.kind))
            add_word(words, std::string_view{key.path}.substr(key.path.rfind('.') + 1));
    }
    for (const char* word : {"value", "range", "source", "confidence", "note", "based_on", "published", "measured"})
        add_word(words, word);
    for (const auto& p : policy::policies()) add_word(words, p.name);
    for (const auto& p : policy::placers()) add_word(words, p.name);
    for (const auto& f : io::job_trace_formats()) {
        add_word(words, f.name);
        for (const auto& c : f.columns) add_word(words, c.name);
    }
    for (const auto& f : io::request_trace_formats()) {
        for (const auto& c : f.columns) add_word(words, c.name);
    }
    for (const char* word : {"input_tokens_q", "text_tokens_q", "output_tokens_q", "output_tokens_mean", "Weibull"})
        add_word(words, word);
    return words;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: make_corpus FOLDER\n");
        return 2;
    }
    const fs::path folder = argv[1];
    corpus scenarios(folder, "scenario_fuzz");
    for (const auto& entry : fs::recursive_directory_iterator(fs::path{AMPACITY_SOURCE_DIR} / "scenarios")) {
        if (entry.path().extension() != ".yaml") continue;
        scenarios.add(read(entry.path()));
        scenarios.add("!fleet={ pool_gpus: 448 }\n" + read(entry.path()));
    }
    corpus models(folder, "catalogue_fuzz");
    for (const auto& k : io::model_kinds()) {
        for (const auto& m : io::find_models(k.folder))
            models.add(std::string{static_cast<char>(k.kind)} + read(m.file));
    }
    corpus traces(folder, "job_traces_fuzz");
    corpus rows(folder, "csv_reader_fuzz");
    corpus streams(folder, "input_stream_fuzz");
    const auto formats = io::job_trace_formats();
    for (std::size_t i = 0; i != formats.size(); ++i) {
        for (const auto& text : traces_of(formats[i])) {
            for (const char how : {'\0', '\1', '\6'})
                for (const auto& bytes : {text, gzip(text)}) traces.add(std::string{static_cast<char>(i), how} + bytes);
            rows.add('\7' + text);
            for (const auto& bytes : {text, gzip(text), gzip(text) + gzip("x\n"), zstandard(text.substr(0, 255))})
                streams.add('\7' + bytes);
        }
    }
    corpus requests(folder, "request_traces_fuzz");
    const auto request_formats = io::request_trace_formats();
    for (std::size_t i = 0; i != request_formats.size(); ++i) {
        const std::string text = requests_of(request_formats[i]);
        for (const char how : {'\0', '\1', '\6'})
            for (const auto& bytes : {text, gzip(text)}) requests.add(std::string{static_cast<char>(i), how} + bytes);
    }
    rows.add("\1a,\"b\"\"c\"\r\n\"x\ny\",z\r\n");
    corpus numbers(folder, "numbers_fuzz");
    for (const char* text : {"0", "-1.5", "12345678901234567890", "1e-9", ".5", "5.", "0.5000000000000000001", "1.5 h",
                             "22.6 min", "46 /h", "30 GPU-h", "120 kW", "8 TB/s", "0.07 USD/kWh", "2026-01-01",
                             "2026-01-01T06:30:00.5Z", "2026-01-01T06:30:00+02:00", "nan", "+inf"})
        numbers.add(text);
    std::ofstream words(folder / "words");
    for (const auto& word : all_words()) words << '"' << word << "\"\n";
}
