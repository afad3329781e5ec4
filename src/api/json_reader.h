// Reads fields out of a JSON object and keeps the first thing that is wrong with it, so that a
// decoder is a list of fields and not a ladder of checks.
#pragma once

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace nines::api {

using Json = nlohmann::json;

/// Parses a JSON object. @errors `code`: not JSON, not an object, nested deeper than kMaxJsonDepth.
Result<Json> parse_object(std::string_view text, std::string_view what, ErrorCode code);

/// Serializes; bytes that are not UTF-8 become U+FFFD, because JSON has no word for them.
std::string dump(const Json& value);

class JsonReader {
 public:
  /// @pre `object` outlives the reader. What is not an object reads as an error.
  JsonReader(const Json& object, std::string_view what, ErrorCode code)
      : object_(object), what_(what), code_(code) {
    if (!object.is_object()) fail("", "is not an object");
  }

  /// Reads a field that must be there.
  template <typename T>
  void need(const char* key, T& out) {
    if (const Json* value = find(key)) {
      if (!read(*value, out)) fail(key, "has the wrong type or is out of range");
    } else {
      fail(key, "is missing");
    }
  }

  /// Reads a field that may be absent or null; `out` then stays as it is.
  template <typename T>
  void maybe(const char* key, T& out) {
    const Json* value = find(key);
    if (value == nullptr || value->is_null()) return;
    if (!read(*value, out)) fail(key, "has the wrong type or is out of range");
  }

  /// A word of an enumeration, through its `from` function.
  template <typename T>
  void word(const char* key, T& out, std::optional<T> (*from)(std::string_view)) {
    std::string text;
    need(key, text);
    if (const auto value = from(text)) {
      out = *value;
    } else {
      fail(key, "'" + text + "' is not one of its words");
    }
  }

  const Json* find(const char* key) {
    known_.emplace_back(key);
    if (!object_.is_object()) return nullptr;
    const auto it = object_.find(key);
    return it == object_.end() ? nullptr : &*it;
  }

  void fail(std::string_view key, std::string_view why) {
    if (!error_.empty()) return;
    error_ = key.empty() ? std::string(why) : "'" + std::string(key) + "' " + std::string(why);
  }

  /// Refuses fields that nobody asked for: a mistyped option must not be silently ignored.
  void refuse_unknown();

  /// @return the first error, if any.
  Status finish() const;

 private:
  static bool read(const Json& value, bool& out);
  static bool read(const Json& value, std::string& out);
  static bool read(const Json& value, double& out);
  static bool read(const Json& value, std::vector<std::string>& out);
  template <typename T>
    requires std::is_integral_v<T>
  static bool read(const Json& value, T& out) {
    if (value.is_number_unsigned()) {
      const auto number = value.get<std::uint64_t>();
      if (number > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return false;
      out = static_cast<T>(number);
      return true;
    }
    if (!value.is_number_integer()) return false;
    const auto number = value.get<std::int64_t>();
    if (number < 0 && std::is_unsigned_v<T>) return false;
    if (number < static_cast<std::int64_t>(std::numeric_limits<T>::min())) return false;
    out = static_cast<T>(number);
    return true;
  }
  template <typename T>
  static bool read(const Json& value, std::optional<T>& out) {
    T inner{};
    if (!read(value, inner)) return false;
    out = std::move(inner);
    return true;
  }
  static bool read(const Json& value, UtcTime& out) { return read(value, out.ns); }
  static bool read(const Json& value, Nanoseconds& out) {
    std::int64_t ns = 0;
    if (!read(value, ns)) return false;
    out = Nanoseconds(ns);
    return true;
  }

  const Json& object_;
  std::string what_;
  ErrorCode code_;
  std::vector<std::string> known_;
  std::string error_;
};

}  // namespace nines::api
