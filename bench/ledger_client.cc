// The ledger side of the bench: fills a database, asks it why, and appends to it.
//
//   ledger_client fill DATABASE EVENTS UNITS      a year of events; prints
//   {"events":..,"intervals":..} ledger_client why DATABASE RUNS               prints the
//   milliseconds of each run, one a line ledger_client burst DIRECTORY EVENTS          prints
//   events a second until all are committed ledger_client paced DIRECTORY RATE SECONDS    prints
//   the per cent of one CPU that the writer took
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ledger/reader.h"
#include "ledger/store.h"
#include "ledger/writer.h"

namespace {

using namespace nines;          // NOLINT(google-build-using-namespace): a program of one file
using namespace nines::ledger;  // NOLINT(google-build-using-namespace)

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kYear = 365 * 86400 * kSecond;
constexpr std::size_t kBatch = 20'000;
// One event in so many is a unit that goes down; the others are health checks, stacks, reloads.
constexpr std::size_t kDownEvery = 500;

[[noreturn]] void fail(const Error& error) {
  fmt::print(stderr, "ledger_client: {}\n", error.message());
  std::exit(1);
}

HostIdentity host() {
  return {"bench", "bench", "11111111-1111-1111-1111-111111111111"};
}

std::string id_at(std::int64_t ns, std::mt19937_64& random) {
  return fmt::format("{:012x}{:04x}{:016x}", ns / 1'000'000, random() & 0xffff, random());
}

/// What a supervisor writes in a year, one event after another.
class Year {
 public:
  Year(std::size_t events, std::size_t units)
      : step_(kYear / static_cast<std::int64_t>(events)), units_(units) {
    begin_ = utc_now().ns - kYear;
    time_ = begin_;
  }

  void add(std::size_t index, std::vector<Record>* batch) {
    time_ += step_;
    const std::string unit = fmt::format("unit{:02}.service", random_() % units_);
    if (index < units_)
      return add_event(batch, "unit.ready", fmt::format("unit{:02}.service", index), "{}");
    if (index % kDownEvery == 0) return add_downtime(batch, unit);
    static constexpr const char* kKinds[] = {"health.ok", "unit.reloaded", "socket.activated",
                                             "standby.ready"};
    add_event(batch, kKinds[random_() % 4], unit, R"({"pid":"4711"})");
  }
  std::size_t intervals() const { return intervals_; }

 private:
  Event event(const std::string& kind, const std::string& unit, const std::string& detail) {
    Event one;
    one.id = id_at(time_, random_);
    one.time = UtcTime{time_};
    one.since_boot = BootTime{time_ - begin_};
    one.kind = kind;
    one.subject = unit;
    one.detail_json = detail;
    return one;
  }
  void add_event(std::vector<Record>* batch, const std::string& kind, const std::string& unit,
                 const std::string& detail) {
    batch->push_back(event(kind, unit, detail));
  }
  void add_downtime(std::vector<Record>* batch, const std::string& unit) {
    static constexpr const char* kDetails[] = {
        R"x({"outcome":"core-dump","exit":"signal SEGV (core dumped)"})x",
        R"({"outcome":"exit-code","exit":"exit code 1"})",
        R"({"outcome":"oom-kill","exit":"signal KILL"})",
        R"({"outcome":"watchdog","exit":"signal ABRT"})"};
    const bool planned = random_() % 4 == 0;
    Event cause = planned ? event("unit.stop-requested", unit, "{}")
                          : event("unit.exit", unit, kDetails[random_() % 4]);
    DowntimeInterval down;
    down.id = cause.id + "-down";
    down.unit = unit;
    down.start = cause.time;
    down.start_since_boot = cause.since_boot;
    down.closed = true;
    // From 10 ms to about 10 s, most of them short.
    down.duration = Nanoseconds(std::int64_t{10'000'000} << (random_() % 11));
    down.end = UtcTime{down.start.ns + down.duration.count()};
    down.cause_event = cause.id;
    down.planned = planned;
    down.cell = planned ? Cell::kAppPlanned : Cell::kAppUnplanned;
    batch->push_back(std::move(cause));
    batch->push_back(std::move(down));
    ++intervals_;
  }

