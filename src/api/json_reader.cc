#include "api/json_reader.h"

#include <algorithm>

#include "api/limits.h"

namespace nines::api {
namespace {

/// Whether brackets outside of strings nest deeper than kMaxJsonDepth: asked before the parser
/// builds a tree, so that a body of nothing but '[' costs nothing.
bool too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<Json> parse_object(std::string_view text, std::string_view what, ErrorCode code) {
  const auto bad = [&](std::string detail) {
    return Error(code, "decode", std::string(what)).with_detail(std::move(detail));
  };
  if (too_deep(text)) return bad("JSON is nested too deep");
  Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return bad("is not JSON");
  if (!parsed.is_object()) return bad("is not a JSON object");
  return parsed;
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void JsonReader::refuse_unknown() {
  if (!object_.is_object()) return;
  for (const auto& item : object_.items()) {
    if (std::find(known_.begin(), known_.end(), item.key()) == known_.end()) {
      fail(item.key(), "is not a field of this request");
    }
  }
}

Status JsonReader::finish() const {
  if (error_.empty()) return {};
  return Error(code_, "decode", what_).with_detail(error_);
}

bool JsonReader::read(const Json& value, bool& out) {
  if (!value.is_boolean()) return false;
  out = value.get<bool>();
  return true;
}

bool JsonReader::read(const Json& value, std::string& out) {
  if (!value.is_string()) return false;
  out = value.get_ref<const std::string&>();
  return true;
}

bool JsonReader::read(const Json& value, double& out) {
  if (!value.is_number()) return false;
  out = value.get<double>();
  return std::isfinite(out);
}

bool JsonReader::read(const Json& value, std::vector<std::string>& out) {
  if (!value.is_array()) return false;
  std::vector<std::string> texts;
  for (const Json& element : value) {
    if (!element.is_string()) return false;
    texts.push_back(element.get_ref<const std::string&>());
  }
  out = std::move(texts);
  return true;
}

}  // namespace nines::api
