#include "app/crash/packed_core.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>

#include "app/crash/sparse_writer.h"

namespace nines::crash {
namespace {

// The seekable format's own numbers. All are little-endian, as the machines that we run on are.
constexpr std::uint32_t kSkippable = 0x184D2A5E;
constexpr std::uint32_t kSeekable = 0x8F92EAB1;
constexpr std::size_t kTableHead = 8;    // magic, size of the rest
constexpr std::size_t kEntry = 8;        // packed, unpacked
constexpr std::size_t kTableFooter = 9;  // number of frames, descriptor, magic
// With kPiece each: a core of 256 TiB, which is all that an address space has.
constexpr std::uint32_t kMostFrames = std::uint32_t{1} << 27;

Error corrupt(std::string what) {
  return Error(ErrorCode::kCorrupt, "unpack core").with_detail(std::move(what));
}

void append(std::string* to, std::uint32_t number) {
  to->append(reinterpret_cast<const char*>(&number), sizeof number);
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

/// @pre  the file was that long a moment ago.
Status read_at(int fd, std::uint64_t offset, char* into, std::size_t size) {
  for (std::size_t done = 0; done < size;) {
    const ssize_t n = ::pread(fd, into + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::from_errno(errno, "read the packed core");
    if (n == 0) return corrupt("it became shorter while it was read");
    done += static_cast<std::size_t>(n);
  }
  return {};
}

/// What is left of the file before its table must be the frames, to the byte.
Status check_sizes(const FrameTable& table, std::uint64_t room) {
  for (std::size_t i = 0; i < table.frames().size(); ++i) {
    const auto [packed, unpacked] = table.frames()[i];
    const bool last = i + 1 == table.frames().size();
    if (unpacked > kPiece || unpacked == 0 || (!last && unpacked != kPiece)) {
      return corrupt(fmt::format("frame {} is said to hold {} bytes", i, unpacked));
    }
    if (packed > ZSTD_compressBound(kPiece) || packed > room) {
      return corrupt(fmt::format("frame {} is said to be of {} bytes", i, packed));
    }
    room -= packed;
  }
  if (room != 0) return corrupt(fmt::format("{} bytes are in no frame", room));
  return {};
}

}  // namespace

struct PiecePacker::State {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::string out;
  std::string zeros;  ///< the frame of a piece of zeros, once there was one

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ZSTD_freeCCtx(context); }

  Result<std::string_view> compress(std::string_view piece) {
    if (context == nullptr) return Error(ErrorCode::kLimit, "pack core");
    const std::size_t size =
        ZSTD_compress2(context, out.data(), out.size(), piece.data(), piece.size());
    if (ZSTD_isError(size) == 0) return std::string_view(out.data(), size);
    return Error(ErrorCode::kLimit, "pack core").with_detail(ZSTD_getErrorName(size));
  }
};

PiecePacker::PiecePacker() : state_(std::make_unique<State>()) {
  if (state_->context == nullptr) return;
  ZSTD_CCtx_setParameter(state_->context, ZSTD_c_compressionLevel, 1);
  ZSTD_CCtx_setParameter(state_->context, ZSTD_c_checksumFlag, 1);
  state_->out.resize(ZSTD_compressBound(kPiece));
}
PiecePacker::~PiecePacker() = default;
PiecePacker::PiecePacker(PiecePacker&&) noexcept = default;

Result<std::string_view> PiecePacker::pack(std::string_view piece) {
  if (piece.size() == kPiece && all_zeros(piece)) return pack_zeros(kPiece);
  return state_->compress(piece);
}

Result<std::string_view> PiecePacker::pack_zeros(std::size_t size) {
  if (size != kPiece) return state_->compress(std::string(size, '\0'));
  if (state_->zeros.empty()) {
    NINES_ASSIGN(state_->zeros, state_->compress(std::string(size, '\0')));
  }
  return std::string_view(state_->zeros);
}

std::string FrameTable::encode() const {
  std::string table;
  table.reserve(kTableHead + frames_.size() * kEntry + kTableFooter);
  append(&table, kSkippable);
  append(&table, static_cast<std::uint32_t>(frames_.size() * kEntry + kTableFooter));
  for (const Frame& frame : frames_) {
    append(&table, frame.packed);
    append(&table, frame.unpacked);
  }
  append(&table, static_cast<std::uint32_t>(frames_.size()));
  table.push_back('\0');  // no checksums here: the frames have theirs
  append(&table, kSeekable);
  return table;
}

Result<FrameTable> read_frame_table(int packed) {
  struct stat info{};
  if (::fstat(packed, &info) != 0) return Error::from_errno(errno, "look at the packed core");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  constexpr std::string_view kCutOff = "it does not end with its table of frames: it was cut off";
  if (!S_ISREG(info.st_mode) || size < kTableHead + kTableFooter)
    return corrupt(std::string(kCutOff));
  std::string footer(kTableFooter, '\0');
  NINES_TRY(read_at(packed, size - kTableFooter, footer.data(), footer.size()));
  if (number_at(footer, 5) != kSeekable) return corrupt(std::string(kCutOff));
  const std::uint64_t count = number_at(footer, 0);
  if (footer[4] != '\0') return corrupt("its table of frames is of another kind");
  const std::uint64_t table_size = kTableHead + count * kEntry + kTableFooter;
  if (count > kMostFrames || table_size > size) {
    return corrupt(fmt::format("its table is said to have {} frames", count));
  }
  std::string bytes(table_size, '\0');
  NINES_TRY(read_at(packed, size - table_size, bytes.data(), bytes.size()));
  if (number_at(bytes, 0) != kSkippable || number_at(bytes, 4) != table_size - kTableHead) {
    return corrupt("its table of frames does not begin where it should");
  }
  FrameTable table;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = kTableHead + i * kEntry;
    table.add(number_at(bytes, at), number_at(bytes, at + 4));
  }
  NINES_TRY(check_sizes(table, size - table_size));
  return table;
}

Status unpack_core(int packed, int out, Bytes most) {
  NINES_ASSIGN(const FrameTable table, read_frame_table(packed));
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     &ZSTD_freeDCtx);
  if (!context) return Error(ErrorCode::kLimit, "unpack core");
  SparseWriter writer(out, most);
  std::string frame;
  std::string piece(kPiece, '\0');
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < table.frames().size(); ++i) {
    const auto [size, holds] = table.frames()[i];
    frame.resize(size);
    NINES_TRY(read_at(packed, at, frame.data(), size));
    // `piece` bounds it, whatever the frame says of itself.
    const std::size_t got =
        ZSTD_decompressDCtx(context.get(), piece.data(), piece.size(), frame.data(), size);
    if (ZSTD_isError(got) != 0) {
      return corrupt(fmt::format("frame {}, at byte {}: {}", i, at, ZSTD_getErrorName(got)));
    }
    if (got != holds) return corrupt(fmt::format("frame {} holds {} bytes, not {}", i, got, holds));
    NINES_TRY(writer.write({piece.data(), got}));
    at += size;
  }
  return writer.finish();
}

}  // namespace nines::crash
