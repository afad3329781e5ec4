#include "app/crash/facts.h"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "sys/file.h"
#include "sys/own_program.h"
#include "sys/procfs.h"

namespace nines::crash {
namespace {

using nlohmann::json;

std::string text_of(const std::string& path) {
  auto text = sys::read_file(path, Bytes{64 << 10});
  if (!text) return {};
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return std::move(*text);
}

json number(std::uint64_t value) {
  return fmt::format("{:#x}", value);
}

json signal_of(const elf::CoreSignal& signal) {
  json out = {{"number", signal.number}, {"code", signal.code}};
  if (signal.address) out["address"] = number(*signal.address);
  if (signal.sender_pid) out["sender_pid"] = *signal.sender_pid;
  if (signal.sender_uid) out["sender_uid"] = *signal.sender_uid;
  if (signal.system_call) out["system_call"] = *signal.system_call;
  return out;
}

json threads_of(const elf::CoreHead& head, pid_t pid) {
  json threads = json::array();
  for (const elf::CoreThread& thread : head.threads) {
    json registers = json::array();
    for (const std::uint64_t value : thread.dwarf_registers) registers.push_back(number(value));
    threads.push_back({{"tid", thread.tid},
                       {"name", text_of(fmt::format("/proc/{}/task/{}/comm", pid, thread.tid))},
                       {"pc", number(thread.pc)},
                       {"sp", number(thread.sp)},
                       {"dwarf_registers", std::move(registers)}});
  }
  return threads;
}

json environment_of(pid_t pid) {
  json out = json::object();
  const auto environment = sys::Procfs().environment(pid);
  if (!environment) return out;
  for (const auto& [name, value] : *environment) {
    out[name] = names_a_secret(name) ? "(redacted)" : value;
  }
  return out;
}

json files_of(const elf::CoreHead& head) {
  json files = json::array();
  for (const elf::MappedFile& file : head.files) {
    files.push_back({{"start", number(file.start)},
                     {"end", number(file.end)},
                     {"offset", number(file.offset)},
                     {"path", file.path}});
  }
  return files;
}

}  // namespace

bool names_a_secret(std::string_view name) {
  constexpr std::array<std::string_view, 9> kWords = {
      "PASSWORD", "PASSWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "PASSPHRASE", "AUTH", "_PW"};
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return upper.find(word) != std::string::npos; });
}

Result<std::string> program_of(pid_t pid) {
  NINES_ASSIGN(std::string executable, sys::Procfs().executable(pid));
  const std::string path = sys::without_deleted_mark(std::move(executable));
  return path.substr(path.rfind('/') + 1);
}

std::string facts_of(const elf::CoreHead& head, pid_t pid, bool by_owner) {
  const sys::Procfs procfs;
  const std::string base = fmt::format("/proc/{}/", pid);
  json out = {{"version", 1},
              {"pid", pid},
              {"uid", head.uid},
              {"gid", head.gid},
              {"time", to_iso8601(utc_now())},
              {"for_owner", by_owner},
              {"name", head.name},
              {"signal", signal_of(head.signal)},
              {"threads", threads_of(head, pid)},
              {"files", files_of(head)},
              {"environment", environment_of(pid)},
              {"cgroup", text_of(base + "cgroup")},
              {"limits", text_of(base + "limits")}};
  if (const auto words = procfs.command_line(pid)) out["command_line"] = *words;
  if (const auto path = procfs.executable(pid)) out["executable"] = *path;
  json descriptors = json::object();
  if (const auto open = procfs.descriptors(pid)) {
    for (const auto& [fd, target] : *open) descriptors[std::to_string(fd)] = target;
  }
  out["descriptors"] = std::move(descriptors);
  // Names and arguments are the process's own, and may be any bytes.
  return out.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace nines::crash
