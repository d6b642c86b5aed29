#pragma once
/// \file
/// SQLite with types: a connection and its prepared statements. One thread at a time.

#include <ampacity/core/error.hpp>

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ampacity::experiment {

/// A connection; faults are thrown as the message of SQLite, with the file.
class connection {
public:
    connection(std::string file, int flags) : file_(std::move(file)) {
        sqlite3* handle = nullptr;
        // One thread at a time has a connection, so that SQLite need not lock it at every step.
        const int status = sqlite3_open_v2(file_.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
        handle_.reset(handle);
        if (status != SQLITE_OK) fail("cannot be opened");
        sqlite3_busy_timeout(handle, 10'000);
    }

    [[nodiscard]] sqlite3* handle() const noexcept { return handle_.get(); }
    [[nodiscard]] const std::string& file() const noexcept { return file_; }

    void run(const char* sql) const {
        if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail("cannot be used");
    }

    [[noreturn]] void fail(const char* what) const {
        throw data_error({{file_, 1, 1},
                          {},
                          what,
                          handle_ != nullptr ? sqlite3_errmsg(handle_.get()) : "out of memory",
                          "check the file, its folder and the space left there"});
    }

private:
    struct closer {
        void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
    };
    std::string file_;
    std::unique_ptr<sqlite3, closer> handle_;
};

/// A statement with its values; binds from 1, reads columns from 0.
class statement {
public:
    statement(const connection& to, const char* sql) : to_(to) {
        sqlite3_stmt* handle = nullptr;
        if (sqlite3_prepare_v2(to.handle(), sql, -1, &handle, nullptr) != SQLITE_OK) to.fail("cannot be used");
        handle_.reset(handle);
    }

    template <class... Values>
    statement& with(const Values&... values) {
        sqlite3_reset(handle_.get());
        int at = 0;
        (bind(++at, values), ...);
        return *this;
    }

    /// The next row; false at the end.
    bool next() {
        const int status = sqlite3_step(handle_.get());
        if (status != SQLITE_ROW && status != SQLITE_DONE) {
            sqlite3_reset(handle_.get());
            to_.fail("cannot be used");
        }
        return status == SQLITE_ROW;
    }

    /// To its end, for what has no rows.
    void run() {
        while (next()) {
        }
        sqlite3_reset(handle_.get());
    }

    [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }
    [[nodiscard]] double real(int column) const { return sqlite3_column_double(handle_.get(), column); }
    [[nodiscard]] bool is_null(int column) const { return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL; }
    [[nodiscard]] std::string text(int column) const {
        const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
        if (bytes == nullptr) return {};
        return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
    }

private:
    struct closer {
        void operator()(sqlite3_stmt* handle) const noexcept { sqlite3_finalize(handle); }
    };

    void bind(int at, std::int64_t value) { sqlite3_bind_int64(handle_.get(), at, value); }
    void bind(int at, std::uint64_t value) { sqlite3_bind_int64(handle_.get(), at, static_cast<std::int64_t>(value)); }
    void bind(int at, double value) { sqlite3_bind_double(handle_.get(), at, value); }
    void bind(int at, std::string_view value) {
        sqlite3_bind_text(handle_.get(), at, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
    }
    void bind(int at, const std::string& value) { bind(at, std::string_view{value}); }
    void bind(int at, const char* value) { bind(at, std::string_view{value}); }
    template <class T>
    void bind(int at, const std::optional<T>& value) {
        if (value)
            bind(at, *value);
        else
            sqlite3_bind_null(handle_.get(), at);
    }

    const connection& to_;
    std::unique_ptr<sqlite3_stmt, closer> handle_;
};

/// All or nothing: rolls back unless `commit` was called.
class transaction {
public:
    explicit transaction(const connection& on) : on_(on) { on_.run("BEGIN IMMEDIATE"); }
    transaction(const transaction&) = delete;
    transaction& operator=(const transaction&) = delete;
    ~transaction() {
        if (!committed_) sqlite3_exec(on_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
    void commit() {
        on_.run("COMMIT");
        committed_ = true;
    }

private:
    const connection& on_;
    bool committed_ = false;
};

}  // namespace ampacity::experiment
