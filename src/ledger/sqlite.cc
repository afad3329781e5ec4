#include "ledger/sqlite.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>

#include "sys/file.h"

namespace nines::ledger {
namespace {

constexpr int kBusyTimeoutMs = 250;

ErrorCode code_of(int result, int system_errno) {
  switch (result & 0xff) {
    case SQLITE_FULL: return ErrorCode::kNoSpace;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ErrorCode::kCorrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ErrorCode::kBusy;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return ErrorCode::kDenied;
    case SQLITE_CONSTRAINT: return ErrorCode::kInvalidArgument;
    case SQLITE_TOOBIG:
    case SQLITE_NOMEM: return ErrorCode::kLimit;
    case SQLITE_INTERRUPT: return ErrorCode::kCancelled;
    case SQLITE_IOERR:
      if (result == SQLITE_IOERR_CORRUPTFS) return ErrorCode::kCorrupt;
      [[fallthrough]];
    case SQLITE_CANTOPEN: {
      if (system_errno == 0) {
        return (result & 0xff) == SQLITE_IOERR ? ErrorCode::kIo : ErrorCode::kDenied;
      }
      const ErrorCode code = error_code_from_errno(system_errno);
      if (code == ErrorCode::kNoSpace || code == ErrorCode::kLimit) return code;
      return (result & 0xff) == SQLITE_IOERR ? ErrorCode::kIo : ErrorCode::kDenied;
    }
    default: return ErrorCode::kInternal;
  }
}

}  // namespace

Error sqlite_error(sqlite3* db, int result, std::string op) {
  const int system_errno = db == nullptr ? 0 : sqlite3_system_errno(db);
  const char* path = db == nullptr ? nullptr : sqlite3_db_filename(db, "main");
  const std::string why = db == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(db);
  const ErrorCode code = code_of(result, system_errno);
  return Error(code, std::move(op), path == nullptr ? "" : path)
      .with_detail(fmt::format("{} (SQLite {})", why, result));
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  // Repeats the error of the last step, which has been reported there.
  (void)sqlite3_finalize(statement);
}

Status Statement::check(int result, const char* op) const {
  if (result == SQLITE_OK) return {};
  return sqlite_error(sqlite3_db_handle(statement_.get()), result, op);
}

Status Statement::restart(std::size_t parameters) {
  if (statement_ == nullptr) return Error(ErrorCode::kInternal, "run statement", "not prepared");
  reset();
  const int wanted = sqlite3_bind_parameter_count(statement_.get());
  if (static_cast<std::size_t>(wanted) != parameters) {
    return Error(ErrorCode::kInternal, "bind", sqlite3_sql(statement_.get()))
        .with_detail(fmt::format("{} values for {} parameters", parameters, wanted));
  }
  return {};
}

void Statement::reset() {
  // Repeats the error of the last step, which has been reported there.
  (void)sqlite3_reset(statement_.get());
}

Status Statement::finish() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_DONE || result == SQLITE_ROW) {
    reset();
    return {};
  }
  Error error = sqlite_error(sqlite3_db_handle(statement_.get()), result, "write");
  reset();
  return error;
}

Status Statement::bind(int index, std::int64_t value, bool) {
  return check(sqlite3_bind_int64(statement_.get(), index, value), "bind");
}

Status Statement::bind(int index, std::string_view text, bool copy) {
  // An empty view may have no address, which SQLite would take for NULL.
  const char* data = text.data() == nullptr ? "" : text.data();
  return check(sqlite3_bind_text64(statement_.get(), index, data, text.size(),
                                   copy ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8),
               "bind");
}

Status Statement::bind(int index, Blob blob, bool copy) {
  const char* data = blob.bytes.data() == nullptr ? "" : blob.bytes.data();
  return check(sqlite3_bind_blob64(statement_.get(), index, data, blob.bytes.size(),
                                   copy ? SQLITE_TRANSIENT : SQLITE_STATIC),
               "bind");
}

Status Statement::bind(int index, std::nullopt_t, bool) {
  return check(sqlite3_bind_null(statement_.get(), index), "bind");
}

