#include "app/livepatch/switch.h"

#include <fmt/format.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "app/livepatch/remote_image.h"
#include "base/fault_point.h"
#include "sys/file.h"
#include "sys/key_number.h"
#include "sys/procfs.h"
#include "trace/attachment.h"
#include "trace/file_source.h"

namespace nines::livepatch {
namespace {

constexpr std::chrono::seconds kStopWithin{1};
constexpr int kFirstPause_ms = 1, kLongestPause_ms = 100;
constexpr std::size_t kMostName = 64;

Status check_name(const std::string& name) {
  const bool plain =
      std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127 && c != '/'; });
  if (plain && !name.empty() && name.size() <= kMostName) return {};
  return Error(ErrorCode::kInvalidArgument, "name patch", name);
}

Status preflight(const ProcessId& process) {
  NINES_ASSIGN(const std::string status,
               sys::read_file(fmt::format("/proc/{}/status", process.pid)));
  constexpr int kDecimal = 10;
  if (sys::number_of(status, "TracerPid", kDecimal).value_or(0) != 0) {
    return Error(ErrorCode::kBusy, "patch process", std::to_string(process.pid))
        .with_detail("another program traces it");
  }
  if (sys::number_of(status, "Seccomp", kDecimal).value_or(0) != 0) {
    return Error(ErrorCode::kUnsupported, "patch process", std::to_string(process.pid))
        .with_detail("its seccomp filter might kill it for the calls that map new code");
  }
  return {};
}

