#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "cli/manual.h"

namespace nines::cli {
namespace {

bool takes(const VerbEntry& verb, std::string_view argument) {
  return std::any_of(verb.options.begin(), verb.options.end(),
                     [&](const OptionEntry& option) { return option.argument == argument; });
}

std::string option_list(const std::vector<OptionEntry>& options) {
  std::vector<std::string> names;
  for (const OptionEntry& option : options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return fmt::format("{}", fmt::join(names, " "));
}

/// Words that may follow each word: "" -> all verbs, "daemon" -> "status reexec".
std::map<std::string, std::set<std::string>> word_tree(const CommandTable& table) {
  std::map<std::string, std::set<std::string>> tree;
  for (const VerbEntry& verb : table.verbs) {
    const std::size_t space = verb.name.find(' ');
    tree[""].insert(verb.name.substr(0, space));
    if (space != std::string::npos) {
      tree[verb.name.substr(0, space)].insert(verb.name.substr(space + 1));
    }
  }
  return tree;
}

/// The case branch of one verb: its options, and units or files where it takes them.
std::string branch(const VerbEntry& verb) {
  std::string words = option_list(verb.options);
  if (verb.name == "help") words += " $verbs";
  if (takes(verb, "UNIT")) words += " $(nines status --names 2>/dev/null)";
  std::string text = fmt::format("    \"{}\") words=\"{}\"", verb.name, words);
  if (takes(verb, "FILE")) text += "; compopt -o default";
  return text + " ;;\n";
}

}  // namespace

std::string bash_completion(const CommandTable& table) {
  const auto tree = word_tree(table);
  std::string text = fmt::format(
      "# bash completion for nines; made by: nines completion\n"
      "_nines() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} verb=\"\" words=\"\" word\n"
      "  local globals=\"{}\"\n"
      "  local verbs=\"{}\"\n"
      "  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "    case $word in -*) ;; *)\n"
      "      case $verb in\n"
      "        \"\") verb=$word ;;\n",
      option_list(table.globals), fmt::join(tree.at(""), " "));
  for (const auto& [word, followers] : tree) {
    if (!word.empty()) text += fmt::format("        {}) verb=\"{} $word\" ;;\n", word, word);
  }
  text += "      esac ;;\n    esac\n  done\n  case $verb in\n    \"\") words=$verbs ;;\n";
  for (const auto& [word, followers] : tree) {
    if (!word.empty()) {
      text += fmt::format("    \"{}\") words=\"{}\" ;;\n", word, fmt::join(followers, " "));
    }
  }
  for (const VerbEntry& verb : table.verbs) text += branch(verb);
  return text +
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words $globals\" -- \"$current\")\n"
         "}\n"
         "complete -F _nines nines\n";
}

}  // namespace nines::cli
