#include "ledger/export.h"

#include <map>

#include "ledger/event_json.h"
#include "ledger/host_identity.h"
#include "ledger/reader_rows.h"
#include "ledger/schema.h"

namespace nines::ledger {
namespace {

class Exporter {
 public:
  Exporter(Database* database, const std::function<bool(const std::string&)>& line)
      : database_(database), line_(line) {}

  Result<Exported> run() {
    NINES_TRY(database_->execute("BEGIN"));
    NINES_ASSIGN(
        const auto boots,
        read_all<HostIdentity>(database_,
                               "SELECT b.boot_id, h.machine, h.name FROM boots b JOIN hosts h ON "
                               "h.id = b.host",
                               [](const auto& rows) {
                                 return HostIdentity{rows.bytes(1), rows.bytes(2), rows.bytes(0)};
                               }));
    for (const HostIdentity& boot : boots) boots_[boot.boot_id] = boot;
    exported_.boots = boots.size();
    NINES_TRY(each(kEventColumns + std::string("ORDER BY e.seq"), [this](const auto& rows) {
      const StoredEvent stored = read_event(rows);
      ++exported_.events;
      return say(stored.boot_id, to_json_text(stored.event));
    }));
    // Open ones last: what is closed must not have to find its place beside them.
    NINES_TRY(
        each(kIntervalColumns + std::string("ORDER BY i.duration_ns IS NULL, i.start_ns, i.seq"),
             [this](const auto& rows) {
               const StoredInterval stored = read_interval(rows);
               ++exported_.intervals;
               return say(stored.boot_id, to_json_text(stored.interval));
             }));
    NINES_TRY(database_->execute("COMMIT"));
    return exported_;
  }

 private:
  template <typename Each>
  Status each(const std::string& sql, Each one) {
    NINES_ASSIGN(Statement statement, database_->prepare(sql));
    NINES_ASSIGN(auto rows, statement.query());
    for (;;) {
      NINES_ASSIGN(const bool more, rows.next());
      if (!more || !one(rows)) return {};
    }
  }

  bool say(const std::string& boot, const std::string& text) {
    if (boot != said_boot_) {
      said_boot_ = boot;
      HostIdentity told = boots_[boot];
      told.boot_id = told_boot_id(boot, told.machine_id);
      if (!line_(to_json_text(told))) return false;
    }
    return line_(text);
  }

  Database* database_;
  const std::function<bool(const std::string&)>& line_;
  std::map<std::string, HostIdentity> boots_;
  std::string said_boot_;
  Exported exported_;
};

}  // namespace

Result<Exported> export_ledger(const std::string& path,
                               const std::function<bool(const std::string& line)>& line) {
  NINES_ASSIGN(Database database, Database::open(path, OpenMode::kReadOnly));
  NINES_TRY(check_version(&database));
  return Exporter(&database, line).run();
}

}  // namespace nines::ledger
