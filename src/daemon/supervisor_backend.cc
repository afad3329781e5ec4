#include "daemon/supervisor_backend.h"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <set>

#include "api/version.h"
#include "app/supervise/log_file.h"
#include "daemon/event_history.h"
#include "daemon/unit_status.h"
#include "ledger/reader.h"
#include "sys/features.h"
#include "sys/procfs.h"

namespace nines::daemon {
namespace {

constexpr std::size_t kRecentEvents = 256;
constexpr std::size_t kUnitsWithAvailability = 200;
// The loop waits for it, once.
constexpr Nanoseconds kCommit = std::chrono::milliseconds(500);
constexpr Nanoseconds kDay = std::chrono::hours(24);

class HookSubscription final : public sys::Subscription::Impl {
 public:
  explicit HookSubscription(std::function<void()> undo) : undo_(std::move(undo)) {}
  ~HookSubscription() override { undo_(); }

 private:
  std::function<void()> undo_;
};

class LogHook final : public sys::Subscription::Impl {
 public:
  explicit LogHook(supervise::LogSubscription subscription)
      : subscription_(std::move(subscription)) {}

 private:
  supervise::LogSubscription subscription_;
};

supervise::Manager::Verb to_manager(api::Verb verb) {
  using To = supervise::Manager::Verb;
  switch (verb) {
    case api::Verb::kStart: return To::kStart;
    case api::Verb::kStop: return To::kStop;
    case api::Verb::kRestart: return To::kRestart;
    case api::Verb::kReload: return To::kReload;
    case api::Verb::kKeep: return To::kKeep;
    case api::Verb::kUnkeep: return To::kUnkeep;
    case api::Verb::kResetFailed: return To::kResetFailed;
    case api::Verb::kRejuvenate: return To::kRejuvenate;
  }
  return To::kStart;
}

std::string message_for(api::Verb verb, Nanoseconds took, bool was_active) {
  switch (verb) {
    case api::Verb::kStart:
    case api::Verb::kKeep: return was_active ? "already running" : "ready after " + to_human(took);
    case api::Verb::kRestart: return "ready after " + to_human(took);
    case api::Verb::kStop: return "stopped after " + to_human(took);
    case api::Verb::kReload: return "reloaded after " + to_human(took);
    case api::Verb::kUnkeep: return "not started any more with the daemon";
    case api::Verb::kResetFailed: return "forgotten";
    case api::Verb::kRejuvenate: return "replaced after " + to_human(took);
  }
  return {};
}

/// As `nines why` counts: no earlier than the unit was first ready.
std::optional<double> last_day(ledger::Reader& reader, const std::string& unit, UtcTime now) {
  UtcTime from{now.ns - kDay.count()};
  if (const auto first = reader.first_seen(unit); first && *first) from = std::max(from, **first);
  if (from >= now) return std::nullopt;
  const auto up = reader.availability(unit, from, now, now);
  return up ? std::optional(up->up_fraction) : std::nullopt;
}

std::vector<std::string> warnings_of(const supervise::UnitEntry* entry) {
  std::vector<std::string> warnings;
  if (entry == nullptr) return warnings;
  for (const unit::Diagnostic& diagnostic : entry->diagnostics) {
    if (diagnostic.level == unit::DiagnosticLevel::kInfo) continue;
    warnings.push_back(
        fmt::format("{}:{}: {}", diagnostic.file, diagnostic.line, diagnostic.message));
  }
  return warnings;
}

}  // namespace

/// Distributes events on the loop's thread, and remembers the newest.
struct SupervisorBackend::EventHub {
  std::deque<ledger::Event> recent;
  std::map<int, std::function<void(const ledger::Event&)>> listeners;
  int next = 0;

