// The kernel's core_pattern: whom it calls when a process crashes, and how we come in and go again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sys/host_root.h"

namespace nines::crash {

/// How the kernel calls us.
enum class Hook : std::uint8_t {
  kSocket,  ///< "@@PATH": connects to the daemon's socket; Linux 6.17
  kPipe,    ///< "|PROGRAM": starts nines-crash-pipe for each crash
};

/// What becomes of crashed processes that are of no unit.
enum class Others : std::uint8_t { kCapture, kFormer };
std::string_view to_string(Others others);  ///< "capture", "former"
std::optional<Others> others_from(std::string_view word);

/// The kernel cuts what is longer. @source include/linux/coredump.h: CORENAME_MAX_SIZE
inline constexpr std::size_t kMaxPattern = 127;

struct HookPaths {
  std::string runtime_dir;
  std::string state_dir;
  std::string pipe_helper;  ///< nines-crash-pipe, absolute
};

/// The pattern that leads to us.
/// @errors kInvalidArgument: it would be too long, or a path holds what the kernel takes for
///         something else (a space, '%').
/// @source core(5)
Result<std::string> pattern_for(Hook hook, const HookPaths& paths);

/// What was there before us, and what we put there: kept in the state directory as long as we are
/// in.
struct HookRecord {
  std::string former;
  std::string installed;
  Others others = Others::kCapture;
};
std::string hook_record_path(const std::string& state_dir);
/// @errors kNotFound: we are not in. kCorrupt.
Result<HookRecord> read_hook_record(const std::string& state_dir);
/// Survives a power cut when it returns.
Status save_hook_record(const std::string& state_dir, const HookRecord& record);
Status remove_hook_record(const std::string& state_dir);

/// @errors kNotFound: no such file, as where /proc is not mounted.
Result<std::string> read_pattern(const sys::HostRoot& root = {});
/// Writes it, and reads it back.
/// @errors kDenied: not root, or /proc/sys is read-only, as in a container. kUnsupported: the
/// kernel
///         refuses it; a socket's pattern also from any but the first mount namespace. kCorrupt:
///         what is read back is something else.
Status write_pattern(const std::string& pattern, const sys::HostRoot& root = {});

}  // namespace nines::crash