/// One patcher a process. The name is the kernel's, so that no killed patcher leaves it behind.
/// @source unix(7), abstract addresses
Result<UniqueFd> lock_process(const ProcessId& process) {
  const std::string what = std::to_string(process.pid);
  UniqueFd lock(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!lock) return Error::from_errno(errno, "lock process", what);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name =
      fmt::format("nines-patch/{}/{}", process.pid, static_cast<std::uint64_t>(process.start));
  std::copy(name.begin(), name.end(), address.sun_path + 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(lock.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0) return lock;
  if (errno != EADDRINUSE) return Error::from_errno(errno, "lock process", what);
  return Error(ErrorCode::kBusy, "lock process", what).with_detail("another patcher works on it");
}

/// One process and what its stacks are unwound with.
class Patcher {
 public:
  static Result<std::unique_ptr<Patcher>> open(const ProcessId& process,
                                               const SwitchOptions& options) {
    NINES_ASSIGN(UniqueFd lock, lock_process(process));
    NINES_TRY(preflight(process));
    NINES_ASSIGN(auto view, trace::LiveView::open(process));
    view->load_all();
    return std::unique_ptr<Patcher>(
        new Patcher(process, std::move(lock), std::move(view), options));
  }

  trace::LiveView& view() { return *view_; }
  const trace::LiveMemory& memory() const { return view_->live_memory(); }
  Result<std::vector<PatchMapping>> patches() const {
    return find_patches(view_->mappings(), memory());
  }

  /// Calls `work` while all threads stand still.
  template <typename Work>
  Status stopped(Work work) {
    NINES_ASSIGN(trace::Attachment attachment,
                 trace::Attachment::attach(process_, boot_now() + kStopWithin));
    if (!attachment.all_stopped()) {
      return Error(ErrorCode::kBusy, "stop process", std::to_string(process_.pid))
          .with_detail("a thread does not leave the kernel");
    }
    return work(attachment);
  }

  /// Again and again until no thread is in `ranges`; then `work`, still stopped.
  template <typename Work>
  Result<Switched> when_free(const std::vector<CodeRange>& ranges, Work work) {
    const BootTime give_up = boot_now() + options_.within;
    Switched result;
    for (int pause = kFirstPause_ms;; pause = std::min(2 * pause, kLongestPause_ms)) {
      ++result.attempts;
      std::string blocker;
      const BootTime begun = boot_now();
      const auto attempt = [&](const trace::Attachment& attachment) -> Status {
        NINES_TRY(view_->refresh());
        NINES_TRY(view_->look_at_threads(attachment.threads()));
        blocker = find_blocker(*view_, debug_, ranges).value_or("");
        if (!blocker.empty()) return {};
        return work(attachment);
      };
      NINES_TRY(stopped(attempt));
      result.held = boot_now() - begun;
      if (blocker.empty()) return result;
      if (boot_now() + std::chrono::milliseconds(pause) > give_up) {
        return Error(ErrorCode::kBusy, "switch functions", std::to_string(process_.pid))
            .with_detail(blocker);
      }
      ::poll(nullptr, 0, pause);
    }
  }

  bool holds(std::uint64_t address, std::string_view bytes) const {
    std::string there(bytes.size(), '\0');
    return memory().read(address, there.data(), there.size()) && there == bytes;
  }

  Status unmap(std::uint64_t start, std::uint64_t size) {
    return stopped([&](const trace::Attachment& attachment) {
      return unmap_image(attachment, process_.pid, start, size);
    });
  }

  pid_t pid() const { return process_.pid; }

 private:
  Patcher(const ProcessId& process, UniqueFd lock, std::unique_ptr<trace::LiveView> view,
          const SwitchOptions& options)
      : process_(process),
        lock_(std::move(lock)),
        view_(std::move(view)),
        files_(nullptr, {}),
        debug_(&files_, false),
        options_(options) {}

  ProcessId process_;
  UniqueFd lock_;
  std::unique_ptr<trace::LiveView> view_;
  trace::FileSource files_;
  trace::DebugFiles debug_;
  SwitchOptions options_;
};

Error changed(const PatchedFunction& function) {
  return Error(ErrorCode::kBusy, "switch function", function.name)
      .with_detail("somebody else has changed its code meanwhile");
}

Status write_jumps(const Patcher& patcher, const Registry& registry) {
  for (const PatchedFunction& function : registry.functions) {
    if (!patcher.holds(function.entry, function.before)) return changed(function);
  }
  NINES_TRY(fault::hit(FaultPoint::patch_stopped));
  Status written;
  std::size_t done = 0;
  for (; done < registry.functions.size() && written; ++done) {
    const PatchedFunction& function = registry.functions[done];
    written = patcher.memory().write(function.entry, function.jump());
    if (written) written = fault::hit(FaultPoint::patch_half);
  }
  if (written) return {};
  for (std::size_t i = 0; i < done; ++i) {
    NINES_TRY(patcher.memory().write(registry.functions[i].entry, registry.functions[i].before));
  }
  return written;
}

Status take_back(const Patcher& patcher, const Registry& registry) {
  for (const PatchedFunction& function : registry.functions) {
    // A patcher that was killed left some as they were.
    if (patcher.holds(function.entry, function.jump())) continue;
    if (!patcher.holds(function.entry, function.before)) {
      return Error(ErrorCode::kBusy, "revert function", function.name)
          .with_detail("a later patch lies over it: revert that first");
    }
  }
  for (const PatchedFunction& function : registry.functions) {
    NINES_TRY(patcher.memory().write(function.entry, function.before));
  }
  return {};
}

std::string file_name(const std::string& name) {
  return std::string(kMappingPrefix.substr(std::string_view("/memfd:").size())) + name;
}

PatchState state_of(const Registry& registry, const elf::Memory& memory) {
  std::size_t ours = 0, before = 0;
  for (const PatchedFunction& function : registry.functions) {
    std::string there(kJumpSize, '\0');
    if (!memory.read(function.entry, there.data(), there.size())) continue;
    ours += there == function.jump() ? 1 : 0;
    before += there == function.before ? 1 : 0;
  }
  if (before == registry.functions.size()) return PatchState::kUnused;
  if (ours == registry.functions.size()) return PatchState::kApplied;
  return ours + before == registry.functions.size() ? PatchState::kPartial : PatchState::kCovered;
}

Result<Switched> revert_mapping(Patcher& patcher, const PatchMapping& patch) {
  const std::vector<CodeRange> inside = {{"patch " + patch.registry.name, patch.start, patch.end}};
  NINES_ASSIGN(
      Switched switched, patcher.when_free(inside, [&](const trace::Attachment& attachment) {
        Status back = take_back(patcher, patch.registry);
        if (!back) return back;
        return unmap_image(attachment, patcher.pid(), patch.start, patch.end - patch.start);
      }));
  switched.image = patch.start;
  switched.functions = patch.registry.functions.size();
  return switched;
}

/// What patchers left that were killed on the way.
Status clear_up(Patcher& patcher) {
  NINES_ASSIGN(const auto patches, patcher.patches());
  for (auto patch = patches.rbegin(); patch != patches.rend(); ++patch) {
    const PatchState state = state_of(patch->registry, patcher.memory());
    if (state != PatchState::kUnused && state != PatchState::kPartial) continue;
    NINES_TRY(revert_mapping(patcher, *patch));
  }
  return patcher.view().refresh();
}

}  // namespace

