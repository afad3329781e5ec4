#include "app/crash/open_core.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "app/crash/crash_store.h"
#include "app/crash/packed_core.h"
#include "app/crash/sparse_writer.h"
#include "sys/file.h"

namespace nines::crash {
namespace {

constexpr std::size_t kMagicBytes = 6;
/// A hostile frame may ask for a window of any size.
constexpr int kMaxWindow_log2 = 27;

std::string_view kind_of(std::string_view start) {
  using namespace std::string_view_literals;
  if (start.starts_with("\x28\xb5\x2f\xfd"sv)) return "zstd";  // RFC 8878, section 3.1.1
  if (start.starts_with("\x04\x22\x4d\x18"sv)) return "lz4";   // LZ4 frame format, "Magic Number"
  if (start.starts_with("\xfd"
                        "7zXZ"sv)) {
    return "xz";  // the .xz file format, section 2.1.1.1
  }
  if (start.starts_with("\x1f\x8b"sv)) return "gzip";  // RFC 1952, section 2.3.1
  return "";
}

std::string temporary_directory() {
  const char* given = std::getenv("TMPDIR");
  return given != nullptr && *given == '/' ? given : "/var/tmp";
}

struct FreeStream {
  void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

Error damaged(const std::string& why) {
  return Error(ErrorCode::kCorrupt, "unpack core").with_detail(why);
}

/// Of any zstd file.
Status unpack_stream(int packed, int file, Bytes most) {
  const std::unique_ptr<ZSTD_DStream, FreeStream> stream(ZSTD_createDStream());
  if (!stream) return Error(ErrorCode::kLimit, "unpack core").with_detail("no memory");
  ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, kMaxWindow_log2);
  std::vector<char> from(ZSTD_DStreamInSize()), to(ZSTD_DStreamOutSize());
  SparseWriter writer(file, most);
  std::size_t more = 0;
  for (;;) {
    const ssize_t n = ::read(packed, from.data(), from.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::from_errno(errno, "read core");
    if (n == 0) break;
    ZSTD_inBuffer in{from.data(), static_cast<std::size_t>(n), 0};
    bool full = false;
    while (in.pos < in.size || full) {
      ZSTD_outBuffer out{to.data(), to.size(), 0};
      more = ZSTD_decompressStream(stream.get(), &out, &in);
      if (ZSTD_isError(more) != 0) return damaged(ZSTD_getErrorName(more));
      NINES_TRY(writer.write({to.data(), out.pos}));
      full = out.pos == out.size;
    }
  }
  if (more != 0) return damaged("it is cut off");
  return writer.finish();
}

Result<UniqueFd> unpacked(int packed) {
  const std::string directory = temporary_directory();
  NINES_ASSIGN(UniqueFd out, sys::open_file(directory, O_RDWR | O_TMPFILE, 0600));
  const Bytes room = room_in(directory, {}).value_or(Bytes{UINT64_MAX});
  const Status done = read_frame_table(packed) ? unpack_core(packed, out.get(), room)
                                               : unpack_stream(packed, out.get(), room);
  if (!done && done.error().code() == ErrorCode::kNoSpace) {
    return Error(done.error())
        .with_hint("5 % of the disk of " + directory + " stay free; TMPDIR names another one");
  }
  NINES_TRY(done);
  if (::lseek(out.get(), 0, SEEK_SET) < 0) return Error::from_errno(errno, "unpack core");
  return out;
}

}  // namespace

Result<UniqueFd> open_core(const std::string& path) {
  // A FIFO would have to be waited for.
  NINES_ASSIGN(UniqueFd file, sys::open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return Error(ErrorCode::kInvalidArgument, "open core", path).with_detail("not a regular file");
  }
  char start[kMagicBytes] = {};
  const ssize_t n = ::pread(file.get(), start, sizeof start, 0);
  const auto kind = kind_of({start, static_cast<std::size_t>(std::max<ssize_t>(n, 0))});
  if (kind.empty()) return file;
  if (kind == "zstd") return unpacked(file.get()).in("unpack " + path);
  return Error(ErrorCode::kUnsupported, "open core", path)
      .with_detail("packed with " + std::string(kind))
      .with_hint("unpack it first");
}

}  // namespace nines::crash
