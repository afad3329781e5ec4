#include "app/crash/hook.h"

#include <fmt/format.h>

#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "app/crash/places.h"
#include "sys/file.h"

namespace nines::crash {
namespace {

using nlohmann::json;

constexpr std::string_view kCorePattern = "/proc/sys/kernel/core_pattern";
constexpr mode_t kForUsAlone = 0600;

}  // namespace

std::string_view to_string(Others others) {
  return others == Others::kFormer ? "former" : "capture";
}

std::optional<Others> others_from(std::string_view word) {
  if (word == "capture") return Others::kCapture;
  if (word == "former") return Others::kFormer;
  return std::nullopt;
}

Result<std::string> pattern_for(Hook hook, const HookPaths& paths) {
  const std::string pattern = hook == Hook::kSocket
                                  ? "@@" + core_socket_path(paths.runtime_dir)
                                  : fmt::format("|{} %P %d {} {} %F", paths.pipe_helper,
                                                paths.runtime_dir, paths.state_dir);
  for (const std::string* path : {&paths.runtime_dir, &paths.state_dir, &paths.pipe_helper}) {
    if (path->find_first_of(" \t\n%") == path->npos) continue;
    return Error(ErrorCode::kInvalidArgument, "use in core_pattern", *path)
        .with_detail("it has a space or a '%' in it");
  }
  constexpr std::size_t kMaxSocketPath = 107;  // unix(7)
  if (pattern.size() > kMaxPattern ||
      (hook == Hook::kSocket && pattern.size() - 2 > kMaxSocketPath)) {
    return Error(ErrorCode::kInvalidArgument, "use as core_pattern", pattern)
        .with_detail(fmt::format("it has {} bytes, and the kernel takes {}", pattern.size(),
                                 hook == Hook::kSocket ? kMaxSocketPath + 2 : kMaxPattern))
        .with_hint("choose shorter directories");
  }
  return pattern;
}

std::string hook_record_path(const std::string& state_dir) {
  return state_dir + "/core-pattern.json";
}

Result<HookRecord> read_hook_record(const std::string& state_dir) {
  const std::string path = hook_record_path(state_dir);
  NINES_ASSIGN(const std::string text, sys::read_file(path, Bytes{4096}));
  const json object = json::parse(text, nullptr, false);
  const Error corrupt =
      Error(ErrorCode::kCorrupt, "read", path)
          .with_detail("it is not what nines crash setup wrote")
          .with_hint("write core_pattern yourself, as your distribution sets it, and remove it");
  if (!object.is_object()) return corrupt;
  HookRecord record;
  for (const auto& [name, into] :
       {std::pair{"former", &record.former}, std::pair{"installed", &record.installed}}) {
    const auto at = object.find(name);
    if (at == object.end() || !at->is_string()) return corrupt;
    *into = at->get<std::string>();
  }
  const auto at = object.find("others");
  const auto others = at != object.end() && at->is_string()
                          ? others_from(at->get_ref<const std::string&>())
                          : std::nullopt;
  if (!others) return corrupt;
  record.others = *others;
  return record;
}

Status save_hook_record(const std::string& state_dir, const HookRecord& record) {
  const json object = {{"former", record.former},
                       {"installed", record.installed},
                       {"others", to_string(record.others)}};
  NINES_TRY(sys::make_directories(state_dir, 0755));
  return sys::replace_file(hook_record_path(state_dir),
                           object.dump(1, ' ', false, json::error_handler_t::replace) + "\n",
                           kForUsAlone, sys::Durability::kPowerLoss);
}

Status remove_hook_record(const std::string& state_dir) {
  const std::string path = hook_record_path(state_dir);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Error::from_errno(errno, "remove", path);
  }
  return {};
}

Result<std::string> read_pattern(const sys::HostRoot& root) {
  NINES_ASSIGN(std::string text, sys::read_file(root.path(kCorePattern), Bytes{4096}));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Status write_pattern(const std::string& pattern, const sys::HostRoot& root) {
  const std::string path = root.path(kCorePattern);
  if (const Status written = sys::write_existing(path, pattern + "\n"); !written) {
    const int why = written.error().errno_value();
    if (why == EROFS) {
      return Error(ErrorCode::kDenied, "write", path)
          .with_detail("/proc/sys is read-only here, as in a container")
          .with_hint(
              "run it on the host. Without it, units still start again at the kernel's "
              "notice of a crash, and cores are files (LimitCORE=)");
    }
    if (why == EINVAL) {
      return Error(ErrorCode::kUnsupported, "write", path)
          .with_detail("the kernel refuses " + pattern)
          .with_hint(
              "a socket is only taken from the first mount namespace: run it there, not in "
              "a container or a service with a mount namespace of its own");
    }
    if (written.error().code() == ErrorCode::kDenied) {
      return Error(written.error()).with_hint("run it with sudo");
    }
    return written;
  }
  NINES_ASSIGN(const std::string now, read_pattern(root));
  if (now == pattern) return {};
  return Error(ErrorCode::kCorrupt, "write", path)
      .with_detail(fmt::format("wrote \"{}\", and it is \"{}\"", pattern, now));
}

}  // namespace nines::crash
