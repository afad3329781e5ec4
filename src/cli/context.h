// What every verb has at hand.
#pragma once

#include <ostream>
#include <string>

#include "api/client.h"
#include "base/result.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace nines::cli {

struct Context {
  std::string runtime_dir;
  bool json = false;
  Terminal terminal;
  std::ostream& out;
  std::ostream& err;
  Terminal err_terminal = {};  ///< what `err` is
};

/// Prints an error and its hint (with --json, as JSON) to `err`.
/// @return the exit code that goes with it.
ExitCode report(const Context& context, const Error& error);

/// A client, or the exit code after the reason why there is none was printed.
tl::expected<api::Client, ExitCode> reach_daemon(const Context& context);

/// Names the unit that was meant, where an error says that there is none of that name.
/// @param client  asked for the names of its units.
/// @return the error, with a hint more if one is near.
Error with_nearest_unit(api::Client& client, const Error& error, const std::string& name);

/// What a daemon that cannot be reached means: kDenied, or kUnreachable with how to start it.
/// @param error  from api::Client::connect.
Error explain_unreachable(const Context& context, const Error& error);

}  // namespace nines::cli
