#include "cli/completion_words.h"

#include <algorithm>

#include "ledger/event.h"

namespace nines::cli {

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

std::vector<std::pair<std::string, std::string>> first_words(const CommandTable& table) {
  std::map<std::string, std::string> described;
  for (const VerbEntry& verb : table.verbs) {
    const std::size_t space = verb.name.find(' ');
    std::string& text = described[verb.name.substr(0, space)];
    if (space == std::string::npos) {
      text = verb.description;
    } else {
      text += (text.empty() ? "" : ", ") + verb.name.substr(space + 1);
    }
  }
  return {described.begin(), described.end()};
}

std::map<std::string, std::vector<std::string>> choices_by_argument() {
  std::map<std::string, std::vector<std::string>> choices = {{"SHELL", {"bash", "zsh"}}};
  for (int i = 0; i <= static_cast<int>(ledger::Cell::kHwProactive); ++i) {
    std::string cell(ledger::to_string(static_cast<ledger::Cell>(i)));
    std::replace(cell.begin(), cell.end(), '/', '.');
    choices["CELL"].push_back(std::move(cell));
  }
  return choices;
}

std::string quoted(const std::string& text) {
  std::string safe = "'";
  for (const char c : text) {
    if (c == '\'') {
      safe += "'\\''";
    } else {
      safe += c;
    }
  }
  return safe + '\'';
}

}  // namespace nines::cli
