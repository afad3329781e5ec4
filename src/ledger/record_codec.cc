#include "ledger/record_codec.h"

#include <array>
#include <bit>
#include <cstring>
#include <optional>

namespace nines::ledger {
namespace {

constexpr std::string_view kMagic = "NSP1";
constexpr std::size_t kHeaderSize = 20;
constexpr std::size_t kHeaderChecked = 16;
enum class FrameType : std::uint8_t { kBoot = 1, kEvent = 2, kInterval = 3 };

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    // 0xedb88320: the polynomial of ISO 3309, bits reversed.
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320U : 0);
    table[i] = value;
  }
  return table;
}

static_assert(std::endian::native == std::endian::little, "as numbers are in a frame");

template <typename T>
void put(std::string* out, T value) {
  std::array<char, sizeof(T)> bytes;
  std::memcpy(bytes.data(), &value, sizeof(T));
  out->append(bytes.data(), bytes.size());
}

void put_text(std::string* out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  *out += text;
}

/// Takes fields off the front of a payload; one that is not there fails all that follow.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T number() {
    if (rest_.size() < sizeof(T)) return fail(), T{};
    T value;
    (void)rest_.copy(reinterpret_cast<char*>(&value), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  std::string text() {
    const auto size = number<std::uint32_t>();
    if (rest_.size() < size) return fail(), std::string();
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  /// A number below `count`.
  template <typename Enum>
  Enum choice(std::uint8_t count) {
    const auto value = number<std::uint8_t>();
    if (value >= count) return fail(), Enum{};
    return static_cast<Enum>(value);
  }
  /// All was there, and nothing more.
  bool complete() const { return ok_ && rest_.empty(); }

 private:
  void fail() {
    ok_ = false;
    rest_ = {};
  }
  std::string_view rest_;
  bool ok_ = true;
};

void encode(std::string* out, const Event& event) {
  put_text(out, event.id);
  put(out, event.time.ns);
  put(out, event.since_boot.ns);
  put(out, static_cast<std::uint8_t>(event.cell));
  put(out, static_cast<std::uint8_t>(event.severity));
  put_text(out, event.kind);
  put_text(out, event.subject);
  put_text(out, event.detail_json);
  put_text(out, event.caused_by);
}

void encode(std::string* out, const DowntimeInterval& interval) {
  put_text(out, interval.id);
  put_text(out, interval.unit);
  put(out, interval.start.ns);
  put(out, interval.start_since_boot.ns);
  put(out, static_cast<std::uint8_t>(interval.closed));
  put(out, interval.end.ns);
  put(out, static_cast<std::int64_t>(interval.duration.count()));
  put_text(out, interval.cause_event);
  put(out, static_cast<std::uint8_t>(interval.planned));
  put(out, static_cast<std::uint8_t>(interval.cell));
}

std::optional<Record> decode_event(std::string_view payload) {
  FieldReader reader(payload);
  Event event;
  event.id = reader.text();
  event.time.ns = reader.number<std::int64_t>();
  event.since_boot.ns = reader.number<std::int64_t>();
  event.cell = reader.choice<Cell>(9);
  event.severity = reader.choice<Severity>(3);
  event.kind = reader.text();
  event.subject = reader.text();
  event.detail_json = reader.text();
  event.caused_by = reader.text();
  if (!reader.complete()) return std::nullopt;
  return event;
}

std::optional<Record> decode_interval(std::string_view payload) {
  FieldReader reader(payload);
  DowntimeInterval interval;
  interval.id = reader.text();
  interval.unit = reader.text();
  interval.start.ns = reader.number<std::int64_t>();
  interval.start_since_boot.ns = reader.number<std::int64_t>();
  interval.closed = reader.choice<std::uint8_t>(2) != 0;
  interval.end.ns = reader.number<std::int64_t>();
  interval.duration = Nanoseconds(reader.number<std::int64_t>());
  interval.cause_event = reader.text();
  interval.planned = reader.choice<std::uint8_t>(2) != 0;
  interval.cell = reader.choice<Cell>(9);
  if (!reader.complete()) return std::nullopt;
  return interval;
}

/// Puts a header before the payload that begins at `start`.
void finish_frame(std::string* out, std::size_t start, FrameType type) {
  const std::string_view payload = std::string_view(*out).substr(start + kHeaderSize);
  std::string header(kMagic);
  put(&header, static_cast<std::uint32_t>(payload.size()));
  put(&header, crc32(payload));
  put(&header, static_cast<std::uint32_t>(type));
  put(&header, crc32(header));
  std::memcpy(out->data() + start, header.data(), kHeaderSize);
}

struct Frame {
  FrameType type;
  std::string_view payload;
};

/// The whole and undamaged frame at the front of `bytes`, if there is one.
std::optional<Frame> frame_at(std::string_view bytes) {
  if (bytes.size() < kHeaderSize || bytes.substr(0, kMagic.size()) != kMagic) return std::nullopt;
  FieldReader header(bytes.substr(kMagic.size(), kHeaderSize - kMagic.size()));
  const auto length = header.number<std::uint32_t>();
  const auto payload_crc = header.number<std::uint32_t>();
  const auto type = header.number<std::uint32_t>();
  if (header.number<std::uint32_t>() != crc32(bytes.substr(0, kHeaderChecked))) return std::nullopt;
  if (length > kMaxPayload || length > bytes.size() - kHeaderSize) return std::nullopt;
  const std::string_view payload = bytes.substr(kHeaderSize, length);
  if (crc32(payload) != payload_crc) return std::nullopt;
  return Frame{static_cast<FrameType>(type & 0xff), payload};
}

bool take(const Frame& frame, DecodedSegment* segment) {
  std::optional<Record> record;
  switch (frame.type) {
    case FrameType::kBoot: segment->boot_id = frame.payload; return true;
    case FrameType::kEvent: record = decode_event(frame.payload); break;
    case FrameType::kInterval: record = decode_interval(frame.payload); break;
  }
  if (!record) return false;
  segment->records.push_back(std::move(*record));
  return true;
}

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = make_crc_table();
  std::uint32_t value = 0xffffffff;
  for (const char c : bytes) {
    value = (value >> 8) ^ kTable[(value ^ static_cast<unsigned char>(c)) & 0xff];
  }
  return ~value;
}

void append_frame(std::string* out, const BootMark& mark) {
  const std::size_t start = out->size();
  out->append(kHeaderSize, '\0');
  *out += mark.boot_id;
  finish_frame(out, start, FrameType::kBoot);
}

bool append_frame(std::string* out, const Record& record) {
  const std::size_t start = out->size();
  out->append(kHeaderSize, '\0');
  std::visit([out](const auto& value) { encode(out, value); }, record);
  if (out->size() - start - kHeaderSize > kMaxPayload) {
    out->resize(start);
    return false;
  }
  const bool is_event = std::holds_alternative<Event>(record);
  finish_frame(out, start, is_event ? FrameType::kEvent : FrameType::kInterval);
  return true;
}

DecodedSegment decode_segment(std::string_view bytes) {
  DecodedSegment segment;
  while (!bytes.empty()) {
    const auto frame = frame_at(bytes);
    if (frame) {
      if (!take(*frame, &segment)) segment.skipped_bytes += kHeaderSize + frame->payload.size();
      bytes.remove_prefix(kHeaderSize + frame->payload.size());
      continue;
    }
    const std::size_t next = std::min(bytes.find(kMagic, 1), bytes.size());
    segment.skipped_bytes += next;
    bytes.remove_prefix(next);
  }
  return segment;
}

}  // namespace nines::ledger
