#include <fmt/format.h>

#include <algorithm>

#include "cli/exit_code.h"
#include "cli/manual.h"
#include "cli/manual_facts.h"

namespace nines::cli {
namespace {

constexpr std::size_t kIndent = 26;
constexpr std::size_t kLineWidth = 80;

/// Breaks text into lines that fit, each after the first indented; `column` is where it begins.
std::string wrapped(std::string_view text, std::size_t column, std::size_t indent) {
  std::string lines;
  bool first = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!first && column + 1 + word.size() > kLineWidth) {
      lines += '\n' + std::string(indent, ' ');
      column = indent;
      first = true;
    }
    if (!first) lines += ' ';
    lines += word;
    column += word.size() + (first ? 0 : 1);
    first = false;
  }
  return lines + '\n';
}

/// "  left        right".
std::string entry(std::string_view left, std::string_view right) {
  std::string text = fmt::format("  {:<{}}", left, kIndent - 2);
  if (left.size() + 3 > kIndent) text += '\n' + std::string(kIndent, ' ');
  return text + wrapped(right, kIndent, kIndent);
}

std::string option_entries(const std::vector<OptionEntry>& options) {
  std::string text;
  for (const OptionEntry& option : options) {
    std::string left = fmt::format("{}", fmt::join(option.names, ", "));
    if (!option.argument.empty()) left += (left.empty() ? "" : " ") + option.argument;
    if (option.repeated) left += "...";
    text += entry(left, option.help);
  }
  return text;
}

}  // namespace

std::string help_text(const CommandTable& table) {
  std::string text =
      "nines keeps applications up.\n\nUsage: nines [OPTION]... [VERB [ARGUMENT]...]\n\nVerbs\n";
  for (const VerbEntry& verb : table.verbs) text += entry(verb.name, verb.description);
  text += "\nOptions, before or after the verb\n" + option_entries(table.globals);
  text += "\nExit status\n";
  for (const ExitCodeMeaning& code : kExitCodes) {
    text += entry(fmt::format("{}", static_cast<int>(code.code)), code.meaning);
  }
  text += "\nEnvironment\n";
  for (const Fact& fact : kEnvironment) text += entry(fact.name, fact.meaning);
  return text + "\nMore on one verb: nines help VERB\n";
}

std::string help_text(const CommandTable& table, const VerbEntry& verb) {
  std::string text = fmt::format("Usage: {}\n\n{}\n", synopsis(verb), verb.description);
  if (!verb.details.empty()) text += '\n' + wrapped(verb.details, 0, 0);
  if (!verb.options.empty()) text += "\nOptions\n" + option_entries(verb.options);
  text += "\nOptions of every verb\n" + option_entries(table.globals);
  std::string examples;
  for (const Example& example : kExamples) {
    if (example.verb == verb.name) {
      examples += fmt::format("  {}\n      {}\n", example.command, example.meaning);
    }
  }
  return examples.empty() ? text : text + "\nExamples\n" + examples;
}

}  // namespace nines::cli
