#include "statement.hpp"

#include <ampacity/core/error.hpp>
#include <ampacity/core/version.hpp>
#include <ampacity/experiment/result_store.hpp>
#include <ampacity/io/xxh64.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <thread>

namespace ampacity::experiment {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t schema_version = 1;
constexpr std::int64_t application = 0x414D5053;  // AMPS

constexpr const char* schema = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE input(path TEXT PRIMARY KEY, hash TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE variant(key TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE trial(id INTEGER PRIMARY KEY, key TEXT NOT NULL, replication INT NOT NULL, seed INTEGER NOT NULL,
                   status TEXT NOT NULL, error TEXT, wall_s REAL, UNIQUE(key, replication));
CREATE TABLE param(trial INTEGER NOT NULL REFERENCES trial(id), path TEXT NOT NULL, value TEXT NOT NULL,
                   PRIMARY KEY(trial, path)) WITHOUT ROWID;
CREATE TABLE metric(trial INTEGER NOT NULL REFERENCES trial(id), name TEXT NOT NULL, value REAL NOT NULL,
                    PRIMARY KEY(trial, name)) WITHOUT ROWID;
CREATE TABLE histogram(trial INTEGER NOT NULL REFERENCES trial(id), name TEXT NOT NULL, up_to REAL NOT NULL,
                       count INTEGER NOT NULL, PRIMARY KEY(trial, name, up_to)) WITHOUT ROWID;
PRAGMA application_id = 1095585875;
PRAGMA user_version = 1;
)";
static_assert(application == 1095585875);

/// Keeps other writers from a store as long as it lives. SQLite's own locks belong to the process and are gone when any
/// of its descriptors of the file is closed, so that this one is closed after SQLite's.
class writer_lock {
public:
    explicit writer_lock(const fs::path& file) : number_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
        if (number_ < 0)
            refuse(file, "cannot be written", std::generic_category().message(errno), "choose another file with -o");
        if (::flock(number_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
        ::close(number_);
        refuse(file, "is the store of a sweep that has not ended", {}, "wait for it, or choose another file with -o");
    }
    writer_lock(const writer_lock&) = delete;
    writer_lock& operator=(const writer_lock&) = delete;
    ~writer_lock() { ::close(number_); }

    [[noreturn]] static void refuse(const fs::path& file, std::string what, std::string value, std::string remedy) {
        throw scenario_error({{file.string(), 1, 1}, {}, std::move(what), std::move(value), std::move(remedy)});
    }

private:
    int number_;
};

std::int64_t number_of(const connection& c, const char* sql) {
    statement s(c, sql);
    return s.next() ? s.integer(0) : 0;
}

std::string host_text() {
    utsname name{};
    std::string out;
    if (uname(&name) == 0) out = std::string{name.sysname} + ' ' + name.release + ' ' + name.machine;
    std::ifstream cpus("/proc/cpuinfo");
    for (std::string line; std::getline(cpus, line);) {
        if (!line.starts_with("model name")) continue;
        out += ", " + line.substr(std::min(line.size(), line.find(':') + 2));
        break;
    }
    return out + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores";
}

/// Hash of texts with their lengths, so that no two lists of texts are one.
class text_hash {
public:
    void add(std::string_view text) {
        hash_.update(std::to_string(text.size()) + ':');
        hash_.update(text);
    }
    [[nodiscard]] std::string text() const { return io::digest_text(hash_.digest()); }

private:
    io::xxh64 hash_;
};

std::string csv_text(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string{text};
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? std::string{"\"\""} : std::string{c};
    return out + '"';
}

/// Refuses what would mix results of different things.
void check_same(const fs::path& file, const provenance& stored, const provenance& wanted) {
    const auto differ = [&](const char* what, const std::string& a, const std::string& b) {
        if (a != b)
            writer_lock::refuse(file, what, a + " there, " + b + " here", "write to another file, or start afresh");
    };
    differ("holds another sweep, base or seed", stored.sweep_hash, wanted.sweep_hash);
    differ("was written by another version", stored.version, wanted.version);
    // Stores of one sweep may come from machines on which the files lie elsewhere.
    const auto hashes = [](const provenance& p) {
        std::multimap<std::string, std::string> out;
        for (const input_digest& i : p.inputs) out.emplace(i.digest, i.path);
        return out;
    };
    const auto a = hashes(stored), b = hashes(wanted);
    const auto missing = [&](const auto& from, const auto& in, const char* where) {
        for (const auto& [hash, path] : from) {
            if (in.count(hash) < from.count(hash))
                writer_lock::refuse(file, "an input differs", path + ", " + hash + ' ' + where,
                                    "run all trials on the same files");
        }
    };
    missing(a, b, "there");
    missing(b, a, "here");
}

}  // namespace

provenance provenance_of(const sweep& s, std::vector<input_digest> inputs) {
    text_hash of_sweep, of_base;
    of_base.add(s.described.base_text);
    of_sweep.add(s.described.base_text);
    of_sweep.add(std::to_string(s.described.seed));
    of_sweep.add(s.described.until);
    if (s.described.warm_up) of_sweep.add("warm-up " + s.described.warm_up->text);
    for (const std::string& m : s.described.metrics) of_sweep.add(m);
    for (const variant& v : s.variants) {
        of_sweep.add(v.key);
        for (const auto& o : v.overrides) {
            of_sweep.add(o.path);
            of_sweep.add(o.value);
        }
    }
    provenance out{.sweep = s.described.name,
                   .sweep_hash = of_sweep.text(),
                   .base = s.described.base.string(),
                   .base_hash = of_base.text(),
                   .seed = s.described.seed,
                   .replications = s.described.replications,
                   .until = s.described.until,
                   .version = std::string{version},
                   .compiler = std::string{compiler},
                   .host = host_text(),
                   .inputs = std::move(inputs)};
    for (const variant& v : s.variants) out.variants.push_back(v.key);
    return out;
}

/// The connection, its lock and the statements that every trial needs.
class result_store::database {
    std::unique_ptr<writer_lock> lock_;  // made before and closed after the connection

public:
    database(const fs::path& file, int flags, bool writes)
        : lock_(writes ? std::make_unique<writer_lock>(file) : nullptr), on(file.string(), flags) {
        // A write-ahead log survives the death of the process; that of the machine may cost the last trials.
        on.run(writes ? "PRAGMA synchronous = NORMAL" : "PRAGMA query_only = 1");
    }

    [[nodiscard]] bool has_schema() const {
        return number_of(on, "PRAGMA application_id") == application &&
               number_of(on, "PRAGMA user_version") == schema_version;
    }
    [[nodiscard]] bool is_empty() const { return number_of(on, "SELECT count(*) FROM sqlite_master") == 0; }

    void make_schema(const provenance& of) const {
        on.run("PRAGMA journal_mode = WAL");
        transaction t(on);
        on.run(schema);
        statement meta(on, "INSERT INTO meta VALUES(?, ?)");
        meta.with("schema", schema_version).run();
        meta.with("seed", std::to_string(of.seed)).run();
        meta.with("replications", of.replications).run();
        const std::array<std::pair<const char*, const std::string*>, 8> texts{{{"sweep", &of.sweep},
                                                                               {"sweep_hash", &of.sweep_hash},
                                                                               {"base", &of.base},
                                                                               {"base_hash", &of.base_hash},
                                                                               {"until", &of.until},
                                                                               {"version", &of.version},
                                                                               {"compiler", &of.compiler},
                                                                               {"host", &of.host}}};
        for (const auto& [key, text] : texts) meta.with(key, *text).run();
        statement input(on, "INSERT INTO input VALUES(?, ?)");
        for (const input_digest& i : of.inputs) input.with(i.path, i.digest).run();
        statement variant(on, "INSERT INTO variant VALUES(?, ?)");
        for (std::size_t i = 0; i != of.variants.size(); ++i) variant.with(of.variants[i], std::uint64_t{i}).run();
        t.commit();
    }

    /// The statements by which trials come and go. \pre there is a schema
    struct writer {
        explicit writer(const connection& c)
            : find(c, "SELECT id, status FROM trial WHERE key = ? AND replication = ?"),
              trial(c, "INSERT INTO trial(key, replication, seed, status, error, wall_s) VALUES(?, ?, ?, ?, ?, ?)"),
              param(c, "INSERT INTO param VALUES(?, ?, ?)"),
              metric(c, "INSERT INTO metric VALUES(?, ?, ?)"),
              bin(c, "INSERT INTO histogram VALUES(?, ?, ?, ?)"),
              remove{{{c, "DELETE FROM param WHERE trial = ?"},
                      {c, "DELETE FROM metric WHERE trial = ?"},
                      {c, "DELETE FROM histogram WHERE trial = ?"},
                      {c, "DELETE FROM trial WHERE id = ?"}}} {}
        statement find, trial, param, metric, bin;
        std::array<statement, 4> remove;
    };
    writer& writing() {
        if (!writer_) writer_.emplace(on);
        return *writer_;
    }

    connection on;

private:
    std::optional<writer> writer_{};
};

result_store::result_store(std::unique_ptr<database> d) : db_(std::move(d)) {}
result_store::result_store(result_store&&) noexcept = default;
result_store& result_store::operator=(result_store&&) noexcept = default;
result_store::~result_store() = default;

result_store result_store::create(const fs::path& file, const provenance& of) {
    std::error_code status;
    if (fs::exists(file, status))
        writer_lock::refuse(file, "exists", {}, "go on with --resume, remove it, or choose another file with -o");
    return resume(file, of);
}

result_store result_store::resume(const fs::path& file, const provenance& of) {
    std::error_code status;
    if (file.has_parent_path()) fs::create_directories(file.parent_path(), status);
    if (status) writer_lock::refuse(file, "cannot be written", status.message(), "choose another file with -o");
    if (fs::is_directory(file, status)) writer_lock::refuse(file, "is a folder", {}, "choose another file with -o");
    std::unique_ptr<database> d;
    bool is_new = false;
    try {
        d = std::make_unique<database>(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, true);
        is_new = !d->has_schema();
        if (is_new && !d->is_empty()) throw data_error({{}, {}, {}, "it has other tables", {}});
    } catch (const data_error& e) {
        writer_lock::refuse(file, "is no store of a sweep", e.details().value, "choose another file with -o");
    }
    if (is_new) d->make_schema(of);
    result_store out(std::move(d));
    if (is_new) return out;
    check_same(file, out.about(), of);
    // The number of replications may grow from one call to the next.
    statement(out.db_->on, "UPDATE meta SET value = max(value, ?) WHERE key = 'replications'")
        .with(of.replications)
        .run();
    return out;
}

result_store result_store::open(const fs::path& file) {
    std::error_code status;
    const auto refuse = [&](std::string what, std::string value) {
        throw data_error({{file.string(), 1, 1},
                          {},
                          std::move(what),
                          std::move(value),
                          "give the file that `ampacity sweep` wrote"});
    };
    if (!fs::is_regular_file(file, status)) refuse("cannot be read", status ? status.message() : "not a file");
    // Whoever may not write cannot remove the log that SQLite makes for any reader.
    std::unique_ptr<database> d;
    bool good = false;
    try {
        d = std::make_unique<database>(file, SQLITE_OPEN_READWRITE, false);
        good = d->has_schema();
    } catch (const data_error& e) {
        refuse("is no store of a sweep", e.details().value);
    }
    if (!good) refuse("is no store of a sweep", {});
    return result_store(std::move(d));
}

void result_store::add(const trial_result& r, const variant& of) {
    transaction t(db_->on);
    insert(r, of);
    t.commit();
}

void result_store::add(std::span<const trial_result> results, std::span<const variant> variants) {
    if (results.empty()) return;
    transaction t(db_->on);
    for (const trial_result& r : results) insert(r, variants[r.which.variant]);
    t.commit();
}

void result_store::insert(const trial_result& r, const variant& of) {
    AMPACITY_ASSERT(r.status != trial_status::stopped);
    auto& w = db_->writing();
    if (w.find.with(of.key, r.which.replication).next()) {
        const std::int64_t id = w.find.integer(0);
        AMPACITY_ASSERT(w.find.text(1) == "failed");
        w.find.run();
        for (statement& s : w.remove) s.with(id).run();
    }
    const bool done = r.status == trial_status::done;
    w.trial
        .with(of.key, r.which.replication, r.seed, done ? "done" : "failed",
              done ? std::nullopt : std::optional{r.error}, r.wall_s)
        .run();
    const std::int64_t id = sqlite3_last_insert_rowid(db_->on.handle());
    for (const auto& [path, value] : of.parameters) w.param.with(id, path, value).run();
    for (const auto& [name, value] : r.metrics) {
        if (std::isfinite(value)) w.metric.with(id, name, value).run();
    }
    for (const histogram& h : r.histograms) {
        for (const auto& bin : h.bins) w.bin.with(id, h.name, bin.up_to, bin.count).run();
    }
}

provenance result_store::about() const {
    std::map<std::string, std::string> meta;
    for (statement s(db_->on, "SELECT key, value FROM meta"); s.next();) meta[s.text(0)] = s.text(1);
    const auto number = [&](const char* key) {
        return meta[key].empty() ? 0 : std::strtoull(meta[key].c_str(), nullptr, 10);
    };
    provenance out{.sweep = meta["sweep"],
                   .sweep_hash = meta["sweep_hash"],
                   .base = meta["base"],
                   .base_hash = meta["base_hash"],
                   .seed = number("seed"),
                   .replications = number("replications"),
                   .until = meta["until"],
                   .version = meta["version"],
                   .compiler = meta["compiler"],
                   .host = meta["host"]};
    for (statement s(db_->on, "SELECT path, hash FROM input ORDER BY path"); s.next();)
        out.inputs.push_back({s.text(0), s.text(1)});
    for (statement s(db_->on, "SELECT key FROM variant ORDER BY position"); s.next();)
        out.variants.push_back(s.text(0));
    return out;
}

std::vector<stored_trial> result_store::trials() const {
    std::vector<stored_trial> out;
    statement s(
        db_->on,
        "SELECT id, trial.key, replication, seed, status, error FROM trial JOIN variant ON variant.key = trial.key "
        "ORDER BY position, replication");
    while (s.next())
        out.push_back({.id = s.integer(0),
                       .key = s.text(1),
                       .replication = static_cast<std::uint64_t>(s.integer(2)),
                       .seed = static_cast<std::uint64_t>(s.integer(3)),
                       .done = s.text(4) == "done",
                       .error = s.text(5)});
    return out;
}

std::set<std::pair<std::string, std::uint64_t>> result_store::done() const {
    std::set<std::pair<std::string, std::uint64_t>> out;
    statement s(db_->on, "SELECT key, replication FROM trial WHERE status = 'done'");
    while (s.next()) out.emplace(s.text(0), static_cast<std::uint64_t>(s.integer(1)));
    return out;
}

std::map<std::string, std::string> result_store::parameters(std::int64_t trial) const {
    std::map<std::string, std::string> out;
    statement s(db_->on, "SELECT path, value FROM param WHERE trial = ?");
    for (s.with(trial); s.next();) out[s.text(0)] = s.text(1);
    return out;
}

std::map<std::string, double> result_store::metrics(std::int64_t trial) const {
    std::map<std::string, double> out;
    statement s(db_->on, "SELECT name, value FROM metric WHERE trial = ?");
    for (s.with(trial); s.next();) out[s.text(0)] = s.real(1);
    return out;
}

std::map<std::string, std::map<std::uint64_t, double>> result_store::values(std::string_view metric) const {
    std::map<std::string, std::map<std::uint64_t, double>> out;
    statement s(db_->on,
                "SELECT key, replication, value FROM metric JOIN trial ON trial.id = metric.trial "
                "WHERE name = ? AND status = 'done'");
    for (s.with(metric); s.next();) out[s.text(0)][static_cast<std::uint64_t>(s.integer(1))] = s.real(2);
    return out;
}

std::vector<std::string> result_store::metric_names() const {
    std::vector<std::string> out;
    for (statement s(db_->on, "SELECT DISTINCT name FROM metric ORDER BY name"); s.next();) out.push_back(s.text(0));
    return out;
}

std::optional<std::uint64_t> result_store::fewest_samples(std::string_view histogram) const {
    statement s(db_->on, "SELECT min(n) FROM (SELECT sum(count) AS n FROM histogram WHERE name = ? GROUP BY trial)");
    if (!s.with(histogram).next() || s.is_null(0)) return std::nullopt;
    return static_cast<std::uint64_t>(s.integer(0));
}

std::optional<double> result_store::mean_wall_s() const {
    statement s(db_->on, "SELECT avg(wall_s) FROM trial WHERE status = 'done'");
    if (!s.next() || s.is_null(0)) return std::nullopt;
    return s.real(0);
}

void result_store::merge(const result_store& other) {
    check_same(other.db_->on.file(), other.about(), about());
    auto& w = db_->writing();
    transaction t(db_->on);
    statement from(other.db_->on, "SELECT id, key, replication, seed, status, error, wall_s FROM trial ORDER BY id");
    statement params(other.db_->on, "SELECT path, value FROM param WHERE trial = ?");
    statement bins(other.db_->on, "SELECT name, up_to, count FROM histogram WHERE trial = ?");
    while (from.next()) {
        const std::string key = from.text(1), error = from.text(5);
        const std::int64_t replication = from.integer(2);
        const bool done = from.text(4) == "done";
        if (w.find.with(key, replication).next()) {
            const std::int64_t known = w.find.integer(0);
            const bool known_done = w.find.text(1) == "done";
            w.find.run();
            if (known_done && done && metrics(known) != other.metrics(from.integer(0)))
                writer_lock::refuse(other.db_->on.file(), "a trial has other results than in a store before",
                                    key + ", replication " + std::to_string(replication),
                                    "run it again with one version on the same files");
            if (known_done || !done) continue;
            for (statement& s : w.remove) s.with(known).run();
        }
        w.trial
            .with(key, replication, from.integer(3), done ? "done" : "failed",
                  done ? std::nullopt : std::optional{error}, from.real(6))
            .run();
        const std::int64_t id = sqlite3_last_insert_rowid(db_->on.handle());
        for (params.with(from.integer(0)); params.next();) w.param.with(id, params.text(0), params.text(1)).run();
        for (const auto& [name, value] : other.metrics(from.integer(0))) w.metric.with(id, name, value).run();
        for (bins.with(from.integer(0)); bins.next();)
            w.bin.with(id, bins.text(0), bins.real(1), bins.integer(2)).run();
    }
    t.commit();
}

void result_store::write_csv(const std::function<void(std::string_view)>& write) const {
    std::vector<std::string> paths;
    for (statement s(db_->on, "SELECT DISTINCT path FROM param ORDER BY path"); s.next();) paths.push_back(s.text(0));
    const auto names = metric_names();
    std::string row = "key,replication,seed,status,error";
    for (const std::string& p : paths) row += ',' + csv_text(p);
    for (const std::string& n : names) row += ',' + csv_text(n);
    write(row + '\n');
    for (const stored_trial& t : trials()) {
        row = csv_text(t.key) + ',' + std::to_string(t.replication) + ',' + std::to_string(t.seed) +
              (t.done ? ",done," : ",failed,") + csv_text(t.error);
        const auto parameters_of = parameters(t.id);
        for (const std::string& p : paths) {
            row += ',';
            if (const auto at = parameters_of.find(p); at != parameters_of.end()) row += csv_text(at->second);
        }
        const auto metrics_of = metrics(t.id);
        for (const std::string& n : names) {
            row += ',';
            if (const auto at = metrics_of.find(n); at != metrics_of.end()) row += fmt::format("{}", at->second);
        }
        write(row + '\n');
    }
}

}  // namespace ampacity::experiment
