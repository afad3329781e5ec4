#include "daemon/core_hook.h"

#include "app/crash/hook.h"

namespace nines::daemon {

Result<std::string> put_hook_in_place(const std::string& state_dir) {
  const auto record = crash::read_hook_record(state_dir);
  if (!record && record.error().code() == ErrorCode::kNotFound) return std::string();
  if (!record) return record.error();
  NINES_ASSIGN(const std::string now, crash::read_pattern());
  if (now == record->installed) return std::string();
  if (now != record->former) {
    return Error(ErrorCode::kExists, "set core_pattern")
        .with_detail("somebody has changed it to " + now)
        .with_hint("nines crash setup takes it over, nines crash setup --undo leaves it");
  }
  NINES_TRY(crash::write_pattern(record->installed));
  return "core_pattern is " + record->installed + " as long as this daemon runs";
}

Status lift_hook(const std::string& state_dir) {
  const auto record = crash::read_hook_record(state_dir);
  if (!record) return {};
  NINES_ASSIGN(const std::string now, crash::read_pattern());
  if (now != record->installed || !now.starts_with('@')) return {};
  return crash::write_pattern(record->former);
}

}  // namespace nines::daemon
