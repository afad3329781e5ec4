#include "app/crash/crash_arguments.h"

#include <charconv>
#include <string_view>
#include <vector>

namespace nines::crash {
namespace {

template <typename T>
bool parse_number(std::string_view word, T* into) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), *into);
  return error == std::errc() && end == word.data() + word.size();
}

/// The words that are left, from the front.
class Words {
 public:
  Words(int argc, char** argv) : words_(argv + 1, argv + argc) {}
  bool empty() const { return at_ == words_.size(); }
  std::string next() { return empty() ? std::string() : words_[at_++]; }

 private:
  std::vector<std::string> words_;
  std::size_t at_ = 0;
};

bool take(const std::string& word, Words& words, CrashArguments* out, bool* wish_given) {
  CorePolicy& policy = out->policy;
  Bytes bytes;
  if (word == "--in-store") return out->in_store = true;
  if (word == "--successor-waits") return policy.successor_waits = true;
  if (word == "--successor-serves") return policy.successor_serves = true;
  if (word == "--kill-dump") return policy.kill_after_minimal = true;
  if (word == "--unit") return !(out->unit = words.next()).empty();
  if (word == "--watchdog") return !(out->watchdog = words.next()).empty();
  if (word == "--log") return !(out->log = words.next()).empty();
  if (word == "--gone") {
    GoneProcess& gone = out->gone ? *out->gone : out->gone.emplace();
    return parse_number(words.next(), &gone.pid) && parse_number(words.next(), &gone.signal) &&
           !(gone.program = words.next()).empty();
  }
  if (word == "--oom" && out->gone) return !out->gone->oom.emplace_back(words.next()).empty();
  if (word == "--core-in" && out->gone) return !(out->gone->directory = words.next()).empty();
  if (word == "--foreign") return !(out->foreign = words.next()).empty();
  if (word == "--progress") return parse_number(words.next(), &out->progress);
  if (word == "--store-max") return parse_number(words.next(), &out->limits.total.count);
  if (word == "--core-limit") {
    const bool good = parse_number(words.next(), &bytes.count);
    policy.limit = bytes;
    return good;
  }
  if (word == "--core") {
    const auto wish = core_wish(words.next());
    policy.wish = wish.value_or(CoreWish::kAuto);
    return *wish_given = wish.has_value();
  }
  if (word == "--pipe") {
    PipeNotice notice;
    const bool good =
        parse_number(words.next(), &notice.pid) && parse_number(words.next(), &notice.dumpable);
    out->pipe = notice;
    return good;
  }
  if (!word.starts_with('/') || !out->directory.empty()) return false;
  out->directory = word;
  return true;
}

}  // namespace

std::optional<CrashArguments> parse_crash_arguments(int argc, char** argv) {
  CrashArguments arguments;
  bool wish_given = false;
  Words words(argc, argv);
  while (!words.empty()) {
    if (!take(words.next(), words, &arguments, &wish_given)) return std::nullopt;
  }
  if (arguments.directory.empty()) return std::nullopt;
  if (arguments.gone && !arguments.in_store) return std::nullopt;
  if (!wish_given && !arguments.in_store) arguments.policy.wish = CoreWish::kMinimal;
  return arguments;
}

std::vector<std::string> words_of(const CorePolicy& policy) {
  std::vector<std::string> words = {"--core", std::string(to_string(policy.wish))};
  if (policy.limit) {
    words.insert(words.end(), {"--core-limit", std::to_string(policy.limit->count)});
  }
  if (policy.successor_waits) words.emplace_back("--successor-waits");
  if (policy.successor_serves) words.emplace_back("--successor-serves");
  if (policy.kill_after_minimal) words.emplace_back("--kill-dump");
  return words;
}

}  // namespace nines::crash
