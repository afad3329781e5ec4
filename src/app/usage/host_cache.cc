#include <sys/stat.h>

#include <fcntl.h>

#include <charconv>

#include "app/usage/cache.h"
#include "app/usage/small_file.h"
#include "sys/file.h"
#include "sys/key_number.h"

namespace nines::usage {
namespace {

/// More directories above units than any host has; beyond them all is read anew.
constexpr std::size_t kMaxSharedCgroups = 1024;

Error not_as_documented(const std::string& path) {
  return Error(ErrorCode::kCorrupt, "read", path).with_detail("not as documented");
}

Result<double> read_number(const std::string& path) {
  SmallBuffer buffer;
  NINES_ASSIGN(const std::string_view text, read_small(path, buffer));
  const auto number = parse_amount(text);
  if (!number) return not_as_documented(path);
  return *number;
}

template <typename Kept, typename Read>
auto keep(Kept& kept, BootTime now, Read read) {
  if (!kept.value || now >= kept.until) {
    kept.value.emplace(read());
    kept.until = now + kRound;
  }
  return *kept.value;
}

}  // namespace

CgroupLevel& HostCache::shared_cgroup(const std::string& path) {
  if (cgroups_.size() >= kMaxSharedCgroups && !cgroups_.contains(path)) cgroups_.clear();
  return cgroups_[path];
}

Result<double> HostCache::available_memory(BootTime now) {
  return keep(available_, now, [this] { return read_available_memory(); });
}

Result<double> HostCache::read_available_memory() const {
  const std::string path = root_.path("/proc/meminfo");
  SmallBuffer buffer;
  NINES_ASSIGN(const std::string_view text, read_small(path, buffer));
  const auto kibibytes = sys::number_of(text, "MemAvailable");
  if (!kibibytes) return not_as_documented(path);
  return static_cast<double>(*kibibytes) * 1024;
}

Result<HostTasks> HostCache::tasks(BootTime now) {
  return keep(tasks_, now, [this, now] { return read_tasks(now); });
}

Result<HostTasks> HostCache::read_tasks(BootTime now) {
  if (tasks_limit_.limit == 0 || now >= tasks_limit_until_) {
    NINES_ASSIGN(const double threads, read_number(root_.path("/proc/sys/kernel/threads-max")));
    NINES_ASSIGN(const double pids, read_number(root_.path("/proc/sys/kernel/pid_max")));
    tasks_limit_.limit = std::min(threads, pids);
    tasks_limit_.limited_by = threads < pids ? "kernel.threads-max" : "kernel.pid_max";
    tasks_limit_until_ = now + kRefresh;
  }
  // "0.20 0.18 0.12 1/80 11206": runnable / all tasks. @source proc_loadavg(5)
  const std::string path = root_.path("/proc/loadavg");
  SmallBuffer buffer;
  NINES_ASSIGN(const std::string_view text, read_small(path, buffer));
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return not_as_documented(path);
  const auto running = parse_amount(text.substr(slash + 1));
  if (!running) return not_as_documented(path);
  return HostTasks{*running, tasks_limit_.limit, tasks_limit_.limited_by};
}

Status HostCache::list_listeners(BootTime now) {
  return keep(listeners_, now, [this] { return read_listeners(); });
}

Status HostCache::read_listeners() {
  tcp_.clear();
  unix_.clear();
  if (!root_.is_real()) return Error(ErrorCode::kUnsupported, "list listeners of a copied root");
  if (!diag_) {
    NINES_ASSIGN(diag_, sys::SockDiag::open());
  }
  auto tcp = diag_->tcp_listeners();
  if (tcp) {
    for (const auto& listener : *tcp) tcp_.emplace(listener.inode, listener);
  }
  // The two are modules of their own: a kernel may have one of them.
  auto local = diag_->unix_listeners();
  if (local) {
    for (auto& listener : *local) unix_.emplace(listener.inode, std::move(listener));
  }
  // What is left of a conversation that broke off must not be taken for the answer of the next.
  if (!tcp || !local) diag_.reset();
  if (!tcp) return tcp.error();
  if (!local) return local.error();
  return {};
}

std::optional<Listener> HostCache::listener(std::uint64_t inode) const {
  // A queue takes one more than its backlog. @source sk_acceptq_is_full(), include/net/sock.h;
  // unix_recvq_full(), net/unix/af_unix.c
  if (const auto found = tcp_.find(inode); found != tcp_.end()) {
    return Listener{sys::address_of(found->second), double(found->second.waiting),
                    double(found->second.backlog) + 1};
  }
  if (const auto found = unix_.find(inode); found != unix_.end()) {
    return Listener{shown(found->second.name), double(found->second.waiting),
                    double(found->second.backlog) + 1};
  }
  return std::nullopt;
}

bool HostCache::directory_size_counts_descriptors() {
  if (!size_counts_) {
    // The descriptor that this opens is one at least.
    const std::string own = root_.path("/proc/self/fd");
    const auto directory = sys::open_file(own, O_RDONLY | O_DIRECTORY);
    struct stat info{};
    size_counts_ =
        root_.is_real() && directory && ::fstat(directory->get(), &info) == 0 && info.st_size > 0;
  }
  return *size_counts_;
}

}  // namespace nines::usage
