// Command lines: prefixes, path, arguments, several separated by ";".
#include "app/unit/handlers.h"

#include <fmt/format.h>
#include "app/unit/printable.h"
#include "app/unit/word.h"

namespace nines::unit {
namespace {

/// What may stand before the path. @source systemd.service(5), table "Special executable prefixes"
struct Prefix {
  bool separate_argv0 = false;
  std::size_t length = 0;
};

Prefix take_prefix(std::string_view word, ExecCommand& command) {
  Prefix prefix;
  int exclamation_marks = 0;
  for (; prefix.length < word.size(); ++prefix.length) {
    const char c = word[prefix.length];
    if (c == '-')
      command.ignore_failure = true;
    else if (c == '@')
      prefix.separate_argv0 = true;
    else if (c == ':')
      command.no_expand = true;
    else if (c == '+')
      command.full_privileges = true;
    else if (c == '!')
      ++exclamation_marks;
    else
      break;
  }
  // "!!" only differs on kernels without ambient capabilities, which we do not run on.
  if (exclamation_marks == 1) command.full_privileges = true;
  return prefix;
}

class CommandParser {
 public:
  CommandParser(Draft& draft, const Setting& setting, std::string_view text, std::size_t base)
      : draft_(draft), setting_(setting), reader_(text, WordRule::kCEscapes), base_(base) {}

  bool run(std::vector<ExecCommand>& list) {
    std::vector<ExecCommand> parsed;
    while (!reader_.rest().empty()) {
      if (at_separator()) {
        reader_.skip(1);
        continue;
      }
      ExecCommand command;
      if (!one(command)) return false;
      parsed.push_back(std::move(command));
    }
    if (parsed.empty()) return fail(0, "no command");
    for (ExecCommand& command : parsed) list.push_back(std::move(command));
    return true;
  }

 private:
  bool fail(std::size_t offset, std::string message) {
    draft_.error(setting_, base_ + offset, std::move(message));
    return false;
  }

  bool at_separator() {
    const std::string_view rest = reader_.rest();
    return rest.starts_with(';') && (rest.size() == 1 || rest[1] == ' ' || rest[1] == '\t');
  }

  /// @return false at the end and after an error (then ok_ is false).
  bool next(Word& word) {
    auto taken = reader_.next();
    if (!taken) {
      ok_ = fail(reader_.offset(), taken.error().detail());
      return false;
    }
    if (!*taken) return false;
    word = std::move(**taken);
    return true;
  }

  bool one(ExecCommand& command) {
    Word word;
    if (!next(word)) return false;
    command.line = setting_.assignment.locate(base_ + word.offset).line;
    const Prefix prefix = take_prefix(word.text, command);
    if (!take_path(std::string_view(word.text).substr(prefix.length), word.offset, command))
      return false;
    if (prefix.separate_argv0) {
      if (at_separator() || !next(word)) {
        return ok_ && fail(reader_.offset(),
                           "the prefix '@' needs a second word: the name that the program sees");
      }
      if (!add_argument(word, command)) return false;
    } else {
      command.argv.push_back(command.path);
    }
    return take_arguments(command);
  }

  bool take_path(std::string_view text, std::size_t offset, ExecCommand& command) {
    auto path = draft_.resolve(setting_, text, base_ + offset);
    if (!path) return false;
    if (path->empty()) return fail(offset, "no path of a program");
    const bool bare = path->find('/') == std::string::npos;
    if (!bare && !path->starts_with('/')) {
      return fail(offset, fmt::format("'{}' is neither an absolute path nor a bare name",
                                      printable(*path)));
    }
    if (path->ends_with('/') || *path == "." || *path == "..") {
      return fail(offset, fmt::format("'{}' is a directory", printable(*path)));
    }
    command.path = std::move(*path);
    return true;
  }

  bool take_arguments(ExecCommand& command) {
    while (!reader_.rest().empty() && !at_separator()) {
      const std::string_view rest = reader_.rest();
      // A semicolon that is meant: "\;".
      if (rest.starts_with("\\;") && (rest.size() == 2 || rest[2] == ' ' || rest[2] == '\t')) {
        reader_.skip(2);
        command.argv.push_back(";");
        continue;
      }
      Word word;
      if (!next(word) || !add_argument(word, command)) return false;
    }
    return true;
  }

  bool add_argument(const Word& word, ExecCommand& command) {
    auto resolved = draft_.resolve(setting_, word.text, base_ + word.offset);
    if (!resolved) return false;
    command.argv.push_back(std::move(*resolved));
    return true;
  }

  Draft& draft_;
  const Setting& setting_;
  WordReader reader_;
  std::size_t base_;
  bool ok_ = true;
};

}  // namespace

bool parse_commands(Draft& draft, const Setting& setting, std::string_view text, std::size_t offset,
                    std::vector<ExecCommand>& list) {
  return CommandParser(draft, setting, text, offset).run(list);
}

void add_commands(Draft& draft, const Setting& setting, std::vector<ExecCommand>& list) {
  if (setting.value().empty()) return list.clear();
  parse_commands(draft, setting, setting.value(), 0, list);
}

}  // namespace nines::unit
