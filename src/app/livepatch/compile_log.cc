#include "app/livepatch/compile_log.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/id128.h"
#include "sys/file.h"

namespace nines::livepatch {
namespace {

using nlohmann::json;

constexpr std::string_view kSuffix = ".json";

/// Named so that they sort by the time they were made.
Status note(const std::string& directory, const json& what) {
  const std::string path = directory + "/" + Id128::make().str() + std::string(kSuffix);
  return sys::replace_file(path, what.dump(-1, ' ', false, json::error_handler_t::replace), 0600);
}

std::string text_in(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace

Status note_compiled(const std::string& directory, const Compiled& compiled) {
  return note(directory, {{"source", compiled.source},
                          {"output", compiled.output},
                          {"exact", compiled.exact},
                          {"object", compiled.object},
                          {"lineless", compiled.lineless}});
}
Status note_linked(const std::string& directory, const std::string& output) {
  return note(directory, {{"linked", output}});
}
Status note_failed(const std::string& directory, const std::string& what) {
  return note(directory, {{"failed", what}});
}

Result<CompileLog> read_compile_log(const std::string& directory) {
  NINES_ASSIGN(const auto names, sys::list_directory(directory));
  CompileLog log;
  std::map<std::pair<std::string, std::string>, Compiled> last;
  for (const std::string& name : names) {
    if (!name.ends_with(kSuffix)) continue;
    NINES_ASSIGN(const std::string text, sys::read_file(directory + "/" + name));
    const json entry = json::parse(text, nullptr, false);
    if (!entry.is_object()) {
      return Error(ErrorCode::kCorrupt, "read", directory + "/" + name);
    }
    if (entry.contains("linked")) {
      log.linked.push_back(text_in(entry, "linked"));
    } else if (entry.contains("failed")) {
      log.failed.push_back(text_in(entry, "failed"));
    } else {
      Compiled one{text_in(entry, "source"), text_in(entry, "output"), text_in(entry, "exact"),
                   text_in(entry, "object"), text_in(entry, "lineless")};
      last[{one.source, one.output}] = std::move(one);
    }
  }
  for (auto& [key, one] : last) log.compiled.push_back(std::move(one));
  return log;
}

}  // namespace nines::livepatch
