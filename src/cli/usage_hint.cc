#include "cli/usage_hint.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/completion_words.h"
#include "cli/suggest.h"
#include "cli/text_width.h"

namespace nines::cli {
namespace {

std::string two_lines(const std::string& fault, const std::string& hint) {
  return fmt::format("nines: {}\n  hint: {}\n", printable(fault), printable(hint));
}

/// An option that neither the verb nor all verbs have. @return empty: there is none.
std::string unknown_option(const std::vector<std::string>& known,
                           const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    const std::string name = argument.substr(0, argument.find('='));
    const bool is_long = name.starts_with("--");
    if (is_long && std::find(known.begin(), known.end(), name) == known.end()) return name;
  }
  return "";
}

std::vector<std::string> options_of(const CommandTable& table, const std::string& verb) {
  std::vector<std::string> names;
  const auto add = [&](const std::vector<OptionEntry>& options) {
    for (const OptionEntry& option : options) {
      names.insert(names.end(), option.names.begin(), option.names.end());
    }
  };
  add(table.globals);
  for (const VerbEntry& entry : table.verbs) {
    if (entry.name == verb) add(entry.options);
  }
  return names;
}

}  // namespace

std::size_t first_word(const std::vector<std::string>& arguments) {
  std::size_t word = 0;
  while (word < arguments.size() && arguments[word].starts_with('-')) {
    word += arguments[word] == "--runtime-dir" && word + 1 < arguments.size() ? 2 : 1;
  }
  return word;
}

std::string unknown_verb_message(const CommandTable& table, const std::string& verb) {
  const auto tree = word_tree(table);
  const std::size_t space = verb.find(' ');
  std::string group = space == std::string::npos ? "" : verb.substr(0, space);
  if (!tree.contains(group)) group.clear();
  const auto& words = tree.at(group);
  const std::string word = group.empty() ? verb : verb.substr(space + 1);
  std::vector<std::string> candidates(words.begin(), words.end());
  if (group.empty()) {
    // A cell may stand where a verb does.
    const auto choices = choices_by_argument();
    const auto& cells = choices.at("CELL");
    candidates.insert(candidates.end(), cells.begin(), cells.end());
  }
  const auto meant = nearest(word, candidates);
  const std::string all = group.empty() ? std::string("nines help lists all verbs")
                                        : fmt::format("{} has {}", group, join_words(words));
  const std::string before = group.empty() ? "" : group + ' ';
  return two_lines(fmt::format("no verb '{}'", verb),
                   meant ? fmt::format("did you mean nines {}{}? {}", before, *meant, all) : all);
}

std::string usage_message(const CommandTable& table, const std::string& verb,
                          const std::vector<std::string>& arguments, const std::string& reason) {
  const auto tree = word_tree(table);
  const std::size_t first = first_word(arguments);
  if (verb.empty() && first < arguments.size() && !tree.at("").contains(arguments[first])) {
    return unknown_verb_message(table, arguments[first]);
  }
  // "nines daemon stauts": the group is all that was taken.
  if (tree.contains(verb) && !verb.empty() && first + 1 < arguments.size() &&
      !arguments[first + 1].starts_with('-')) {
    return unknown_verb_message(table, verb + ' ' + arguments[first + 1]);
  }
  const std::string help = "nines help" + (verb.empty() ? "" : " " + verb);
  const std::vector<std::string> known = options_of(table, verb);
  if (const std::string option = unknown_option(known, arguments); !option.empty()) {
    const auto meant = nearest(option, known);
    return two_lines(
        fmt::format("no option '{}' here", option),
        meant ? fmt::format("did you mean {}? {} lists all", *meant, help) : help + " lists all");
  }
  return two_lines(reason, help);
}

}  // namespace nines::cli
