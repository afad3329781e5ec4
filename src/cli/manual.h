// The manual, from the same tables that parse the command line.
#pragma once

#include <string>
#include <vector>

namespace nines::cli {

struct OptionEntry {
  std::vector<std::string> names;  ///< "-f", "--follow"; empty: positional
  std::string argument;            ///< "UNIT", "N"; empty: a flag
  bool required = false;
  bool repeated = false;
  std::string help;
};

struct VerbEntry {
  std::string name;         ///< "daemon status"
  std::string description;  ///< one sentence
  std::string details;      ///< paragraphs, or empty
  std::vector<OptionEntry> options;
};

struct CommandTable {
  std::vector<OptionEntry> globals;
  std::vector<VerbEntry> verbs;
};

/// "nines logs [-f] [-n N] UNIT".
std::string synopsis(const VerbEntry& verb);

/// One page in the man macros, beginning with .TH: nines(1), or nines-VERB(1).
/// @source man-pages(7), groff_man(7)
std::string manual_page(const CommandTable& table);
std::string manual_page(const CommandTable& table, const VerbEntry& verb);

/// Text for a terminal.
std::string help_text(const CommandTable& table);
std::string help_text(const CommandTable& table, const VerbEntry& verb);

/// Scripts for the shells, to be sourced.
/// @source bash(1), Programmable Completion; zshcompsys(1)
std::string bash_completion(const CommandTable& table);
std::string zsh_completion(const CommandTable& table);

}  // namespace nines::cli