  void take(const ledger::Event& event) {
    recent.push_back(event);
    if (recent.size() > kRecentEvents) recent.pop_front();
    // A listener may end itself, or another, while it is called.
    std::vector<int> ids;
    for (const auto& [id, call] : listeners) ids.push_back(id);
    for (const int id : ids) {
      if (const auto found = listeners.find(id); found != listeners.end()) {
        const auto call = found->second;
        call(event);
      }
    }
  }
};

SupervisorBackend::SupervisorBackend(sys::EventLoop& loop, supervise::Manager& manager,
                                     ledger::LedgerWriter& ledger, DaemonFacts facts)
    : loop_(loop),
      manager_(manager),
      ledger_(ledger),
      facts_(std::move(facts)),
      instance_(ledger::new_id()),
      hub_(std::make_shared<EventHub>()) {
  ledger_.set_observer([this, hub = hub_](const ledger::Event& event) {
    loop_.post([hub, event] { hub->take(event); });
  });
}

SupervisorBackend::~SupervisorBackend() {
  ledger_.set_observer(nullptr);
}

api::DaemonStatus SupervisorBackend::status() {
  api::DaemonStatus out;
  out.version = api::kProductVersion;
  out.instance = instance_;
  out.pid = ::getpid();
  out.keeper_pid = facts_.keeper_pid;
  out.started = facts_.started;
  out.uptime = Nanoseconds(utc_now().ns - facts_.started.ns);
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  out.host = host.data();
  if (const auto boot = sys::Procfs().boot_id()) out.boot_id = *boot;
  out.runtime_dir = facts_.runtime_dir;
  const ledger::LedgerHealth health = ledger_.health();
  out.ledger_ok = !health.degraded;
  out.ledger_detail = health.text;
  out.cgroup_mode = manager_.cgroups().describe();
  for (const sys::Feature& feature : sys::probe_features()) {
    out.features.push_back({feature.name, feature.available,
                            feature.detail.empty() ? feature.used_for : feature.detail});
  }
  out.units = manager_.units().size();
  return out;
}

std::vector<api::UnitStatus> SupervisorBackend::units() {
  std::vector<api::UnitStatus> result;
  const bool with_availability = manager_.units().size() <= kUnitsWithAvailability;
  auto reader = with_availability ? ledger::Reader::open(facts_.database)
                                  : Result<ledger::Reader>(Error(ErrorCode::kLimit, "read ledger"));
  for (const auto& [name, entry] : manager_.units()) {
    result.push_back(describe_unit(*entry));
    if (!reader || !entry->service) continue;
    const UtcTime now = utc_now();
    result.back().availability_24h = last_day(*reader, name, now);
  }
  return result;
}

Result<api::UnitStatus> SupervisorBackend::unit(const std::string& name) {
  const supervise::UnitEntry* entry = manager_.find(name);
  if (entry == nullptr) {
    NINES_ASSIGN(entry, manager_.load(name));
  }
  api::UnitStatus out = describe_unit(*entry);
  if (auto reader = ledger::Reader::open(facts_.database); reader && entry->service) {
    const UtcTime now = utc_now();
    out.availability_24h = last_day(*reader, entry->unit->name, now);
  }
  return out;
}

void SupervisorBackend::act(api::Verb verb, const std::vector<std::string>& names,
                            const api::ActOptions& options, Done done) {
  if (options.no_block) {
    manager_.act(to_manager(verb), names, [](const supervise::Manager::Results&) {});
    std::vector<api::UnitResult> results;
    for (const std::string& name : names) {
      results.push_back({name, std::nullopt, "queued", warnings_of(manager_.find(name))});
    }
    done(std::move(results));
    return;
  }
  const BootTime began = boot_now();
  std::set<std::string> active_before;
  for (const std::string& name : names) {
    const supervise::UnitEntry* entry = manager_.find(name);
    if (entry != nullptr && entry->is_active()) active_before.insert(entry->unit->name);
  }
  manager_.act(to_manager(verb), names,
               [this, verb, began, active_before, done = std::move(done)](auto results) {
                 std::vector<api::UnitResult> answers;
                 for (auto& [name, status] : results) {
                   api::UnitResult& answer = answers.emplace_back();
                   answer.unit = name;
                   if (!status) {
                     answer.error = api::ErrorBody::from(status.error());
                     continue;
                   }
                   answer.message =
                       message_for(verb, boot_now() - began, active_before.contains(name));
                   if (verb == api::Verb::kStart || verb == api::Verb::kKeep) {
                     answer.warnings = warnings_of(manager_.find(name));
                   }
                 }
                 done(std::move(answers));
               });
}

Result<std::vector<std::string>> SupervisorBackend::load(const std::string& name,
                                                         const std::string& text) {
  NINES_TRY(manager_.define_transient(name, text));
  return warnings_of(manager_.find(name));
}

Result<std::vector<api::LogLine>> SupervisorBackend::logs(const std::string& name,
                                                          std::size_t lines) {
  const supervise::UnitEntry* entry = manager_.find(name);
  if (entry == nullptr) {
    NINES_ASSIGN(entry, manager_.load(name));
  }
  std::vector<api::LogLine> result;
  if (!entry->service) return result;
  if (entry->service->log() != nullptr) entry->service->log()->drain();
  const auto text = supervise::tail_log(entry->service->log_path(), lines);
  if (!text) {
    if (text.error().code() == ErrorCode::kNotFound) return result;  // it has printed nothing yet
    return text.error();
  }
  for (const std::string& line : *text) result.push_back(parse_log_line(line));
  return result;
}

Result<sys::Subscription> SupervisorBackend::subscribe_logs(
    const std::string& name, std::function<void(const api::LogLine&)> on_line) {
  const supervise::UnitEntry* entry = manager_.find(name);
  if (entry == nullptr || !entry->service)
    return Error(ErrorCode::kNotFound, "follow log of", name);
  NINES_ASSIGN(supervise::LogCapture * log, entry->service->open_log());
  return sys::Subscription(std::make_unique<LogHook>(log->subscribe(
      [on_line = std::move(on_line)](std::string_view line) { on_line(parse_log_line(line)); })));
}

Result<std::vector<ledger::Event>> SupervisorBackend::events(const api::EventFilter& filter) {
  api::EventFilter full = filter;
  if (const supervise::UnitEntry* entry = manager_.find(filter.unit)) full.unit = entry->unit->name;
  // What came before the hub was there, of us and of a predecessor that was killed, may wait for
  // its commit still; after it nobody misses any of it.
  if (!committed_since_start_) committed_since_start_ = ledger_.flush(kCommit).has_value();
  return event_history(facts_.database, hub_->recent, full);
}

sys::Subscription SupervisorBackend::subscribe_events(
    std::function<void(const ledger::Event&)> on_event) {
  const int id = hub_->next++;
  hub_->listeners[id] = std::move(on_event);
  return sys::Subscription(
      std::make_unique<HookSubscription>([hub = hub_, id] { hub->listeners.erase(id); }));
}

Result<std::function<void()>> SupervisorBackend::prepare_reexec() {
  return facts_.reexec;
}

}  // namespace nines::daemon
