#include "api/types.h"

#include <array>

#include "api/limits.h"

namespace nines::api {
namespace {

template <typename Enum, std::size_t N>
std::optional<Enum> find_name(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 8> kUnitStates = {
    "stopped",  "starting", "running",         "reloading",
    "stopping", "failed",   "waiting-restart", "condition-failed"};
constexpr std::array<std::string_view, 3> kLoadStates = {"loaded", "not-found", "bad"};
constexpr std::array<std::string_view, 3> kHealths = {"unknown", "ok", "failing"};

}  // namespace

std::string_view to_string(UnitState state) {
  return kUnitStates[static_cast<std::size_t>(state)];
}
std::optional<UnitState> unit_state_from(std::string_view text) {
  return find_name<UnitState>(kUnitStates, text);
}

std::string_view to_string(LoadState state) {
  return kLoadStates[static_cast<std::size_t>(state)];
}
std::optional<LoadState> load_state_from(std::string_view text) {
  return find_name<LoadState>(kLoadStates, text);
}

std::string_view to_string(Health health) {
  return kHealths[static_cast<std::size_t>(health)];
}
std::optional<Health> health_from(std::string_view text) {
  return find_name<Health>(kHealths, text);
}

ErrorBody ErrorBody::from(const Error& error) {
  return ErrorBody{error.code(), error.message(), error.hint()};
}

Error ErrorBody::to_error() const {
  return Error(code, "")
      .with_detail(message.empty() ? std::string(to_string(code)) : message)
      .with_hint(hint);
}

std::optional<ErrorCode> error_code_from(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    if (to_string(code) == text) return code;
  }
  return std::nullopt;
}

bool valid_unit_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxUnitName) return false;
  // "." and ".." are made of allowed characters, but name directories.
  if (name == "." || name == "..") return false;
  return name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
             ":-_.\\@") == std::string_view::npos;
}

}  // namespace nines::api
