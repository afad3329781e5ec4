#include "cli/why_source.h"

#include <unistd.h>

#include "api/codec.h"
#include "api/runtime_dir.h"
#include "cli/ledger_file.h"
#ifdef NINES_WITH_UNIT_CHECK
#include "api/unit_facts.h"
#include "app/unit/loader.h"
#endif

namespace nines::cli {
namespace {

std::string full_name(const std::string& unit) {
  const bool whole =
      unit.empty() || unit == ledger::kHostUnit || unit.find('.') != std::string::npos;
  return whole ? unit : unit + ".service";
}

#ifdef NINES_WITH_UNIT_CHECK
/// What the unit's file says, read here since there is no daemon to ask.
void ask_unit_files(ledger::WhyQuery* query) {
  unit::LoadContext load;
  load.user_mode = ::geteuid() != 0;
  load.search_path = unit::default_search_path(load.user_mode);
  query->target = [load](const std::string& name) -> std::optional<double> {
    const auto loaded = unit::load_unit(name, load);
    return loaded ? api::target_of(*loaded->unit) : std::nullopt;
  };
  query->facts = [load](const std::string& name) {
    const auto loaded = unit::load_unit(name, load);
    if (!loaded) return ledger::UnitFacts{};
    const std::string socket = name.substr(0, name.rfind('.')) + ".socket";
    return api::facts_of(*loaded->unit, unit::load_unit(socket, load).has_value());
  };
}
#else
void ask_unit_files(ledger::WhyQuery*) {}
#endif

Result<ledger::WhyReport> report_from_file(const std::string& file, const api::GetWhy& get) {
  NINES_ASSIGN(ledger::Reader reader, open_ledger(file));
  ledger::WhyQuery query;
  query.unit = full_name(get.unit);
  query.to = utc_now();
  query.from =
      get.since.value_or(UtcTime{query.to.ns - Nanoseconds(api::kDefaultWhyWindow).count()});
  ask_unit_files(&query);
  return reader.why(query);
}

}  // namespace

Result<ledger::Reader> open_ledger(const std::string& file) {
  auto reader = ledger::Reader::open(file);
  if (!reader) return explain_ledger(reader.error(), file);
  return reader;
}

std::optional<api::Client> daemon_if_any(const Context& context, const std::string& ledger) {
  if (!ledger.empty()) return std::nullopt;
  auto client = api::Client::connect(api::api_socket_path(context.runtime_dir));
  return client ? std::optional<api::Client>(std::move(*client)) : std::nullopt;
}

Result<ledger::WhyReport> fetch_report(const Context& context, const std::string& ledger,
                                       const api::GetWhy& get) {
  if (auto client = daemon_if_any(context, ledger)) {
    NINES_ASSIGN(const std::string body, client->call(get));
    return api::decode_why(body);
  }
  return report_from_file(ledger_file(context, ledger), get);
}

}  // namespace nines::cli
