#include "app/crash/whole_core.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include "app/crash/core_image.h"
#include "app/crash/pack_image.h"
#include "base/fault_point.h"
#include "sys/file.h"

namespace nines::crash {
namespace {

constexpr mode_t kForUsAlone = 0600;  // a core holds keys
constexpr unsigned kThreads = 2;
constexpr std::uint64_t kLookEvery = std::uint64_t{16} << 20;  // of what was written
// To look at all crashes takes tens of milliseconds.
constexpr std::uint64_t kTidyEvery = std::uint64_t{256} << 20;
constexpr std::uint64_t kSyncAtOnce = std::uint64_t{16} << 20;

/// Before each piece: whether there is room for it.
class Room {
 public:
  Room(const WholeCoreRequest& request, std::shared_ptr<const CoreImage> image, int file)
      : request_(request), image_(std::move(image)), file_(file) {}

  Status may_write(Bytes written) {
    NINES_TRY(fault::hit(FaultPoint::whole_core_half));
    if (request_.limit && image_->memory_read() > *request_.limit) {
      return full(
          fmt::format("it has more memory than CrashCoreLimit={}", to_string(*request_.limit)));
    }
    if (written > request_.limits.total) {
      return full(
          fmt::format("it was larger than the {} that all crashes may take; see ninesd "
                      "--crash-store-max",
                      to_string(request_.limits.total)));
    }
    if (written.count < look_again_) return {};
    look_again_ = written.count + kLookEvery;
    // So that the disk has little left to do at the end.
    (void)::sync_file_range(file_, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (written.count >= tidy_again_) make_room(written);
    if (has_room()) return {};
    make_room(written);
    if (has_room()) return {};
    return Error(ErrorCode::kNoSpace, "write the whole core")
        .with_detail(fmt::format("{} % of the disk are kept free, and nothing older was left to be "
                                 "removed; {} had been written",
                                 request_.limits.free_percent, to_string(written)));
  }

 private:
  bool has_room() const {
    const auto room = room_in(request_.store, request_.limits);
    return !room || room->count > 0;
  }
  /// What is older gives way while this one grows; nobody waits for another who does the same.
  void make_room(Bytes written) {
    tidy_again_ = written.count + kTidyEvery;
    (void)tidy(request_.store, request_.name, request_.limits).has_value();
  }
  static Error full(std::string detail) {
    return Error(ErrorCode::kLimit, "write the whole core").with_detail(std::move(detail));
  }

  const WholeCoreRequest request_;
  const std::shared_ptr<const CoreImage> image_;
  const int file_;
  std::uint64_t look_again_ = 0;
  std::uint64_t tidy_again_ = kTidyEvery;
};

unsigned processors() {
  cpu_set_t ours;
  if (::sched_getaffinity(0, sizeof ours, &ours) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&ours)));
}

}  // namespace

void work_in_the_background() {
  // A third of what an application gets where all processors are busy. Not SCHED_IDLE: the process
  // waits for this, with all its memory, locks and ports.
  constexpr int kNice = 5;
  constexpr int kBestEffortLast = (2 << 13) | 7;  // ioprio_set(2)
  constexpr int kThisThread = 1;                  // IOPRIO_WHO_PROCESS
  const sched_param none{};
  (void)::sched_setscheduler(0, SCHED_BATCH, &none);
  (void)::setpriority(PRIO_PROCESS, 0, kNice);
  (void)::syscall(SYS_ioprio_set, kThisThread, 0, kBestEffortLast);
  // nice(2) counts within a session alone where the kernel groups tasks by them, sched(7).
  if (::getsid(0) != ::getpid()) return;
  (void)sys::write_existing("/proc/self/autogroup", std::to_string(kNice)).has_value();
}

WholeCore::WholeCore(WholeCore&& other) noexcept
    : directory_(std::exchange(other.directory_, {})),
      file_(std::move(other.file_)),
      packed_(other.packed_),
      size_(other.size_) {}

WholeCore::~WholeCore() {
  if (directory_.empty()) return;
  (void)::unlink((directory_ + "/" + std::string(kWholeCorePart)).c_str());
}

Result<WholeCore> WholeCore::write(const Victim& victim, const CoreStart& start,
                                   const WholeCoreRequest& request) {
  NINES_ASSIGN(CoreImage made, CoreImage::open(start, victim.process, victim.pid));
  const auto image = std::make_shared<const CoreImage>(std::move(made));
  const std::string directory = request.store + "/" + request.name;
  NINES_ASSIGN(UniqueFd file,
               sys::open_file(directory + "/" + std::string(kWholeCorePart),
                              O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, kForUsAlone));
  WholeCore whole(directory);
  whole.file_ = std::move(file);
  NINES_TRY(fault::hit(FaultPoint::whole_core_begun));
  const auto room = std::make_shared<Room>(request, image, whole.file_.get());
  PackSource source;
  source.size = image->size();
  source.read = [image](std::uint64_t offset, std::span<char> into) -> Result<bool> {
    NINES_ASSIGN(const auto content, image->read(offset, into));
    return content == CoreImage::Content::kBytes;
  };
  PackOptions options;
  options.threads = std::min(kThreads, processors());
  options.may_write = [room](Bytes written) { return room->may_write(written); };
  options.on_progress = request.on_progress;
  auto packed = pack_image(source, whole.file_.get(), options);
  if (!packed) {
    // Threads hang in the file's system: so would its removal.
    if (packed.error().code() == ErrorCode::kTimeout) whole.directory_.clear();
    return std::move(packed.error());
  }
  if (victim.process.has_exited()) {
    return Error(ErrorCode::kGone, "write the whole core").with_detail("the process was killed");
  }
  whole.packed_ = *packed;
  whole.size_ = Bytes{image->size()};
  return whole;
}

Status WholeCore::publish(const std::function<void()>& on_progress) {
  NINES_TRY(fault::hit(FaultPoint::whole_core_written));
  for (std::uint64_t at = 0; at < packed_.count; at += kSyncAtOnce) {
    constexpr unsigned kUntilDone =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    (void)::sync_file_range(file_.get(), static_cast<off_t>(at), kSyncAtOnce, kUntilDone);
    if (on_progress) on_progress();
  }
  if (::fdatasync(file_.get()) != 0) return Error::from_errno(errno, "sync the whole core");
  const std::string part = directory_ + "/" + std::string(kWholeCorePart);
  const std::string path = directory_ + "/" + std::string(kWholeCore);
  if (::rename(part.c_str(), path.c_str()) != 0) return Error::from_errno(errno, "rename", part);
  directory_.clear();
  fault::pass(FaultPoint::whole_core_kept);
  return {};
}

}  // namespace nines::crash