Status Statement::bind(int index, const BlobOrText& value, bool copy) {
  if (value.bytes.empty()) return bind(index, std::nullopt, copy);
  if (value.is_blob) return bind(index, Blob{value.bytes}, copy);
  return bind(index, std::string_view(value.bytes), copy);
}

Status Statement::execute_with(const Rows& rows) {
  sqlite3_stmt* from = rows.statement_->statement_.get();
  const int columns = sqlite3_column_count(from);
  NINES_TRY(restart(static_cast<std::size_t>(columns)));
  for (int i = 0; i < columns; ++i) {
    NINES_TRY(
        check(sqlite3_bind_value(statement_.get(), i + 1, sqlite3_column_value(from, i)), "bind"));
  }
  return finish();
}

Statement::Rows::~Rows() {
  if (statement_ != nullptr) statement_->reset();
}

Result<bool> Statement::Rows::next() {
  const int result = sqlite3_step(statement_->statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return sqlite_error(sqlite3_db_handle(statement_->statement_.get()), result, "read");
}

std::int64_t Statement::Rows::int64(int column) const {
  return sqlite3_column_int64(statement_->statement_.get(), column);
}

bool Statement::Rows::is_null(int column) const {
  return sqlite3_column_type(statement_->statement_.get(), column) == SQLITE_NULL;
}

bool Statement::Rows::is_blob(int column) const {
  return sqlite3_column_type(statement_->statement_.get(), column) == SQLITE_BLOB;
}

std::string Statement::Rows::bytes(int column) const {
  sqlite3_stmt* statement = statement_->statement_.get();
  // The pointer first, then its size: the order that SQLite asks for.
  const void* data = sqlite3_column_blob(statement, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

void Database::Close::operator()(sqlite3* db) const {
  // _v2 never refuses.
  (void)sqlite3_close_v2(db);
}

Result<Database> Database::open(const std::string& path, OpenMode mode) {
  const bool write = mode == OpenMode::kReadWriteCreate;
  if (write) {
    // Made here and not by SQLite: the mode, which -wal and -shm inherit, and a true errno.
    NINES_TRY(sys::open_file(path, O_RDWR | O_CREAT, 0640));
  } else if (!sys::exists(path)) {
    return Error::from_errno(ENOENT, "open ledger", path);
  }
  sqlite3* raw = nullptr;
  const int flags = (write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX |
                    SQLITE_OPEN_EXRESCODE;
  const int result = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Database database;
  database.db_.reset(raw);  // set even after a failure
  database.path_ = path;
  if (result != SQLITE_OK) return sqlite_error(raw, result, "open ledger");
  (void)sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  // A damaged or forged schema must not make us run its triggers and functions.
  (void)sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  (void)sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // The close of a damaged database must neither alter it further nor delete its log.
  database.set_checkpoint_on_close(false);
  return database;
}

void Database::set_checkpoint_on_close(bool wanted) {
  (void)sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, wanted ? 0 : 1, nullptr);
}

Status Database::execute(const std::string& sql) {
  const int result = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result == SQLITE_OK) return {};
  return sqlite_error(db_.get(), result, "write");
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int result = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (result != SQLITE_OK) return sqlite_error(db_.get(), result, "prepare");
  return Statement(raw);
}

Result<std::int64_t> Database::value(std::string_view sql) {
  NINES_ASSIGN(Statement statement, prepare(sql));
  NINES_ASSIGN(auto rows, statement.query());
  NINES_ASSIGN(const bool found, rows.next());
  if (!found) return Error(ErrorCode::kNotFound, "read", std::string(sql));
  return rows.int64(0);
}

std::int64_t Database::changes() const {
  return sqlite3_changes64(db_.get());
}
std::int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(db_.get());
}
bool Database::in_transaction() const {
  return sqlite3_get_autocommit(db_.get()) == 0;
}

Result<Transaction> Transaction::begin(Database* database) {
  NINES_TRY(database->execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ == nullptr || !database_->in_transaction()) return;
  // A failed rollback leaves nothing to do: the journal is undone at the next open.
  (void)database_->execute("ROLLBACK").has_value();
}

Status Transaction::commit() {
  NINES_TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace nines::ledger