Result<Switched> apply_patch(const ProcessId& process, const std::string& module,
                             const PatchInput& input, const SwitchOptions& options) {
  NINES_TRY(check_name(input.name));
  NINES_ASSIGN(auto patcher, Patcher::open(process, options));
  NINES_TRY(clear_up(*patcher));
  NINES_ASSIGN(const auto patches, patcher->patches());
  for (const PatchMapping& patch : patches) {
    if (patch.registry.name == input.name) {
      return Error(ErrorCode::kExists, "apply patch", input.name);
    }
  }
  std::string path = module;
  if (path.empty()) {
    NINES_ASSIGN(path, sys::Procfs().executable(process.pid));
  }
  NINES_ASSIGN(auto made, Preparation::prepare(patcher->view(), path, input, patches));
  PatchImage& image = made->image();
  NINES_ASSIGN(const std::uint64_t start,
               find_hole(patcher->view().mappings(), made->module_start(), made->module_end(),
                         image.size()));
  // All that can fail without the process fails before it is touched.
  NINES_ASSIGN(const std::string bytes, made->link_at(start));
  NINES_TRY(patcher->stopped([&](const trace::Attachment& attachment) {
    return map_image(attachment, process.pid, file_name(input.name), start,
                     {image.code_offset(), image.data_offset(), image.size()});
  }));
  const auto finish = [&]() -> Result<Switched> {
    NINES_TRY(fault::hit(FaultPoint::patch_mapped));
    NINES_TRY(patcher->memory().write(start, bytes));
    NINES_TRY(fault::hit(FaultPoint::patch_linked));
    return patcher->when_free(made->retired(), [&](const trace::Attachment&) {
      return write_jumps(*patcher, made->registry());
    });
  };
  auto switched = finish();
  if (!switched) {
    // If it cannot be unmapped now, the next patcher does it; and so it does where the old code
    // could not be put back, and something still leads there.
    if (state_of(made->registry(), patcher->memory()) == PatchState::kUnused) {
      (void)patcher->unmap(start, image.size()).has_value();
    }
    return switched;
  }
  switched->image = start;
  switched->functions = made->registry().functions.size();
  return switched;
}

Result<Switched> revert_patch(const ProcessId& process, const std::string& name,
                              const SwitchOptions& options) {
  NINES_ASSIGN(auto patcher, Patcher::open(process, options));
  NINES_ASSIGN(const auto patches, patcher->patches());
  const auto patch = std::find_if(patches.begin(), patches.end(), [&](const PatchMapping& one) {
    return one.registry.name == name;
  });
  if (patch == patches.end()) return Error(ErrorCode::kNotFound, "revert patch", name);
  return revert_mapping(*patcher, *patch);
}

Result<std::vector<PatchStatus>> list_patches(const ProcessId& process) {
  NINES_ASSIGN(const auto view, trace::LiveView::open(process));
  NINES_ASSIGN(const auto patches, find_patches(view->mappings(), view->memory()));
  std::vector<PatchStatus> result;
  for (const PatchMapping& patch : patches) {
    result.push_back(
        {patch.registry.name, state_of(patch.registry, view->memory()), patch.registry.functions});
  }
  return result;
}

}  // namespace nines::livepatch
