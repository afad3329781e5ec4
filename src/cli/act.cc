#include "cli/act.h"

#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "api/codec.h"
#include "api/limits.h"
#include "cli/text_width.h"
#include "cli/verbs.h"

namespace nines::cli {
namespace {

/// Half of a request's body, since JSON may write one byte as several.
constexpr std::size_t kMaxUnitText = api::kMaxRequestBody / 2;

Result<std::string> read_unit_file(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return Error::from_errno(errno, "read", path);
  if (!S_ISREG(info.st_mode)) {
    return Error(ErrorCode::kInvalidArgument, "read", path).with_detail("not a file");
  }
  if (static_cast<std::size_t>(info.st_size) > kMaxUnitText) {
    return Error(ErrorCode::kLimit, "read", path).with_detail("too large for a unit file");
  }
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  if (!in) return Error(ErrorCode::kIo, "read", path);
  return text;
}

Result<std::string> load_file(const Context& context, api::Client& client,
                              const std::string& path) {
  NINES_ASSIGN(std::string text, read_unit_file(path));
  const std::string name = path.substr(path.rfind('/') + 1);
  NINES_ASSIGN(const std::string body, client.call(api::LoadUnit{name, std::move(text)}));
  NINES_ASSIGN(const api::UnitResult loaded, api::decode_unit_result(body));
  for (const std::string& warning : loaded.warnings) {
    context.err << "nines: " << name << ": warning: " << printable(warning) << '\n';
  }
  return name;
}

void print_result(const Context& context, api::Verb verb, const api::UnitResult& result) {
  for (const std::string& warning : result.warnings) {
    context.err << "nines: " << printable(result.unit) << ": warning: " << printable(warning)
                << '\n';
  }
  if (result.error) {
    context.err << "nines: " << to_string(verb) << ' ' << printable(result.unit) << ": "
                << context.err_terminal.paint(printable(result.error->message), Tone::kBad) << '\n';
    if (!result.error->hint.empty()) {
      context.err << "  hint: " << printable(result.error->hint) << '\n';
    }
    return;
  }
  context.out << printable(result.unit) << ": "
              << context.terminal.paint(result.message.empty() ? "done" : printable(result.message),
                                        Tone::kGood)
              << '\n';
}

}  // namespace

Result<std::vector<std::string>> resolve_units(const Context& context, api::Client& client,
                                               const std::vector<std::string>& arguments) {
  std::vector<std::string> names;
  for (const std::string& argument : arguments) {
    if (argument.find('/') == std::string::npos) {
      names.push_back(argument);
      continue;
    }
    NINES_ASSIGN(std::string name, load_file(context, client, argument));
    names.push_back(std::move(name));
  }
  return names;
}

Result<std::vector<api::UnitResult>> act(api::Client& client, api::Verb verb,
                                         const std::vector<std::string>& units,
                                         api::ActOptions options) {
  NINES_ASSIGN(const std::string body,
               client.call(api::ActOnUnits{verb, units, options, /*single=*/false}));
  return api::decode_unit_results(body);
}

ExitCode print_results(const Context& context, api::Verb verb,
                       const std::vector<api::UnitResult>& results) {
  std::size_t failed = 0;
  ExitCode worst = ExitCode::kOk;
  for (const api::UnitResult& result : results) {
    if (!context.json) print_result(context, verb, result);
    if (!result.error) continue;
    ++failed;
    // The daemon has answered: what is gone is the unit's process.
    worst = result.error->code == ErrorCode::kGone ? ExitCode::kFailed
                                                   : exit_code_for(result.error->code);
  }
  if (context.json) context.out << api::encode(results) << '\n';
  return failed > 0 && failed < results.size() ? ExitCode::kPartly : worst;
}

ExitCode run_act(const Context& context, api::Verb verb, const ActOptions& options) {
  auto client = reach_daemon(context);
  if (!client) return client.error();
  const auto names = resolve_units(context, *client, options.units);
  if (!names) return report(context, names.error());
  auto results = act(*client, verb, *names, api::ActOptions{options.no_block});
  if (!results) return report(context, results.error());
  for (api::UnitResult& result : *results) {
    if (!result.error || result.error->code != ErrorCode::kNotFound) continue;
    result.error->hint = with_nearest_unit(*client, result.error->to_error(), result.unit).hint();
  }
  return print_results(context, verb, *results);
}

}  // namespace nines::cli
