#include <nlohmann/json.hpp>

#include "api/codec.h"
#include "api/types.h"
#include "api/version.h"
#include "cli/matrix_view.h"

namespace nines::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json finding_object(const matrix::Finding& finding) {
  return {{"source", finding.source},          {"said", finding.said},
          {"state", to_string(finding.state)}, {"weight", to_string(finding.weight)},
          {"reason", finding.reason},          {"advice", finding.advice}};
}

Json cell_object(const matrix::CellReport& cell, const LastEvents& last) {
  Json object{{"cell", to_string(cell.cell)},
              {"verdict", to_string(cell.verdict)},
              {"why", cell.why},
              {"next", cell.next},
              {"last_event", nullptr},
              {"findings", Json::array()}};
  if (const auto event = last.find(cell.cell); event != last.end()) {
    object["last_event"] = Json::parse(api::encode(event->second), nullptr, false);
  }
  for (const matrix::Finding& finding : cell.findings) {
    object["findings"].push_back(finding_object(finding));
  }
  return object;
}

Json or_null(std::string_view text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

}  // namespace

std::string matrix_json(const matrix::Matrix& matrix, const LastEvents& last,
                        std::string_view events_unknown, std::string_view daemon_unknown,
                        Nanoseconds elapsed) {
  const matrix::Machine& machine = matrix.machine;
  Json document{{"api", api::kVersion},
                {"container", machine.container},
                {"virtual_machine", machine.virtual_machine},
                {"hypervisor", or_null(machine.hypervisor)},
                {"daemon_unknown", or_null(daemon_unknown)},
                {"events_unknown", or_null(events_unknown)},
                {"elapsed_ms", static_cast<double>(elapsed.count()) / 1e6},
                {"cells", Json::array()}};
  for (const matrix::CellReport& cell : matrix.cells) {
    document["cells"].push_back(cell_object(cell, last));
  }
  return dump(document);
}

std::string cell_json(const matrix::CellReport& cell, const LastEvents& last) {
  Json document = cell_object(cell, last);
  document["api"] = api::kVersion;
  return dump(document);
}

}  // namespace nines::cli
