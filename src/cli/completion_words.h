// What the completions of all shells are made of.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/manual.h"

namespace nines::cli {

/// Words that may follow each word: "" -> all verbs, "daemon" -> "reexec", "status".
std::map<std::string, std::set<std::string>> word_tree(const CommandTable& table);

/// The first words of verbs, each with what it is for.
std::vector<std::pair<std::string, std::string>> first_words(const CommandTable& table);

/// Arguments with a fixed choice: "SHELL" -> "bash", "zsh".
std::map<std::string, std::vector<std::string>> choices_by_argument();

/// In single quotes, for any shell.
std::string quoted(const std::string& text);

template <typename Words>
std::string join_words(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace nines::cli
