// Result<T>: a value or an Error, which cannot be ignored.
#pragma once

#include <tl/expected.hpp>
#include <utility>

#include "base/error.h"

namespace nines {

/// A `T` or an Error. Compiles with -Werror=unused-result, so a dropped one does not build.
template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(Error error)  // NOLINT(google-explicit-constructor): `return Error(...)` is the idiom
      : tl::expected<T, Error>(tl::unexpect, std::move(error)) {}

  /// Adds to a failure what the caller was doing; a success passes through.
  Result in(std::string_view context) && {
    if (this->has_value()) return std::move(*this);
    return Result(std::move(this->error()).in(context));
  }
};

using Status = Result<void>;

}  // namespace nines

/// Evaluates an expression of type Result; returns its Error from the enclosing function.
#define NINES_TRY(expr)                                      \
  do {                                                       \
    if (auto nines_try_result = (expr); !nines_try_result) { \
      return std::move(nines_try_result.error());            \
    }                                                        \
  } while (false)

#define NINES_CONCAT_INNER(a, b) a##b
#define NINES_CONCAT(a, b) NINES_CONCAT_INNER(a, b)

/// `NINES_ASSIGN(auto fd, open_it());`: declares or assigns the value, or returns the Error.
#define NINES_ASSIGN(lhs, expr) NINES_ASSIGN_INNER(NINES_CONCAT(nines_assign_, __LINE__), lhs, expr)
#define NINES_ASSIGN_INNER(temporary, lhs, expr)       \
  auto temporary = (expr);                             \
  if (!temporary) return std::move(temporary.error()); \
  lhs = std::move(*temporary)
