#include "keeper/protocol.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <vector>

namespace nines::keeper {
namespace {

using Kind = Message::Kind;

struct Verb {
  Kind kind;
  std::string_view word;
  std::size_t arguments;
};
constexpr std::array<Verb, 10> kVerbs = {{
    {Kind::kStore, "store", 1},
    {Kind::kDrop, "drop", 1},
    {Kind::kAck, "ack", 1},
    {Kind::kReady, "ready", 0},
    {Kind::kReexec, "reexec", 0},
    {Kind::kFinish, "finish", 1},
    {Kind::kFd, "fd", 1},
    {Kind::kRestored, "restored", 0},
    {Kind::kExit, "exit", 5},
    {Kind::kSignal, "signal", 1},
}};

bool has_name(Kind kind) {
  return kind == Kind::kStore || kind == Kind::kDrop || kind == Kind::kFd;
}

template <typename T>
bool parse_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto space = line.find(' ');
    words.push_back(line.substr(0, space));
    if (space == std::string_view::npos) break;
    line.remove_prefix(space + 1);
  }
  return words;
}

bool parse_exit(const std::vector<std::string_view>& words, ExitRecord& record) {
  std::uint64_t start = 0;
  const bool good = parse_number(words[1], record.sequence) &&
                    parse_number(words[2], record.process.pid) && parse_number(words[3], start) &&
                    parse_number(words[4], record.wait_status) &&
                    parse_number(words[5], record.time.ns);
  record.process.start = static_cast<StartTime>(start);
  return good;
}

}  // namespace

std::string encode(const Message& message) {
  for (const Verb& verb : kVerbs) {
    if (verb.kind != message.kind) continue;
    if (has_name(message.kind)) return fmt::format("{} {}", verb.word, message.name);
    if (message.kind == Kind::kExit) {
      const ExitRecord& e = message.exit;
      return fmt::format("{} {} {} {} {} {}", verb.word, e.sequence, e.process.pid,
                         static_cast<std::uint64_t>(e.process.start), e.wait_status, e.time.ns);
    }
    if (verb.arguments == 1) return fmt::format("{} {}", verb.word, message.number);
    return std::string(verb.word);
  }
  return {};
}

Result<Message> decode(std::string_view line) {
  const Error bad(ErrorCode::kCorrupt, "decode keeper message", std::string(line.substr(0, 64)));
  const auto words = split(line);
  if (words.empty()) return bad;
  for (const Verb& verb : kVerbs) {
    if (words[0] != verb.word) continue;
    if (words.size() != verb.arguments + 1) return bad;
    Message message{verb.kind, {}, 0, {}};
    if (has_name(verb.kind)) {
      if (words[1].empty()) return bad;
      message.name = words[1];
    } else if (verb.kind == Kind::kExit) {
      if (!parse_exit(words, message.exit)) return bad;
    } else if (verb.arguments == 1 && !parse_number(words[1], message.number)) {
      return bad;
    }
    return message;
  }
  return bad;
}

}  // namespace nines::keeper
