#include "app/usage/proc_text.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "sys/key_number.h"

namespace nines::usage {
namespace {

using sys::number_of;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::string_view kBlanks = " \t";

std::string_view without_blanks_before(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kBlanks), text.size()));
}

std::optional<std::uint64_t> leading_number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (parsed.ec != std::errc()) return std::nullopt;
  return value;
}

/// The rest of the line that begins with `key`.
std::optional<std::string_view> behind(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(key)) return line.substr(key.size());
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return std::nullopt;
}

/// "Max open files            1024                 524288               files"
double soft_limit(std::string_view text, std::string_view name) {
  const auto line = behind(text, name);
  if (!line) return kInfinity;
  // "unlimited" is no number.
  const auto limit = leading_number(without_blanks_before(*line), 10);
  return limit ? static_cast<double>(*limit) : kInfinity;
}

double kibibytes(std::string_view text, std::string_view key) {
  return static_cast<double>(number_of(text, key).value_or(0)) * 1024;
}

}  // namespace

SoftLimits parse_limits(std::string_view text) {
  return {soft_limit(text, "Max open files "), soft_limit(text, "Max processes "),
          soft_limit(text, "Max address space "), soft_limit(text, "Max data size ")};
}

StatusFacts parse_status(std::string_view text) {
  StatusFacts facts;
  // The first of "real effective saved file-system".
  facts.real_user = static_cast<uid_t>(number_of(text, "Uid").value_or(0));
  facts.capabilities = number_of(text, "CapEff", 16).value_or(0);
  facts.address_space = kibibytes(text, "VmSize");
  facts.data = kibibytes(text, "VmData");
  facts.resident = kibibytes(text, "VmRSS");
  facts.swap = kibibytes(text, "VmSwap");
  return facts;
}

std::optional<OpenFile> parse_fdinfo(std::string_view text) {
  const auto flags = number_of(text, "flags", 8);
  const auto mount = number_of(text, "mnt_id");
  if (!flags || !mount || *mount > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
    return std::nullopt;
  }
  const auto access = *flags & O_ACCMODE;
  return OpenFile{access == O_WRONLY || access == O_RDWR, static_cast<int>(*mount)};
}

std::optional<double> parse_amount(std::string_view text) {
  if (text.starts_with("max")) return kInfinity;
  const auto number = leading_number(text, 10);
  if (!number) return std::nullopt;
  return static_cast<double>(*number);
}

}  // namespace nines::usage
