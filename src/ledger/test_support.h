// For the tests of this room only.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "ledger/record.h"

/// Skips a test that lacks a capability; where NINES_REQUIRE names it, the skip is a failure.
#define NINES_SKIP_WITHOUT(capability, available)                                           \
  do {                                                                                      \
    if (available) break;                                                                   \
    const char* required = std::getenv("NINES_REQUIRE");                                    \
    if (required != nullptr && std::string(required).find(capability) != std::string::npos) \
      FAIL() << "required here: " << (capability);                                          \
    GTEST_SKIP() << "needs " << (capability);                                               \
  } while (false)

namespace nines::ledger::testing {

/// A directory that goes with the test.
class TempDir {
 public:
  TempDir() {
    std::string form = std::filesystem::temp_directory_path() / "nines-ledger-XXXXXX";
    if (::mkdtemp(form.data()) == nullptr) std::abort();
    path_ = form;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline HostIdentity test_host() {
  return {"machine-1", "host-1", "boot-1"};
}

inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr std::int64_t kDay2026 = 1'795'000'000 * kSecond;  // some day in November 2026

inline Event make_event(const std::string& id, const std::string& kind = "unit.exit",
                        const std::string& subject = "a.service", std::int64_t second = 0) {
  Event event;
  event.id = id;
  event.time = UtcTime{kDay2026 + second * kSecond};
  event.since_boot = BootTime{second * kSecond};
  event.kind = kind;
  event.subject = subject;
  return event;
}

/// Opened at `start` seconds of both clocks.
inline DowntimeInterval opened(const std::string& id, std::int64_t start,
                               const std::string& unit = "a.service") {
  DowntimeInterval interval;
  interval.id = id;
  interval.unit = unit;
  interval.start = UtcTime{kDay2026 + start * kSecond};
  interval.start_since_boot = BootTime{start * kSecond};
  return interval;
}

/// [start, end) in seconds of both clocks.
inline DowntimeInterval closed(const std::string& id, std::int64_t start, std::int64_t end,
                               const std::string& unit = "a.service") {
  DowntimeInterval interval = opened(id, start, unit);
  interval.closed = true;
  interval.duration = Nanoseconds((end - start) * kSecond);
  interval.end = UtcTime{kDay2026 + end * kSecond};
  return interval;
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
inline std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace nines::ledger::testing
