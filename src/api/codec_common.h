// Shared by the codec_*.cc files: lists, times and the version stamp.
#pragma once

#include <fmt/format.h>

#include "api/codec.h"
#include "api/json_reader.h"

namespace nines::api {

/// The enumerator of the ledger whose to_string is `text`.
template <typename Enum, int Count>
std::optional<Enum> enum_from(std::string_view text) {
  for (int i = 0; i < Count; ++i) {
    if (ledger::to_string(static_cast<Enum>(i)) == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

Json event_to_json(const ledger::Event& event);
Result<ledger::Event> event_from_json(const Json& json);

inline void put_time(Json& json, const std::string& key, UtcTime time) {
  json[key] = to_iso8601(time);
  json[key + "_ns"] = time.ns;
}

template <typename T>
void put_known(Json& json, const char* key, const std::optional<T>& value) {
  if (value) json[key] = *value;
}

inline std::string stamped(Json json) {
  json["api"] = kVersion;
  return dump(json);
}

template <typename T>
Json list_of(const std::vector<T>& values, Json (*to_json)(const T&)) {
  Json list = Json::array();
  for (const T& value : values) list.push_back(to_json(value));
  return list;
}

/// @param json  the list, or nullptr: it is missing.
template <typename T>
Result<std::vector<T>> list_from(const Json* json, const char* what,
                                 Result<T> (*from_json)(const Json&)) {
  if (json == nullptr || !json->is_array()) {
    return Error(ErrorCode::kCorrupt, "decode", what).with_detail("no such list");
  }
  std::vector<T> values;
  for (const Json& element : *json) {
    NINES_ASSIGN(T value, from_json(element));
    values.push_back(std::move(value));
  }
  return values;
}

template <typename T>
std::string stamped_list(const char* key, const std::vector<T>& values, Json (*to_json)(const T&)) {
  return stamped(Json{{key, list_of(values, to_json)}});
}

/// Parses a document and checks its version.
inline Result<Json> parse_document(std::string_view text, std::string_view what) {
  NINES_ASSIGN(Json json, parse_object(text, what, ErrorCode::kCorrupt));
  int version = 0;
  JsonReader reader(json, what, ErrorCode::kCorrupt);
  reader.need("api", version);
  NINES_TRY(reader.finish());
  if (version != kVersion) {
    return Error(ErrorCode::kUnsupported, "decode", std::string(what))
        .with_detail(fmt::format("api version {}, {} expected", version, kVersion))
        .with_hint("the command line and the daemon are of different releases: update the older");
  }
  return json;
}

template <typename T>
Result<T> decode_document(std::string_view text, const char* what,
                          Result<T> (*from_json)(const Json&)) {
  NINES_ASSIGN(const Json json, parse_document(text, what));
  return from_json(json);
}

template <typename T>
Result<std::vector<T>> decode_list(std::string_view text, const char* key,
                                   Result<T> (*from_json)(const Json&)) {
  NINES_ASSIGN(const Json json, parse_document(text, key));
  const auto list = json.find(key);
  return list_from(list == json.end() ? nullptr : &*list, key, from_json);
}

}  // namespace nines::api
