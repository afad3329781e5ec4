#include "ledger/record_codec.h"

#include <gtest/gtest.h>

#include "ledger/test_support.h"

namespace nines::ledger {
namespace {

using testing::closed;
using testing::make_event;

std::string id_of(const Record& record) {
  return std::visit([](const auto& value) { return value.id; }, record);
}
std::string segment_of(int count) {
  std::string bytes;
  append_frame(&bytes, BootMark{"boot"});
  for (int i = 0; i < count; ++i) EXPECT_TRUE(append_frame(&bytes, make_event(std::to_string(i))));
  return bytes;
}

TEST(RecordCodec, Crc32IsTheOneOfTheStandard) {
  EXPECT_EQ(crc32("123456789"), 0xcbf43926U);  // the check value of CRC-32/ISO-HDLC
  EXPECT_EQ(crc32(""), 0U);
}

TEST(RecordCodec, RoundTripKeepsEveryField) {
  Event event = make_event("id", "kind", "subject", 5);
  event.cell = Cell::kOsPlanned;
  event.severity = Severity::kError;
  event.detail_json = std::string("{\"a\":\0}", 7);
  event.caused_by = "cause";
  DowntimeInterval interval = closed("i", 3, 9);
  interval.cause_event = "cause";
  interval.planned = true;
  interval.cell = Cell::kHwProactive;
  std::string bytes;
  append_frame(&bytes, BootMark{"boot"});
  ASSERT_TRUE(append_frame(&bytes, event));
  ASSERT_TRUE(append_frame(&bytes, interval));
  const DecodedSegment segment = decode_segment(bytes);
  EXPECT_EQ(segment.boot_id, "boot");
  EXPECT_EQ(segment.skipped_bytes, 0U);
  ASSERT_EQ(segment.records.size(), 2U);
  const auto& e = std::get<Event>(segment.records[0]);
  EXPECT_EQ(e.id, event.id);
  EXPECT_EQ(e.time, event.time);
  EXPECT_EQ(e.since_boot, event.since_boot);
  EXPECT_EQ(e.cell, event.cell);
  EXPECT_EQ(e.severity, event.severity);
  EXPECT_EQ(e.kind, event.kind);
  EXPECT_EQ(e.subject, event.subject);
  EXPECT_EQ(e.detail_json, event.detail_json);
  EXPECT_EQ(e.caused_by, event.caused_by);
  const auto& i = std::get<DowntimeInterval>(segment.records[1]);
  EXPECT_EQ(i.id, interval.id);
  EXPECT_EQ(i.unit, interval.unit);
  EXPECT_EQ(i.start, interval.start);
  EXPECT_EQ(i.start_since_boot, interval.start_since_boot);
  EXPECT_EQ(i.closed, interval.closed);
  EXPECT_EQ(i.end, interval.end);
  EXPECT_EQ(i.duration, interval.duration);
  EXPECT_EQ(i.cause_event, interval.cause_event);
  EXPECT_EQ(i.planned, interval.planned);
  EXPECT_EQ(i.cell, interval.cell);
}

TEST(RecordCodec, ATornTailCostsOnlyItself) {
  const std::string whole = segment_of(3);
  const std::size_t two = segment_of(2).size();
  for (std::size_t cut = two; cut < whole.size(); ++cut) {
    const DecodedSegment segment = decode_segment(std::string_view(whole).substr(0, cut));
    ASSERT_EQ(segment.records.size(), 2U) << cut;
    ASSERT_EQ(segment.skipped_bytes, cut - two);
  }
}

TEST(RecordCodec, ADamagedFrameCostsOnlyItself) {
  const std::size_t begin = segment_of(1).size();
  const std::size_t end = segment_of(2).size();
  for (std::size_t at = begin; at < end; ++at) {
    std::string bytes = segment_of(3);
    bytes[at] = static_cast<char>(bytes[at] ^ 0x20);
    const DecodedSegment segment = decode_segment(bytes);
    ASSERT_EQ(segment.records.size(), 2U) << at;
    EXPECT_EQ(id_of(segment.records[0]), "0");
    EXPECT_EQ(id_of(segment.records[1]), "2");
    EXPECT_EQ(segment.skipped_bytes, end - begin);
  }
}

TEST(RecordCodec, ARecordInsideAnotherIsNotTakenForOne) {
  std::string inner;
  ASSERT_TRUE(append_frame(&inner, make_event("inner")));
  Event outer = make_event("outer");
  outer.detail_json = inner;
  std::string bytes;
  ASSERT_TRUE(append_frame(&bytes, outer));
  const DecodedSegment segment = decode_segment(bytes);
  ASSERT_EQ(segment.records.size(), 1U);
  EXPECT_EQ(id_of(segment.records[0]), "outer");
}

TEST(RecordCodec, TooLongIsRefusedAndLeavesNoTrace) {
  Event event = make_event("long");
  event.detail_json.assign(kMaxPayload, 'x');
  std::string bytes = "before";
  EXPECT_FALSE(append_frame(&bytes, event));
  EXPECT_EQ(bytes, "before");
}

}  // namespace
}  // namespace nines::ledger
