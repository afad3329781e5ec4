// A thin owner of SQLite's handles. Nothing is left unchecked: a failed bind or step is an Error.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace nines::ledger {

/// A byte string, where text would be a lie.
struct Blob {
  std::string_view bytes;
};

/// A value for a column of type ANY: blob, text, or NULL when empty.
struct BlobOrText {
  std::string bytes;
  bool is_blob = false;
};

/// Turns the last failure of `db` into an Error. SQLite's own codes lose errno, so a full or
/// read-only file system behind SQLITE_IOERR and SQLITE_CANTOPEN is looked up.
/// @return kNoSpace, kCorrupt, kDenied, kBusy, kInvalidArgument (constraint), kLimit, kIo ...
Error sqlite_error(sqlite3* db, int result, std::string op);

/// One prepared statement. Not thread-safe, as its Database.
class Statement {
 public:
  /// The rows of one run. Ends the run (and its read transaction) when it goes out of scope.
  /// @pre  the Statement outlives it and is not started again meanwhile.
  class Rows {
   public:
    explicit Rows(Statement* statement) : statement_(statement) {}
    Rows(Rows&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
    Rows& operator=(Rows&&) = delete;
    ~Rows();

    /// @return true: a row is there to be read. false: no more.
    Result<bool> next();
    std::int64_t int64(int column) const;
    bool is_null(int column) const;
    /// Text or blob, byte for byte; NULL is empty.
    std::string bytes(int column) const;
    bool is_blob(int column) const;

   private:
    friend class Statement;
    Statement* statement_;
  };

  Statement() = default;

  /// Runs it to its end; for statements without rows.
  template <typename... Args>
  Status execute(const Args&... args) {
    NINES_TRY(bind_all(/*copy=*/false, args...));
    return finish();
  }
  /// Starts it; rows are read from the result.
  template <typename... Args>
  Result<Rows> query(const Args&... args) {
    NINES_TRY(bind_all(/*copy=*/true, args...));
    return Rows(this);
  }
  /// Runs it to its end with the values of a row, be it another database's.
  Status execute_with(const Rows& rows);

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  template <typename... Args>
  Status bind_all([[maybe_unused]] bool copy, const Args&... args) {
    NINES_TRY(restart(sizeof...(args)));
    int index = 0;
    Status bound;
    (void)((bound = bind(++index, args, copy), bound.has_value()) && ...);
    return bound;
  }
  Status restart(std::size_t parameters);
  Status finish();
  void reset();
  Status bind(int index, std::int64_t value, bool copy);
  Status bind(int index, std::string_view text, bool copy);
  Status bind(int index, Blob blob, bool copy);
  Status bind(int index, std::nullopt_t, bool copy);
  Status bind(int index, const BlobOrText& value, bool copy);
  Status bind(int index, std::same_as<int> auto value, bool copy) {
    return bind(index, std::int64_t{value}, copy);
  }
  Status bind(int index, std::same_as<bool> auto value, bool copy) {
    return bind(index, std::int64_t{value ? 1 : 0}, copy);
  }
  Status bind(int index, const std::string& text, bool copy) {
    return bind(index, std::string_view(text), copy);
  }
  template <typename T>
  Status bind(int index, const std::optional<T>& value, bool copy) {
    return value ? bind(index, *value, copy) : bind(index, std::nullopt, copy);
  }
  Status check(int result, const char* op) const;

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

enum class OpenMode : std::uint8_t { kReadWriteCreate, kReadOnly };

/// One connection. Used by one thread at a time.
class Database {
 public:
  /// Opens without reading: a file that is no database is found at the first statement.
  /// New files get mode 0640.
  /// @errors kDenied, kNotFound (the directory, or the file for kReadOnly), kNoSpace, kIo.
  static Result<Database> open(const std::string& path, OpenMode mode);

  /// Runs one or more statements without parameters.
  Status execute(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);
  /// First column of the first row of `sql`. @errors kNotFound: no row.
  Result<std::int64_t> value(std::string_view sql);

  /// Whether the close of the last connection moves the log into the database. At first not.
  void set_checkpoint_on_close(bool wanted);

  std::int64_t changes() const;         ///< rows altered by the last statement
  std::int64_t last_insert_id() const;  ///< rowid of the last INSERT
  bool in_transaction() const;
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  std::unique_ptr<sqlite3, Close> db_;
  std::string path_;
};

/// BEGIN IMMEDIATE ... COMMIT; rolled back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Database* database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace nines::ledger
