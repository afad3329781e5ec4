#include "cli/context.h"

#include <fmt/format.h>

#include "api/codec.h"
#include "api/runtime_dir.h"
#include "cli/suggest.h"
#include "cli/text_width.h"

namespace nines::cli {

ExitCode report(const Context& context, const Error& error) {
  if (context.json) {
    context.err << api::encode(api::ErrorBody::from(error)) << '\n';
  } else {
    context.err << "nines: " << printable(error.message()) << '\n';
    if (!error.hint().empty()) context.err << "  hint: " << printable(error.hint()) << '\n';
  }
  return exit_code_for(error.code());
}

Error with_nearest_unit(api::Client& client, const Error& error, const std::string& name) {
  if (error.code() != ErrorCode::kNotFound) return error;
  const auto body = client.call(api::ListUnits{});
  if (!body) return error;
  const auto units = api::decode_units(*body);
  if (!units) return error;
  // Who leaves the suffix out is compared with names that have none.
  constexpr std::string_view kService = ".service";
  const bool whole = name.find('.') != std::string::npos;
  std::vector<std::string> names;
  for (const api::UnitStatus& unit : *units) {
    const bool cut = !whole && unit.name.ends_with(kService);
    names.push_back(cut ? unit.name.substr(0, unit.name.size() - kService.size()) : unit.name);
  }
  const auto meant = nearest(name, names);
  if (!meant) return error;
  std::string hint = fmt::format("did you mean {}?", *meant);
  if (!error.hint().empty()) hint += ' ' + error.hint();
  return Error(error).with_hint(std::move(hint));
}

Error explain_unreachable(const Context& context, const Error& error) {
  const std::string socket = api::api_socket_path(context.runtime_dir);
  if (error.code() == ErrorCode::kDenied) {
    return Error(ErrorCode::kDenied, "connect", socket)
        .with_detail("this user may not talk to the daemon")
        .with_hint("run it with sudo; members of the group 'nines' may look");
  }
  if (error.code() == ErrorCode::kNotFound || error.code() == ErrorCode::kBusy) {
    return Error(ErrorCode::kGone, "")
        .with_detail(fmt::format("no daemon answers at {}", socket))
        .with_hint(fmt::format("start it: ninesd --runtime-dir {}; or keep one program up without "
                               "it: nines keep -- COMMAND",
                               context.runtime_dir));
  }
  return error;
}

tl::expected<api::Client, ExitCode> reach_daemon(const Context& context) {
  auto client = api::Client::connect(api::api_socket_path(context.runtime_dir));
  if (client) return std::move(*client);
  const Error error = explain_unreachable(context, client.error());
  const ExitCode code = report(context, error);
  // Whatever kept us from connecting, there is no daemon for us.
  return tl::unexpected(code == ExitCode::kDenied ? code : ExitCode::kUnreachable);
}

}  // namespace nines::cli
