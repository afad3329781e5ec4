#include "app/unit/expand.h"

#include "app/unit/word.h"

namespace nines::unit {
namespace {

using Environment = std::map<std::string, std::string>;

std::string_view lookup(std::string_view name, const Environment& env) {
  const auto found = env.find(std::string(name));
  return found == env.end() ? std::string_view() : std::string_view(found->second);
}

/// Replaces "${NAME}" and "$$" within one argument; stops growing beyond the bound.
std::string expand_inside(std::string_view text, const Environment& env) {
  std::string out;
  const std::size_t last_close = text.rfind('}');
  for (std::size_t i = 0; i < text.size() && out.size() <= kMaxExpandedBytes; ++i) {
    const bool reference = text[i] == '$' && i + 1 < text.size();
    if (reference && text[i + 1] == '$') {
      out += '$';
      ++i;
    } else if (reference && text[i + 1] == '{' && last_close != std::string_view::npos &&
               last_close > i) {
      const std::size_t close = text.find('}', i);
      out += lookup(text.substr(i + 2, close - i - 2), env);
      i = close;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// "$NAME" as a whole word. Unbalanced quotes in a value are taken literally: the value comes from
/// a file that the unit's author does not control.
void append_split(std::string_view value, std::vector<std::string>& argv) {
  Result<std::vector<Word>> words = split_words(value, WordRule::kQuoted);
  if (!words) words = split_words(value, WordRule::kPlain);
  for (Word& word : *words) argv.push_back(std::move(word.text));
}

}  // namespace

Result<std::vector<std::string>> expand_command(const ExecCommand& command,
                                                const Environment& env) {
  if (command.no_expand) {
    if (!command.argv.empty()) return command.argv;
    return std::vector<std::string>{command.path};
  }
  std::vector<std::string> argv;
  std::size_t bytes = 0;
  for (const std::string& argument : command.argv) {
    const std::size_t before = argv.size();
    const bool whole_word =
        argument.size() > 1 && argument[0] == '$' && argument[1] != '{' && argument[1] != '$';
    if (whole_word) {
      append_split(lookup(std::string_view(argument).substr(1), env), argv);
    } else {
      argv.push_back(expand_inside(argument, env));
    }
    for (std::size_t i = before; i < argv.size(); ++i) bytes += argv[i].size() + 1;
    if (bytes > kMaxExpandedBytes) {
      return Error(ErrorCode::kLimit, "expand", command.path)
          .with_detail("the command line grows beyond 8 MiB");
    }
  }
  if (argv.empty()) argv.push_back(command.path);
  return argv;
}

}  // namespace nines::unit
