#include "app/unit/specifier.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "app/unit/host_facts.h"
#include "sys/file.h"

namespace nines::unit {
namespace {

constexpr std::size_t kMaxProduced = 16 << 20;

std::string first_line(const std::string& path) {
  const Result<std::string> text = sys::read_file(path, 4_KiB);
  return text ? text->substr(0, text->find('\n')) : "";
}

std::string host_name() {
  utsname host{};
  return ::uname(&host) == 0 ? host.nodename : "localhost";
}

std::string kernel_release() {
  utsname host{};
  return ::uname(&host) == 0 ? host.release : "";
}

std::string boot_id() {
  std::string id = first_line("/proc/sys/kernel/random/boot_id");
  std::erase(id, '-');
  return id;
}

std::string temporary_directory(const char* fallback) {
  for (const char* name : {"TMPDIR", "TEMP", "TMP"}) {
    const char* value = ::getenv(name);
    if (value != nullptr && value[0] == '/') return value;
  }
  return fallback;
}

std::optional<std::string> nonempty(std::string text) {
  if (text.empty()) return std::nullopt;
  return text;
}

std::string_view last_component(std::string_view prefix) {
  const std::size_t dash = prefix.rfind('-');
  return dash == std::string_view::npos ? prefix : prefix.substr(dash + 1);
}

}  // namespace

SpecifierResolver::SpecifierResolver(UnitName name, const LoadContext& context)
    : name_(std::move(name)), context_(context) {}

Result<SpecifierResolver::Resolved> SpecifierResolver::resolve(std::string_view text) {
  Resolved result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 1 == text.size()) {
      result.text += text[i];
      continue;
    }
    const char letter = text[i + 1];
    constexpr std::string_view kLetters = "aAbBCdDEfgGhHiIjJlLmMnNopPqsStTuUvVwWyY";
    if (letter == '%') {
      result.text += '%';
    } else if (kLetters.find(letter) == std::string_view::npos) {
      result.unknown.push_back(i);
      result.text += text.substr(i, 2);
    } else if (const std::optional<std::string> value = value_of(letter)) {
      result.text += *value;
    } else {
      return Error(ErrorCode::kNotFound, "resolve", fmt::format("%{}", letter))
          .with_detail(fmt::format("this system cannot tell what %{} stands for", letter));
    }
    ++i;
    if (produced_ + result.text.size() > kMaxProduced) {
      return Error(ErrorCode::kLimit, "resolve", name_.full())
          .with_detail("specifiers blow the unit up beyond 16 MiB");
    }
  }
  produced_ += result.text.size();
  return result;
}

std::optional<std::string> SpecifierResolver::value_of(char letter) {
  constexpr std::string_view kFromName = "nNpPiIjJf";
  if (kFromName.find(letter) != std::string_view::npos) return from_name(letter);
  if (letter == 'y') return nonempty(fragment_);
  if (letter == 'Y') return nonempty(fragment_.substr(0, fragment_.rfind('/')));
  auto found = known_.find(letter);
  if (found == known_.end()) found = known_.emplace(letter, ask(letter)).first;
  return found->second;
}

std::string SpecifierResolver::from_name(char letter) const {
  switch (letter) {
    case 'n': return name_.full();
    case 'N': {
      const std::string full = name_.full();
      return full.substr(0, full.rfind('.'));
    }
    case 'p': return name_.prefix;
    case 'P': return unescape_name(name_.prefix);
    case 'i': return name_.instance;
    case 'I': return unescape_name(name_.instance);
    case 'j': return std::string(last_component(name_.prefix));
    case 'J': return unescape_name(last_component(name_.prefix));
    default: return unescape_path(name_.is_instance ? name_.instance : name_.prefix);  // %f
  }
}

std::optional<std::string> SpecifierResolver::ask(char letter) const {
  const bool user = context_.user_mode;
  const std::string host = context_.hostname.empty() ? host_name() : context_.hostname;
  switch (letter) {
    case 'a': return architecture_name();
    case 'A': return os_release_field("IMAGE_VERSION");
    case 'b': return nonempty(context_.boot_id.empty() ? boot_id() : context_.boot_id);
    case 'B': return os_release_field("BUILD_ID");
    case 'C': return base_directory(BaseDirectory::kCache, user);
    case 'D': return base_directory(BaseDirectory::kData, user);
    case 'E': return base_directory(BaseDirectory::kConfiguration, user);
    case 'g': {
      const group* entry = ::getgrgid(::getgid());
      return entry != nullptr ? entry->gr_name : std::to_string(::getgid());
    }
    case 'G': return std::to_string(::getgid());
    case 'h': return user ? home_directory() : "/root";
    case 'H': return host;
    case 'l': return host.substr(0, host.find('.'));
    case 'L': return base_directory(BaseDirectory::kLogs, user);
    case 'm':
      return nonempty(context_.machine_id.empty() ? first_line("/etc/machine-id")
                                                  : context_.machine_id);
    case 'M': return os_release_field("IMAGE_ID");
    case 'o': return os_release_field("ID");
    case 'q': return host;
    case 's': {
      const passwd* entry = ::getpwuid(::getuid());
      return entry != nullptr && entry->pw_shell != nullptr ? entry->pw_shell : "/bin/sh";
    }
    case 'S': return base_directory(BaseDirectory::kState, user);
    case 't': return base_directory(BaseDirectory::kRuntime, user);
    case 'T': return temporary_directory("/tmp");
    case 'u': {
      const passwd* entry = ::getpwuid(::getuid());
      return entry != nullptr ? entry->pw_name : std::to_string(::getuid());
    }
    case 'U': return std::to_string(::getuid());
    case 'v': return kernel_release();
    case 'V': return temporary_directory("/var/tmp");
    case 'w': return os_release_field("VERSION_ID");
    case 'W': return os_release_field("VARIANT_ID");
    default: return std::nullopt;  // %d: we keep no credentials
  }
}

}  // namespace nines::unit
