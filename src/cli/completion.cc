#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "cli/completion_words.h"
#include "cli/manual.h"

namespace nines::cli {
namespace {

/// Finds the verb and what is wanted behind it; the same text is valid in bash and in zsh. It reads
/// the words before the current one as `word`, one after the other, and leaves `verb`, `previous`,
/// `runtime` and `dashes` (behind them stands a foreign command).
std::string scan_words(const CommandTable& table, std::string_view words) {
  std::set<std::string> with_value;
  for (const OptionEntry& option : table.globals) {
    if (!option.argument.empty()) with_value.insert(option.names.begin(), option.names.end());
  }
  for (const VerbEntry& verb : table.verbs) {
    for (const OptionEntry& option : verb.options) {
      if (!option.argument.empty()) with_value.insert(option.names.begin(), option.names.end());
    }
  }
  std::string groups;
  for (const auto& [word, followers] : word_tree(table)) {
    if (!word.empty()) groups += fmt::format("        {}) verb=\"{} $word\" ;;\n", word, word);
  }
  return fmt::format(
      "  for word in {}; do\n"
      "    case $previous in {}) test \"$previous\" = --runtime-dir && runtime=$word\n"
      "      previous=\"\"; continue ;;\n"
      "    esac\n"
      "    previous=$word\n"
      "    case $word in\n"
      "      --) dashes=1; break ;;\n"
      "      --runtime-dir=*) runtime=${{word#*=}} ;;\n"
      "      -*) ;;\n"
      "      *) case $verb in\n"
      "        \"\") verb=$word ;;\n"
      "{}"
      "      esac ;;\n"
      "    esac\n"
      "  done\n",
      words, fmt::join(with_value, "|"), groups);
}

/// Sets `wanted` to what the value of the option `previous` is: "UNIT", "FILE".
std::string value_cases(const CommandTable& table) {
  std::string text = "  case $verb:$previous in\n";
  const auto add = [&](std::string_view verb, const OptionEntry& option) {
    if (option.names.empty() || option.argument.empty()) return;
    std::vector<std::string> patterns;
    for (const std::string& name : option.names) {
      patterns.push_back(fmt::format("{}:{}", verb, name));
    }
    text += fmt::format("    {}) wanted={} ;;\n", fmt::join(patterns, "|"), option.argument);
  };
  for (const OptionEntry& option : table.globals) add("*", option);
  for (const VerbEntry& verb : table.verbs) {
    for (const OptionEntry& option : verb.options) add(quoted(verb.name), option);
  }
  return text + "  esac\n";
}

/// Sets `options` and `positional` by the verb.
std::string verb_cases(const CommandTable& table) {
  std::string text = "  case $verb in\n";
  for (const auto& [word, followers] : word_tree(table)) {
    if (!word.empty()) {
      text += fmt::format("    {}) positional={} ;;\n", word, quoted(join_words(followers)));
    } else {
      text += fmt::format("    \"\") positional=VERB ;;\n");
    }
  }
  for (const VerbEntry& verb : table.verbs) {
    std::vector<std::string> names;
    std::string positional;
    for (const OptionEntry& option : verb.options) {
      names.insert(names.end(), option.names.begin(), option.names.end());
      if (option.names.empty()) positional = option.argument;
    }
    text += fmt::format("    {}) options={} positional={} ;;\n", quoted(verb.name),
                        quoted(join_words(names)), quoted(positional));
  }
  return text + "  esac\n";
}

/// Prints the words of one kind, one a line. A daemon that does not answer at once is as none.
/// @param split  its first argument, in as many words as it has.
std::string words_function(const CommandTable& table, std::string_view split) {
  std::string text =
      "_nines_words() {\n"
      "  case $1 in\n"
      "    UNIT|WHAT) timeout 2 nines ${2:+--runtime-dir=\"$2\"} status --names 2>/dev/null\n"
      "      test \"$1\" = UNIT || printf 'host\\n' ;;\n";
  text += fmt::format("    VERB) printf '%s\\n' {} ;;\n", join_words(word_tree(table).at("")));
  for (const auto& [argument, choices] : choices_by_argument()) {
    text += fmt::format("    {}) printf '%s\\n' {} ;;\n", argument, join_words(choices));
  }
  return text + fmt::format("    *) printf '%s\\n' {} ;;\n  esac\n}}\n", split);
}

std::string global_names(const CommandTable& table) {
  std::vector<std::string> names;
  for (const OptionEntry& option : table.globals) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return join_words(names);
}

}  // namespace

std::string bash_completion(const CommandTable& table) {
  return "# bash completion for nines; made by: nines completion bash\n" +
         words_function(table, "$1") +
         "_nines() {\n"
         "  local line=${COMP_LINE:0:COMP_POINT} current=\"\" previous=\"\" word\n"
         "  local verb=\"\" runtime=\"\" dashes=\"\" wanted=\"\" options=\"\" positional=\"\"\n"
         "  local -a words\n"
         "  # Not COMP_WORDS: bash splits at the @ and : of units' names.\n"
         "  read -ra words <<<\"$line\"\n"
         "  case $line in *[[:space:]]) ;; *)\n"
         "    current=${words[-1]}\n"
         "    unset 'words[-1]' ;;\n"
         "  esac\n" +
         scan_words(table, "\"${words[@]:1}\"") +
         "  COMPREPLY=()\n"
         "  if test -n \"$dashes\"; then\n"
         "    compopt -o default 2>/dev/null\n"
         "    return\n"
         "  fi\n" +
         value_cases(table) + verb_cases(table) +
         "  words=()\n"
         "  if test -z \"$wanted\"; then\n"
         "    case $current in\n"
         "      -*) words=($options " +
         global_names(table) +
         ") ;;\n"
         "      *) wanted=$positional ;;\n"
         "    esac\n"
         "  fi\n"
         "  case $wanted in\n"
         "    \"\"|N|TIME|ID) ;;\n"
         "    FILE) compopt -o filenames 2>/dev/null\n"
         "      mapfile -t words < <(compgen -f -- \"$current\") ;;\n"
         "    DIR) compopt -o filenames 2>/dev/null\n"
         "      mapfile -t words < <(compgen -d -- \"$current\") ;;\n"
         "    *) mapfile -t words < <(_nines_words \"$wanted\" \"$runtime\") ;;\n"
         "  esac\n"
         "  local before=${current%\"${current##*[@:=]}\"}\n"
         "  for word in \"${words[@]}\"; do\n"
         "    case $word in \"$current\"*) COMPREPLY+=(\"${word#\"$before\"}\") ;; esac\n"
         "  done\n"
         "}\n"
         "complete -F _nines nines\n";
}

std::string zsh_completion(const CommandTable& table) {
  std::string described;
  for (const auto& [name, description] : first_words(table)) {
    described += fmt::format("    {}\n", quoted(name + ':' + description));
  }
  return "#compdef nines\n# zsh completion for nines; made by: nines completion zsh\n" +
         words_function(table, "${=1}") +
         "_nines() {\n"
         "  local current=${words[CURRENT]} previous=\"\" word\n"
         "  local verb=\"\" runtime=\"\" dashes=\"\" wanted=\"\" options=\"\" positional=\"\"\n"
         "  local -a found verbs\n" +
         scan_words(table, "\"${(@)words[2,CURRENT-1]}\"") +
         "  if test -n \"$dashes\"; then\n"
         "    _normal\n"
         "    return\n"
         "  fi\n" +
         value_cases(table) + verb_cases(table) + "  verbs=(\n" + described +
         "  )\n"
         "  if test -z \"$wanted\"; then\n"
         "    case $current in\n"
         "      -*) found=(${=options} " +
         global_names(table) +
         ")\n"
         "        compadd -a found\n"
         "        return ;;\n"
         "    esac\n"
         "    wanted=$positional\n"
         "  fi\n"
         "  case $wanted in\n"
         "    \"\"|N|TIME|ID) ;;\n"
         "    VERB) _describe -t verbs verb verbs ;;\n"
         "    FILE) _files ;;\n"
         "    DIR) _files -/ ;;\n"
         "    *) found=(${(f)\"$(_nines_words \"$wanted\" \"$runtime\")\"})\n"
         "      compadd -a found ;;\n"
         "  esac\n"
         "}\n"
         "# Sourced, or autoloaded from $fpath.\n"
         "if test \"${funcstack[1]}\" = _nines; then _nines \"$@\"; else compdef _nines nines; "
         "fi\n";
}

}  // namespace nines::cli