  std::int64_t step_;
  std::size_t units_;
  std::int64_t begin_ = 0;
  std::int64_t time_ = 0;
  std::size_t intervals_ = 0;
  std::mt19937_64 random_{20261122};
};

int fill(const std::string& path, std::size_t events, std::size_t units) {
  auto store = Store::open(path, host());
  if (!store) fail(store.error());
  Year year(events, units);
  std::vector<Record> batch;
  for (std::size_t i = 0; i < events; ++i) {
    year.add(i, &batch);
    if (batch.size() < kBatch && i + 1 < events) continue;
    const auto applied = store->apply(batch);
    if (!applied) fail(applied.error());
    if (applied->refused > 0) {
      fail(Error(ErrorCode::kInternal, "fill").with_detail(applied->refused_why));
    }
    batch.clear();
  }
  store->close_in_order();
  fmt::print("{{\"events\":{},\"intervals\":{}}}\n", events, year.intervals());
  return 0;
}

int why(const std::string& path, int runs) {
  for (int i = 0; i < runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    auto reader = Reader::open(path);
    if (!reader) fail(reader.error());
    WhyQuery query;
    query.to = utc_now();
    query.from = UtcTime{query.to.ns - kYear};
    query.target = [](const std::string&) { return std::optional<double>(0.9999); };
    const auto report = reader->why(query);
    if (!report) fail(report.error());
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    std::size_t outages = 0;
    for (const UnitReport& unit : report->units) outages += unit.outages;
    fmt::print("{:.3f} {} {}\n", took.count(), outages, report->downtime.count());
  }
  return 0;
}

std::unique_ptr<LedgerWriter> start_writer(const std::string& directory) {
  WriterOptions options;
  options.database = directory + "/ledger.db";
  // Where the daemon has it: on a tmpfs.
  options.spool_directory = fmt::format("/dev/shm/nines-bench-spool-{}", ::getpid());
  std::filesystem::create_directories(options.spool_directory);
  options.host = host();
  auto writer = LedgerWriter::start(options);
  if (!writer) fail(writer.error());
  return std::move(*writer);
}

void remove_spool() {
  std::filesystem::remove_all(fmt::format("/dev/shm/nines-bench-spool-{}", ::getpid()));
}

Event small_event(std::mt19937_64& random) {
  Event event;
  event.time = utc_now();
  event.since_boot = boot_now();
  event.id = new_id();
  event.kind = "health.ok";
  event.subject = fmt::format("unit{:02}.service", random() % 50);
  event.detail_json = R"({"pid":"4711"})";
  return event;
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int burst(const std::string& directory, std::size_t events) {
  auto writer = start_writer(directory);
  std::mt19937_64 random(1);
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < events; ++i) writer->emit(small_event(random));
  if (const Status flushed = writer->flush(std::chrono::minutes(5)); !flushed)
    fail(flushed.error());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const bool lost = writer->health().dropped.total() > 0;
  writer.reset();
  remove_spool();
  if (lost) fail(Error(ErrorCode::kLimit, "burst").with_detail("events were dropped"));
  fmt::print("{:.1f}\n", static_cast<double>(events) / took.count());
  return 0;
}

/// Makes events, ten a time, as they come: a sleep for each would be measured instead of the
/// writer.
/// @return the seconds that it took
double pace(int rate, int seconds, const std::function<void(Event)>& take) {
  std::mt19937_64 random(1);
  constexpr int kTogether = 10;
  const auto step = std::chrono::nanoseconds(kSecond * kTogether / rate);
  const auto begin = std::chrono::steady_clock::now();
  auto due = begin;
  for (int i = 0; i < rate * seconds; i += kTogether) {
    for (int n = 0; n < kTogether; ++n) take(small_event(random));
    due += step;
    std::this_thread::sleep_until(due);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  return took.count();
}

/// What the writer costs: the same events are made without it, too, and that is subtracted.
int paced(const std::string& directory, int rate, int seconds) {
  double before = cpu_seconds();
  std::size_t made = 0;
  double took = pace(rate, seconds, [&](const Event& event) { made += event.id.size(); });
  const double without = (cpu_seconds() - before) / took;
  auto writer = start_writer(directory);
  before = cpu_seconds();
  took = pace(rate, seconds, [&](Event event) { writer->emit(std::move(event)); });
  if (const Status flushed = writer->flush(std::chrono::minutes(1)); !flushed)
    fail(flushed.error());
  const double with = (cpu_seconds() - before) / took;
  writer.reset();
  remove_spool();
  if (made == 0) return 1;
  fmt::print("{:.4f}\n", 100.0 * (with - without));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto number = [&](std::size_t index) { return std::stoll(words.at(index)); };
  if (words.size() == 4 && words[0] == "fill") {
    return fill(words[1], static_cast<std::size_t>(number(2)), static_cast<std::size_t>(number(3)));
  }
  if (words.size() == 3 && words[0] == "why") return why(words[1], static_cast<int>(number(2)));
  if (words.size() == 3 && words[0] == "burst") {
    return burst(words[1], static_cast<std::size_t>(number(2)));
  }
  if (words.size() == 4 && words[0] == "paced") {
    return paced(words[1], static_cast<int>(number(2)), static_cast<int>(number(3)));
  }
  fmt::print(stderr, "usage: see the head of bench/ledger_client.cc\n");
  return 2;
}
