#include "cli/surroundings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "api/client.h"
#include "api/codec.h"
#include "api/runtime_dir.h"
#include "app/unit/loader.h"
#include "ledger/reader.h"
#include "sys/file.h"
#include "sys/own_program.h"

namespace nines::cli {
namespace {

/// Enough for the common case, little enough to be read in milliseconds.
constexpr std::size_t kNewest = 1000;

/// The last failure tells more than the good check after it.
bool tells_more(const ledger::Event& one, const ledger::Event& other) {
  const auto bad = [](const ledger::Event& event) {
    return event.severity != ledger::Severity::kInfo;
  };
  return bad(one) != bad(other) ? bad(one) : one.time > other.time;
}

void remember(Surroundings& seen, ledger::Event event) {
  const auto found = seen.last.find(event.cell);
  if (found != seen.last.end() && tells_more(found->second, event)) return;
  seen.last.insert_or_assign(event.cell, std::move(event));
}

Status ask_daemon(const std::string& runtime_dir, Surroundings& seen) {
  NINES_ASSIGN(api::Client client, api::Client::connect(api::api_socket_path(runtime_dir)));
  NINES_ASSIGN(const std::string status, client.call(api::GetStatus{}));
  NINES_ASSIGN(seen.daemon, api::decode_daemon(status));
  NINES_ASSIGN(const std::string units, client.call(api::ListUnits{}));
  NINES_ASSIGN(seen.units, api::decode_units(units));
  api::GetEvents newest;
  newest.filter.limit = kNewest;
  NINES_ASSIGN(const std::string events, client.call(newest));
  NINES_ASSIGN(std::vector<ledger::Event> decoded, api::decode_events(events));
  for (ledger::Event& event : decoded) remember(seen, std::move(event));
  return {};
}

/// Where a unit's files are searched: first where the daemon found this one.
std::vector<std::string> search_path_of(const api::UnitStatus& unit) {
  std::vector<std::string> path;
  if (!unit.files.empty())
    path.push_back(unit.files.front().substr(0, unit.files.front().rfind('/')));
  for (std::string& directory : unit::default_search_path(::geteuid() != 0)) {
    path.push_back(std::move(directory));
  }
  return path;
}

bool is_service(const std::string& name) {
  return name.ends_with(".service");
}

void read_facts_of_units(Surroundings& seen) {
  for (const api::UnitStatus& unit : seen.units) {
    if (is_service(unit.name)) {
      seen.facts.push_back(matrix::nines_unit(unit.name, search_path_of(unit)));
    }
  }
}

void read_kept_units(Surroundings& seen) {
  const std::string path = api::default_state_dir() + "/kept.json";
  const auto text = sys::read_file(path, 1_MiB);
  if (!text && text.error().code() == ErrorCode::kNotFound) return;
  if (!text) {
    seen.units_unknown = path + " is not readable";
    return;
  }
  const auto names = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!names.is_array()) {
    seen.units_unknown = path + " is corrupt";
    return;
  }
  const auto search_path = unit::default_search_path(::geteuid() != 0);
  for (const auto& name : names) {
    if (!name.is_string() || !is_service(name.get<std::string>())) continue;
    seen.facts.push_back(matrix::nines_unit(name.get<std::string>(), search_path));
  }
}

Status read_ledger(Surroundings& seen) {
  NINES_ASSIGN(ledger::Reader reader,
               ledger::Reader::open(api::default_state_dir() + "/ledger.db"));
  ledger::EventFilter newest;
  newest.limit = kNewest;
  NINES_ASSIGN(std::vector<ledger::StoredEvent> events, reader.events(newest));
  for (ledger::StoredEvent& stored : events) remember(seen, std::move(stored.event));
  return {};
}

Surroundings look(const std::string& runtime_dir) {
  Surroundings seen;
  if (const Status asked = ask_daemon(runtime_dir, seen); asked) {
    read_facts_of_units(seen);
    return seen;
  } else {
    seen = {};
    seen.no_daemon = asked.error();
  }
  if (seen.no_daemon->code() == ErrorCode::kDenied)
    seen.units_unknown = "the daemon refuses this user";
  read_kept_units(seen);
  if (const Status read = read_ledger(seen); !read) {
    const bool none = read.error().code() == ErrorCode::kNotFound;
    seen.events_unknown = none ? "no ledger here yet" : read.error().message();
  }
  return seen;
}

}  // namespace

Surroundings look_around(const std::string& runtime_dir, std::chrono::milliseconds patience) {
  // A thread of its own, left behind when it is late: the client waits for its daemon for ever, and
  // this program ends soon. It holds nothing of ours.
  auto promise = std::make_shared<std::promise<Surroundings>>();
  std::future<Surroundings> future = promise->get_future();
  std::thread([promise, runtime_dir] { promise->set_value(look(runtime_dir)); }).detach();
  if (future.wait_for(patience) == std::future_status::ready) return future.get();
  Surroundings seen;
  const std::string late = fmt::format("no answer within {}", to_human(patience));
  seen.no_daemon = Error(ErrorCode::kTimeout, "ask the daemon").with_detail(late);
  seen.units_unknown = "the daemon gives " + late;
  seen.events_unknown = "the daemon gives " + late;
  return seen;
}

std::string updates_helper() {
  const auto self = sys::own_program();
  if (!self) return "";
  std::string helper = sys::beside(*self, "nines-updates");
  return sys::exists(helper) ? helper : "";
}

}  // namespace nines::cli
