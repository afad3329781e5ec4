#include "app/updates/security_updates.h"

#include <nlohmann/json.hpp>

namespace nines::updates {
namespace {

using Json = nlohmann::json;

std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t integer(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

}  // namespace

std::string encode(const PendingUpdates& updates) {
  Json document{
      {"installed", updates.installed}, {"indexes", Json::array()}, {"pending", Json::array()}};
  for (const SecurityIndex& index : updates.indexes) {
    document["indexes"].push_back({{"archive", index.archive},
                                   {"published_ns", index.published.ns},
                                   {"fetched_ns", index.fetched.ns},
                                   {"packages", index.packages}});
  }
  for (const PendingUpdate& pending : updates.pending) {
    document["pending"].push_back({{"package", pending.package},
                                   {"installed", pending.installed},
                                   {"candidate", pending.candidate},
                                   {"archive", pending.archive},
                                   {"held", pending.held}});
  }
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<PendingUpdates> decode(std::string_view bytes) {
  const Json document = Json::parse(bytes, nullptr, false);
  if (!document.is_object() || !document.contains("indexes") || !document.contains("pending") ||
      !document["indexes"].is_array() || !document["pending"].is_array()) {
    return Error(ErrorCode::kCorrupt, "decode pending updates");
  }
  PendingUpdates updates;
  updates.installed = static_cast<std::size_t>(integer(document, "installed"));
  for (const Json& entry : document["indexes"]) {
    updates.indexes.push_back({text(entry, "archive"), UtcTime{integer(entry, "published_ns")},
                               UtcTime{integer(entry, "fetched_ns")},
                               static_cast<std::size_t>(integer(entry, "packages"))});
  }
  for (const Json& entry : document["pending"]) {
    const auto held = entry.find("held");
    updates.pending.push_back({text(entry, "package"), text(entry, "installed"),
                               text(entry, "candidate"), text(entry, "archive"),
                               held != entry.end() && held->is_boolean() && held->get<bool>()});
  }
  return updates;
}

}  // namespace nines::updates
