#include "app/crash/former_pattern.h"

#include <algorithm>

namespace nines::crash {
namespace {

/// A name that the process gave itself must not lead to another directory.
/// @source fs/coredump.c: cn_esc_printf()
std::string escaped(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), '/', '!');
  if (out == "." || out == "..") out[0] = '!';
  if (out.empty()) out = "!";
  return out;
}

std::string filled_in(char what, const PatternFacts& facts) {
  switch (what) {
    case '%': return "%";
    case 'p': return std::to_string(facts.pid_inside);
    case 'P': return std::to_string(facts.pid);
    case 'i': return std::to_string(facts.thread_inside);
    case 'I': return std::to_string(facts.thread);
    case 'u': return std::to_string(facts.uid);
    case 'g': return std::to_string(facts.gid);
    case 'd': return std::to_string(facts.dumpable);
    case 's': return std::to_string(facts.signal);
    case 't': return std::to_string(facts.time_s);
    case 'c': return std::to_string(facts.core_limit);
    case 'h': return escaped(facts.host);
    case 'e': return escaped(facts.name);
    case 'f':
      return escaped(std::string_view(facts.executable).substr(facts.executable.rfind('/') + 1));
    case 'E': return escaped(facts.executable);
    case 'C': return "0";
    default: return {};
  }
}

std::string expand(std::string_view word, const PatternFacts& facts, bool is_command) {
  std::string out;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '%') {
      out += word[i];
      continue;
    }
    if (++i == word.size()) break;  // the kernel drops a single one at the end
    out += word[i] == 'F' && is_command ? "3" : filled_in(word[i], facts);
  }
  return out;
}

}  // namespace

std::vector<std::string> command_of(std::string_view pattern, const PatternFacts& facts) {
  std::vector<std::string> words;
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  for (std::size_t at = pattern.find_first_not_of(kSpace, 1); at != pattern.npos;) {
    const std::size_t end = std::min(pattern.find_first_of(kSpace, at), pattern.size());
    words.push_back(expand(pattern.substr(at, end - at), facts, true));
    at = pattern.find_first_not_of(kSpace, end);
  }
  return words;
}

std::string file_of(std::string_view pattern, const PatternFacts& facts, bool with_pid) {
  std::string file = expand(pattern, facts, false);
  if (with_pid && pattern.find("%p") == pattern.npos) {
    file += '.' + std::to_string(facts.pid_inside);
  }
  return file;
}

}  // namespace nines::crash
