#include "cli/manual.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "cli/exit_code.h"
#include "cli/manual_facts.h"

namespace nines::cli {
namespace {

/// Of the last change of the text. @source man-pages(7)
constexpr std::string_view kManualDate = "2026-11-26";

/// Text for roff: backslashes, hyphens that are to be minus signs, and control characters at the
/// begin of a line. @source groff_char(7)
std::string roff(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else if ((c == '.' || c == '\'') && (escaped.empty() || escaped.back() == '\n')) {
      escaped += std::string("\\&") + c;
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string option_words(const OptionEntry& option) {
  std::string words = fmt::format("{}", fmt::join(option.names, ", "));
  if (!option.argument.empty()) words += (words.empty() ? "" : " ") + option.argument;
  if (option.repeated) words += "...";
  return words;
}

std::string roff_items(const std::vector<OptionEntry>& options) {
  std::string text;
  for (const OptionEntry& option : options) {
    text += fmt::format(".TP\n.B {}\n{}\n", roff(option_words(option)), roff(option.help));
  }
  return text;
}

/// The examples of one verb; "": of nines itself.
std::string roff_examples(std::string_view verb) {
  std::string text;
  for (const Example& example : kExamples) {
    if (example.verb != verb) continue;
    text += fmt::format(".TP\n.B {}\n{}\n", roff(example.command), roff(example.meaning));
  }
  return text.empty() ? "" : ".SH EXAMPLES\n" + text;
}

template <typename Facts>
std::string roff_facts(std::string_view title, const Facts& facts) {
  std::string text = fmt::format(".SH {}\n", title);
  for (const Fact& fact : facts) {
    text += fmt::format(".TP\n.I {}\n{}\n", roff(fact.name), roff(fact.meaning));
  }
  return text;
}

std::string roff_exit_codes() {
  std::string text = ".SH EXIT STATUS\n";
  for (const ExitCodeMeaning& entry : kExitCodes) {
    text += fmt::format(".TP\n.B {}\n{}\n", static_cast<int>(entry.code), roff(entry.meaning));
  }
  return text;
}

/// What comes after the options on every page, in the order of man-pages(7).
std::string common_sections(std::string_view verb) {
  return roff_exit_codes() + roff_facts("ENVIRONMENT", kEnvironment) + roff_facts("FILES", kFiles) +
         roff_examples(verb);
}

std::string page_name(const VerbEntry& verb) {
  std::string name = "nines-" + verb.name;
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string header(std::string name, std::string_view description) {
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return fmt::format(".TH \"{}\" \"1\" \"{}\" \"nines {}\" \"nines\"\n.SH NAME\n{} \\- {}\n", upper,
                     kManualDate, NINES_VERSION, roff(name), roff(description));
}

std::string see_also(const CommandTable& table, std::string_view but) {
  std::string pages = but == "nines" ? "" : ".BR nines (1)";
  for (const VerbEntry& verb : table.verbs) {
    if (page_name(verb) == but) continue;
    if (!pages.empty()) pages += ",\n";
    pages += fmt::format(".BR {} (1)", roff(page_name(verb)));
  }
  return ".SH SEE ALSO\n" + pages + '\n';
}

}  // namespace

std::string synopsis(const VerbEntry& verb) {
  std::string text = "nines " + verb.name;
  for (const OptionEntry& option : verb.options) {
    std::string word = option.names.empty() ? "" : option.names.front();
    if (!option.argument.empty()) word += (word.empty() ? "" : " ") + option.argument;
    if (option.repeated) word += "...";
    text += option.required ? " " + word : " [" + word + "]";
  }
  return text;
}

std::string manual_page(const CommandTable& table) {
  std::string text = header("nines", "keep applications up");
  text +=
      ".SH SYNOPSIS\n.B nines\n[\\fIOPTION\\fR]...\n[\\fIVERB\\fR [\\fIARGUMENT\\fR]...]\n"
      ".SH DESCRIPTION\n"
      "Talks to\n.BR ninesd ,\nwhich keeps the units of this host up, under the unit files that "
      "systemd reads. Without a verb it shows how things are and what to type next.\n"
      ".SH VERBS\n";
  for (const VerbEntry& verb : table.verbs) {
    text += fmt::format(".TP\n.B {}\n{}\n", roff(synopsis(verb)), roff(verb.description));
  }
  text += ".SH OPTIONS\nThese may stand before or after the verb.\n" + roff_items(table.globals);
  return text + common_sections("") + see_also(table, "nines");
}

std::string manual_page(const CommandTable& table, const VerbEntry& verb) {
  std::string text = header(page_name(verb), verb.description);
  text += fmt::format(".SH SYNOPSIS\n.B {}\n.SH DESCRIPTION\n{}\n", roff(synopsis(verb)),
                      roff(verb.description));
  if (!verb.details.empty()) text += ".PP\n" + roff(verb.details) + '\n';
  text += ".SH OPTIONS\n" + roff_items(verb.options);
  text += ".SS Options of every verb\n" + roff_items(table.globals);
  return text + common_sections(verb.name) + see_also(table, page_name(verb));
}

}  // namespace nines::cli
