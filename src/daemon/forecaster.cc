#include "daemon/forecaster.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "ledger/cause.h"
#include "policy/same_crash.h"

namespace nines::daemon {
namespace {

// At most this much of one CPU goes into measuring: 1 part in so many.
constexpr int kShare = 500;
// What is measured before the loop has a turn again.
constexpr Nanoseconds kSlice = std::chrono::milliseconds(1);
// Units that are due shortly after one another are looked at together: one wake-up for all.
constexpr Nanoseconds kTogether = std::chrono::milliseconds(500);
constexpr std::size_t kSignatureDigits = 8;
constexpr Nanoseconds kRetry = std::chrono::seconds(30);
constexpr Nanoseconds kLongestRetry = std::chrono::minutes(10);

/// A failure counts where it becomes known with its cause.
bool tells_of_failure(const ledger::Event& event) {
  const bool ended_well = event.severity == ledger::Severity::kInfo;
  return (event.kind == "unit.exit" && !ended_well) || event.kind == ledger::kDumpedKind ||
         event.kind == "unit.watchdog" || event.kind == "unit.unhealthy";
}

/// Equal for the same crash: "crash:SEGV [8cfc0546] null dereference in main()".
std::string crash_cause(const ledger::Event& event) {
  const ledger::Cause cause = ledger::classify(event);
  if (cause.kind == ledger::CauseClass::kUnknown) return "crash";  // it could not be kept
  const auto detail = nlohmann::json::parse(event.detail_json, nullptr, false);
  const std::string signature =
      detail.is_object() ? detail.value("signature", std::string()) : std::string();
  std::string text = ledger::to_string(cause);
  if (signature.empty()) return text;
  const std::string mark = " [" + signature.substr(0, kSignatureDigits) + "]";
  const auto colon = text.find(": ");
  if (colon == std::string::npos) return text + mark;
  return text.replace(colon, 1, mark);
}

/// What the book of signatures foretells once a crash was looked at.
std::optional<policy::Forecast> same_again(const ledger::Event& event) {
  const auto detail = nlohmann::json::parse(event.detail_json, nullptr, false);
  if (!detail.is_object()) return std::nullopt;
  const auto first = parse_iso8601(detail.value("first_seen", std::string()));
  if (!first) return std::nullopt;
  const std::string same = detail.value("same", std::string());
  std::uint64_t count = 0;
  std::from_chars(same.data(), same.data() + same.size(), count);
  return policy::expect_again(count, *first, event.time, crash_cause(event));
}

std::vector<std::uint64_t> inodes_of(const std::vector<int>& sockets) {
  std::vector<std::uint64_t> inodes;
  for (const int socket : sockets) {
    struct stat status{};
    if (::fstat(socket, &status) == 0) inodes.push_back(status.st_ino);
  }
  return inodes;
}

}  // namespace

Forecaster::Forecaster(sys::EventLoop& loop, supervise::Manager& manager, ledger::EventSink& events)
    : loop_(loop), manager_(manager), events_(events) {}

Forecaster::~Forecaster() {
  manager_.set_check_listener({});
}

void Forecaster::start() {
  manager_.set_check_listener(
      [this](const std::string& unit, Nanoseconds latency) { on_check(unit, latency); });
  for (const auto& [name, entry] : manager_.units()) {
    if (entry->service && entry->service->is_active()) watch(name);
  }
}

void Forecaster::on_event(const ledger::Event& event) {
  if (event.subject.empty() || event.kind.starts_with("predict.")) return;
  if (event.kind == "unit.ready") return watch(event.subject);
  const auto found = units_.find(event.subject);
  if (found == units_.end()) return;
  if (tells_of_failure(event)) on_failure(event);
  if (event.kind.starts_with("crash.") && !event.caused_by.empty()) on_crash_looked_at(event);
}

void Forecaster::count_failure(const std::string& unit, const std::string& cause, BootTime when) {
  const auto found = units_.find(unit);
  if (found == units_.end()) return;
  if (const auto foretold = found->second.failed(cause, when)) on_forecast(unit, *foretold);
}

void Forecaster::on_failure(const ledger::Event& event) {
  const ledger::Cause cause = ledger::classify(event);
  if (cause.kind == ledger::CauseClass::kCrash) {
    const std::string& end = event.kind == ledger::kDumpedKind ? event.caused_by : event.id;
    if (looks_at_ && looks_at_(end)) return;
    // What was found out may come before the exit status does.
    const auto counted = counted_.find(event.subject);
    if (counted != counted_.end() && counted->second == end) return;
  }
  count_failure(event.subject, ledger::to_string(cause), event.since_boot);
}

void Forecaster::on_crash_looked_at(const ledger::Event& event) {
  if (auto forecast = same_again(event)) {
    on_forecast(event.subject, {std::move(*forecast), false});
  }
  // That counted when we had it crash.
  if (ledger::classify(event).kind == ledger::CauseClass::kWatchdog) return;
  counted_[event.subject] = event.caused_by;
  count_failure(event.subject, crash_cause(event), event.since_boot);
}

void Forecaster::watch(const std::string& unit) {
  const supervise::UnitEntry* entry = manager_.find(unit);
  if (entry == nullptr || !entry->service) return;
  if (entry->service->spec().service.type == unit::ServiceType::kOneshot) return;
  const auto at = units_.try_emplace(unit).first;
  WatchedUnit& watched = at->second;
  const bool was_watched = watched.serving();
  watched.begin(entry->service->state().invocation_id);
  retries_.erase(unit);
  if (was_watched) drop_due(at);
  add_due(boot_now() + watched.next_in(), at);
  arm();
}

void Forecaster::add_due(BootTime at, Units::iterator unit) {
  due_.push_back({at, unit});
  std::push_heap(due_.begin(), due_.end());
}

void Forecaster::drop_due(Units::iterator unit) {
  std::erase_if(due_, [&](const Due& due) { return due.unit == unit; });
  std::make_heap(due_.begin(), due_.end());
}

/// Of a unit that is no more.
void Forecaster::forget(Units::iterator unit) {
  drop_due(unit);
  retries_.erase(unit->first);
  counted_.erase(unit->first);
  units_.erase(unit);
}

void Forecaster::arm() {
  if (due_.empty()) {
    timer_.reset();
    return;
  }
  const BootTime at = std::max(due_.front().at, not_before_);
  timer_ = loop_.after(std::max(at - boot_now(), Nanoseconds(0)), [this] { measure_due(); });
}

void Forecaster::measure_due() {
  const BootTime began = boot_now();
  BootTime now = began;
  while (!due_.empty() && due_.front().at <= began + kTogether && now - began < kSlice) {
    const Units::iterator unit = due_.front().unit;
    std::pop_heap(due_.begin(), due_.end());
    due_.pop_back();
    measure(unit, now);
    now = boot_now();
  }
  not_before_ = now + (now - began) * kShare;
  arm();
}

void Forecaster::measure(Units::iterator at, BootTime now) {
  const std::string& unit = at->first;
  WatchedUnit& watched = at->second;
  const supervise::UnitEntry* entry = manager_.find(unit);
  if (entry == nullptr) return forget(at);
  const bool runs = entry->service && entry->service->is_active() && entry->service->main_pid() > 0;
  // Its next unit.ready begins anew.
  if (!runs) return watched.end();
  const supervise::Service& service = *entry->service;
  usage::Measured measured;
  measured.main = service.main_process();
  measured.processes = service.processes();
  measured.cgroups = service.cgroup_directories();
  measured.held_sockets = inodes_of(manager_.held_sockets(service));
  const usage::Measurement measurement = usage::measure(measured, now, host_, watched.cache());
  for (const Foretold& foretold : watched.take(measurement.usages, now)) {
    on_forecast(unit, foretold);
  }
  add_due(now + watched.next_in(), at);
}

void Forecaster::on_check(const std::string& unit, Nanoseconds latency) {
  const auto found = units_.find(unit);
  const supervise::UnitEntry* entry = manager_.find(unit);
  if (found == units_.end() || entry == nullptr || !entry->service) return;
  const auto& check = entry->service->spec().nines.health_check;
  if (!check) return;
  if (const auto foretold = found->second.answered(latency, check->timeout, boot_now())) {
    on_forecast(unit, *foretold);
  }
}

void Forecaster::on_forecast(const std::string& unit, const Foretold& foretold) {
  const policy::Forecast& forecast = foretold.forecast;
  std::string& warning = units_[unit].warning_for(forecast);
  // The urgent one of an episode that was warned of is no second warning.
  const bool said = forecast.urgent && !warning.empty();
  if (!said) {
    ledger::Event event = warning_of(forecast, unit);
    warning = event.id;
    events_.emit(std::move(event));
  }
  const std::string id = warning;
  // Nothing more is said in this episode; the next one has a warning of its own.
  if (forecast.urgent) warning.clear();
  const supervise::UnitEntry* entry = manager_.find(unit);
  if (entry == nullptr || !entry->service) return;
  switch (entry->service->spec().nines.on_predicted) {
    case unit::OnPredicted::kWarn: return;
    case unit::OnPredicted::kCommand:
      // At once: what it does may take its time.
      if (!said) prevent(unit, forecast, id, kRetry);
      return;
    case unit::OnPredicted::kRejuvenate:
      // A slow answer has no limit that comes nearer.
      if (foretold.replacing_helps &&
          (forecast.urgent || forecast.predictor == policy::Predictor::kLatency)) {
        prevent(unit, forecast, id, kRetry);
      }
  }
}

bool Forecaster::serves(const std::string& unit, const Id128& instance) const {
  const supervise::UnitEntry* entry = manager_.find(unit);
  return entry != nullptr && entry->service && entry->service->is_active() &&
         entry->service->state().invocation_id == instance;
}

void Forecaster::prevent(const std::string& unit, const policy::Forecast& forecast,
                         const std::string& warning, Nanoseconds retry_in) {
  // From the loop: a measurement, or somebody's event, is under way.
  loop_.post([this, unit, forecast, warning, retry_in] {
    const auto watched = units_.find(unit);
    if (watched == units_.end()) return;
    const Id128 instance = watched->second.instance();
    manager_.on_predicted(
        unit, warning, environment_of(forecast, unit),
        [this, unit, forecast, warning, retry_in, instance](const Status& status) {
          // It could not be replaced, and the limit comes nearer: again, unless it is another
          // process by then, or none.
          if (status || !serves(unit, instance)) return;
          retries_[unit] =
              loop_.after(retry_in, [this, unit, instance, forecast, warning, retry_in] {
                if (!serves(unit, instance)) return;
                prevent(unit, forecast, warning, std::min(retry_in * 2, kLongestRetry));
              });
        });
  });
}

}  // namespace nines::daemon
