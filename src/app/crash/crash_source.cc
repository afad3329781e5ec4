#include "app/crash/crash_source.h"

#include <utility>

namespace nines::crash {
namespace {

constexpr int kInput = 3;
constexpr int kProcess = 4;  // with a pipe: a handle of it

}  // namespace

Result<CrashSource> CrashSource::open(const std::optional<PipeNotice>& pipe) {
  CrashSource source;
  if (pipe) {
    source.stream_.reset(kInput);
    source.process_ = sys::Pidfd(UniqueFd(kProcess));
    source.pid_ = pipe->pid;
    source.by_owner_ = pipe->dumpable == 1;
    return source;
  }
  UniqueFd input(kInput);
  NINES_ASSIGN(auto connection, CoreConnection::from_kernel(input));
  source.pid_ = connection.pid();
  source.by_owner_ = connection.dumpable_by_owner();
  source.connection_.emplace(std::move(connection));
  return source;
}

Status CrashSource::ask(BootTime deadline) {
  if (!connection_) return {};
  NINES_TRY(connection_->offer(deadline - boot_now()));
  return connection_->accept(deadline - boot_now());
}

}  // namespace nines::crash
