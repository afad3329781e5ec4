#include "cli/ledger_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include "api/runtime_dir.h"

namespace nines::cli {

std::string ledger_file(const Context& context, const std::string& given) {
  if (!given.empty()) return given;
  std::string link = api::ledger_link_path(context.runtime_dir);
  return ::access(link.c_str(), F_OK) == 0 ? link : api::default_ledger_path();
}

Error explain_ledger(const Error& error, const std::string& path) {
  const auto advised = [&](std::string hint) {
    Error copy = error;
    // Some say no more than what SQLite does: not which file.
    if (error.message().find(path) == std::string::npos) copy = Error(error).in(path);
    return Error(std::move(copy)).with_hint(std::move(hint));
  };
  switch (error.code()) {
    case ErrorCode::kNotFound:
      return advised("ninesd writes it once it runs; another one is read with --ledger FILE");
    case ErrorCode::kDenied: return advised("run it with sudo, or start ninesd and ask that");
    case ErrorCode::kCorrupt:
      return advised(
          fmt::format("nines ledger check --ledger {} says what is wrong; nines ledger "
                      "repair saves what can be read, once ninesd is stopped",
                      path));
    default: return error;
  }
}

}  // namespace nines::cli
