#include "app/livepatch/compile_command.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace nines::livepatch {
namespace {

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Options whose value is the next word: it is no source, whatever its name.
bool takes_next(std::string_view word) {
  constexpr std::array<std::string_view, 26> kOptions = {
      "-o",      "-I",         "-D",        "-U", "-include", "-imacros",    "-isystem",
      "-iquote", "-idirafter", "-isysroot", "-x", "-MF",      "-MT",         "-MQ",
      "-L",      "-l",         "-u",        "-T", "-Xlinker", "-Xassembler", "-Xpreprocessor",
      "-Xclang", "-target",    "--param",   "-z", "-arch"};
  return is_one_of(kOptions, word);
}

/// Makes nothing but text, or asks something.
bool makes_no_object(std::string_view word) {
  constexpr std::array<std::string_view, 8> kOptions = {
      "-E", "-S", "-M", "-MM", "-fsyntax-only", "-###", "--version", "--help"};
  return is_one_of(kOptions, word) || word.starts_with("-print-") || word.starts_with("-dump");
}

}  // namespace

bool is_source(const std::string& name) {
  constexpr std::array<std::string_view, 8> kSuffixes = {".c",   ".cc", ".cpp", ".cxx",
                                                         ".c++", ".C",  ".cp",  ".CPP"};
  const std::size_t dot = name.rfind('.');
  return dot != std::string::npos && is_one_of(kSuffixes, std::string_view(name).substr(dot));
}

std::string CompileCommand::object_path() const {
  if (!output.empty()) return output;
  std::string name = sources.front().substr(sources.front().rfind('/') + 1);
  return name.substr(0, name.rfind('.')) + ".o";
}

CompileCommand parse_compile_command(const std::vector<std::string>& arguments) {
  CompileCommand command;
  bool only_text = false, any_input = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "-c") {
      command.compiles = true;
    } else if (makes_no_object(word)) {
      only_text = true;
    } else if (word == "-o") {
      if (i + 1 < arguments.size()) command.output = arguments[++i];
    } else if (word.starts_with("-o") && word.size() > 2) {
      command.output = word.substr(2);
    } else if (takes_next(word)) {
      ++i;
    } else if (!word.starts_with("-")) {
      any_input = true;
      if (is_source(word)) command.sources.push_back(word);
    }
  }
  if (only_text) {
    command.compiles = false;
    command.sources.clear();
    return command;
  }
  command.links = !command.compiles && any_input;
  // Which object would be whose?
  if (command.compiles && command.sources.size() != 1) command.compiles = false;
  return command;
}

std::vector<std::string> arguments_for_object(const std::vector<std::string>& arguments,
                                              const std::string& source, const std::string& object,
                                              Variant variant) {
  constexpr std::array<std::string_view, 9> kAlone = {"-c",  "-MD",     "-MMD",    "-MP", "-MG",
                                                      "-pg", "-shared", "-static", "-pie"};
  constexpr std::array<std::string_view, 8> kWithNext = {"-o", "-MF", "-MT", "-MQ",
                                                         "-L", "-l",  "-z",  "-Xlinker"};
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (is_one_of(kWithNext, word)) {
      ++i;
    } else if (takes_next(word)) {
      kept.push_back(word);
      if (i + 1 < arguments.size()) kept.push_back(arguments[++i]);
    } else if (word.starts_with("-")) {
      const bool of_linker = word.starts_with("-l") || word.starts_with("-L") ||
                             word.starts_with("-Wl,") || word.starts_with("-o");
      // With it an object holds no machine code that could be compared.
      const bool late =
          word.starts_with("-flto") || word == "-save-temps" || word.starts_with("-Wp,-M");
      if (!is_one_of(kAlone, word) && !of_linker && !late) kept.push_back(word);
    }
  }
  if (variant != Variant::kExact) {
    kept.insert(kept.end(), {"-ffunction-sections", "-fdata-sections"});
  }
  if (variant == Variant::kNoLines) {
    kept.insert(kept.end(), {"-D__LINE__=0", "-Wno-builtin-macro-redefined"});
  }
  kept.insert(kept.end(), {"-fno-lto", "-c", source, "-o", object});
  return kept;
}

}  // namespace nines::livepatch
