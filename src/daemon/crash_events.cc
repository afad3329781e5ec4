// CrashCatcher: what the ledger is told.

#include <fmt/format.h>
#include <signal.h>
#include <string.h>  // NOLINT(modernize-deprecated-headers): sigabbrev_np is not in <cstring>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/crash/crash_store.h"
#include "daemon/crash_catcher.h"
#include "sys/file.h"

namespace nines::daemon {
namespace {

using nlohmann::json;

constexpr const char* kOutOfMemory = "killed by the kernel: out of memory";
constexpr Nanoseconds kRejectedEvery = std::chrono::seconds(1);

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name != nullptr ? name : std::to_string(number);
}

/// What it says of itself, if nines-crash was killed when all was done.
std::optional<crash::Outcome> outcome_in(const std::string& directory) {
  const auto text = sys::read_file(directory + "/capture.json", Bytes{crash::kMaxOutcome});
  return text ? crash::decode_outcome(*text) : std::nullopt;
}

/// It may have been killed before it could say how the whole core ended.
void look_for_whole_core(const std::string& directory, const std::string& how_it_ended,
                         crash::Outcome* outcome) {
  if (outcome->core_reason != crash::kUnfinishedCore) return;
  struct stat info{};
  const std::string path = directory + "/" + std::string(crash::kWholeCore);
  if (::lstat(path.c_str(), &info) != 0) {
    outcome->core_reason += ": " + how_it_ended;
    return;
  }
  outcome->core = crash::kCoreFull;
  outcome->core_reason.clear();
  outcome->core_packed.count = static_cast<std::uint64_t>(info.st_size);
}

json detail_of(const crash::Outcome& outcome) {
  json detail = {{"program", outcome.program},
                 {"signal", signal_name(outcome.signal)},
                 {"threads", std::to_string(outcome.threads)},
                 {"memory_bytes", std::to_string(outcome.memory.count)},
                 {"took_us", std::to_string(outcome.took.count() / 1000)}};
  if (!outcome.kind.empty()) {
    detail["what"] = outcome.kind;
    detail["summary"] = outcome.summary;
    detail["function"] = outcome.function;
    detail["signature"] = outcome.signature;
    detail["same"] = std::to_string(outcome.same);
    if (outcome.same > 0) detail["first_seen"] = to_iso8601(outcome.first_seen);
  }
  if (!outcome.core.empty()) detail["core"] = outcome.core;
  if (!outcome.core_reason.empty()) detail["core_reason"] = outcome.core_reason;
  if (outcome.core == crash::kCoreFull) {
    detail["core_bytes"] = std::to_string(outcome.core_packed.count);
    detail["core_size"] = std::to_string(outcome.core_size.count);
    detail["held_us"] = std::to_string(outcome.held.count() / 1000);
  }
  if (outcome.cores_removed > 0) {
    detail["older_cores_removed"] = std::to_string(outcome.cores_removed);
  }
  if (!outcome.by_owner) detail["for"] = "root alone: it had changed its privileges";
  if (!outcome.note.empty()) detail["note"] = outcome.note;
  if (outcome.removed > 0) detail["older_removed"] = std::to_string(outcome.removed);
  return detail;
}

}  // namespace

void CrashCatcher::finish(const std::string& id, const std::string& how_it_ended) {
  const auto read = records_.read(id);
  if (!read) {
    CrashOrigin unknown;
    unknown.id = id;
    fail(unknown, read.error().message());
    return;
  }
  const CrashOrigin& origin = read->origin;
  const std::string directory = places_.store + "/" + id;
  auto outcome = read->outcome;
  if (!outcome) outcome = outcome_in(directory);
  if (outcome && !outcome->passed_to.empty()) {
    const json detail = {{"id", id},
                         {"pid", std::to_string(origin.pid)},
                         {"program", outcome->program},
                         {"signal", signal_name(outcome->signal)},
                         {"to", outcome->passed_to}};
    emit(origin, outcome->program, "crash.passed", ledger::Severity::kInfo, detail.dump());
    records_.remove(id);
    return;
  }
  if (outcome && outcome->error.empty()) {
    look_for_whole_core(directory, how_it_ended, &*outcome);
    json detail = detail_of(*outcome);
    detail["id"] = id;
    detail["pid"] = std::to_string(origin.pid);
    detail["directory"] = directory;
    tell_unit(origin, *outcome);
    emit(origin, outcome->program, "crash.captured", ledger::Severity::kInfo, detail.dump());
  } else {
    fail(origin, outcome && !outcome->error.empty() ? outcome->error : how_it_ended);
  }
  records_.remove(id);
}

void CrashCatcher::tell_unit(const CrashOrigin& origin, const crash::Outcome& outcome) {
  if (origin.unit.empty() || origin.cause.empty() || outcome.signature.empty()) return;
  if (origin.gone && !origin.gone->oom.empty()) {
    manager_.on_diagnosed(origin.unit, {outcome.signature, kOutOfMemory, origin.since_boot});
    return;
  }
  std::string words = outcome.kind;
  std::replace(words.begin(), words.end(), '-', ' ');
  manager_.on_diagnosed(origin.unit,
                        {outcome.signature,
                         fmt::format("SIG{}: {}{}{}", signal_name(outcome.signal), words,
                                     outcome.function.empty() ? "" : " in ", outcome.function),
                         origin.since_boot});
}

void CrashCatcher::fail(const CrashOrigin& origin, const std::string& why) {
  const json detail = {{"id", origin.id}, {"pid", std::to_string(origin.pid)}, {"error", why}};
  emit(origin, {}, "crash.failed", ledger::Severity::kWarning,
       detail.dump(-1, ' ', false, json::error_handler_t::replace));
}

void CrashCatcher::reject(const std::string& unit) {
  ++rejected_[unit];
  // At once for the first, then together: a storm of crashes is not to be one of events.
  if (!rejected_timer_) tell_rejected();
}

void CrashCatcher::tell_rejected() {
  rejected_timer_.reset();
  if (rejected_.empty()) return;
  for (const auto& [unit, count] : std::exchange(rejected_, {})) {
    CrashOrigin origin;
    origin.id = ledger::new_id();
    origin.unit = unit;
    const json detail = {
        {"count", std::to_string(count)},
        {"at_once", std::to_string(kAtOnce)},
        {"waiting", std::to_string(kWaiting)},
        {"error", "too many crashes at a time; these were let go without being kept"}};
    emit(origin, {}, "crash.rejected", ledger::Severity::kError, detail.dump());
  }
  rejected_timer_ = loop_.after(kRejectedEvery, [this] { tell_rejected(); });
}

void CrashCatcher::emit(const CrashOrigin& origin, const std::string& program, std::string kind,
                        ledger::Severity severity, std::string detail_json) {
  ledger::Event event;
  // The same again after a worker was killed in between is written once.
  event.id = origin.id + "-" + kind;
  event.time = utc_now();
  event.since_boot = boot_now();
  event.kind = std::move(kind);
  event.subject = origin.unit.empty() ? program : origin.unit;
  event.severity = severity;
  event.detail_json = std::move(detail_json);
  event.caused_by = origin.cause;
  events_.emit(std::move(event));
}

}  // namespace nines::daemon
