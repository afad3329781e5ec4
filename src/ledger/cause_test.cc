#include "ledger/cause.h"

#include <gtest/gtest.h>

#include <vector>

namespace nines::ledger {
namespace {

struct Case {
  const char* kind;
  const char* detail;
  const char* cause;
};

// Details as the supervisor writes them.
const std::vector<Case> kCases = {
    {"unit.exit", R"x({"outcome":"core-dump","exit":"signal SEGV (core dumped)"})x", "crash:SEGV"},
    {"unit.exit", R"({"outcome":"signal","exit":"signal SEGV"})", "crash:SEGV"},
    {"unit.exit", R"({"outcome":"signal","exit":"signal KILL"})", "killed:KILL"},
    {"unit.exit", R"({"outcome":"exit-code","exit":"exit code 3"})", "exit:3"},
    {"unit.exit", R"({"outcome":"success","exit":"exit code 0"})", "exit:0"},
    {"unit.exit", R"({"outcome":"oom-kill","exit":"signal KILL"})", "oom"},
    {"unit.exit", R"({"outcome":"watchdog","exit":"signal ABRT"})", "watchdog"},
    {"unit.exit", R"({"outcome":"unhealthy","exit":"signal KILL"})", "health"},
    {"unit.exit", R"({"outcome":"timeout","exit":"signal TERM"})", "timeout"},
    {"unit.exit", R"({"outcome":"resources","exit":"unknown"})", "start-failed"},
    {"unit.exit", R"({"outcome":"unknown","exit":"unknown"})", "unknown"},
    {"unit.exit", "{}", "unknown"},
    {"unit.exit", "[1]", "unknown"},
    {"unit.exit", R"({"outcome":7})", "unknown"},
    {"unit.crash", R"({"pid":"7"})", "crash"},
    {"unit.dumped", R"x({"exit":"signal BUS (core dumped)"})x", "crash:BUS"},
    {"crash.captured", R"x({"signal":"SEGV","what":"null-dereference","function":"main()"})x",
     "crash:SEGV: null dereference in main()"},
    {"crash.captured", R"({"signal":"SEGV","what":"wild-jump","function":"0x7f00"})",
     "crash:SEGV: wild jump"},
    {"crash.captured", R"({"signal":"ABRT","what":"signal","function":"poll"})",
     "crash:ABRT: in poll"},
    {"crash.captured", R"({"signal":"ABRT","what":"watchdog","function":"poll"})", "watchdog"},
    {"crash.captured", R"({"signal":"SEGV"})", "crash:SEGV"},
    {"unit.watchdog", "{}", "watchdog"},
    {"unit.unhealthy", "{}", "health"},
    {"health.fail", "{}", "health"},
    {"unit.stop-requested", "{}", "request"},
    {"unit.stop-requested", R"({"by":"shutdown"})", "shutdown"},
    {"unit.stop-requested", R"({"because_of":"db.service"})", "dependency:db.service"},
    {"unit.follows", R"({"because_of":"db.service"})", "dependency:db.service"},
    {"daemon.stopping", "{}", "shutdown"},
    {"host.outage", R"({"planned":true})", "host-reboot"},
    {"host.outage", R"({"planned":false})", "host-crash"},
    {"host.outage", R"({"planned":"true"})", "host-crash"},
    {"some.thing", "{}", "unknown:some.thing"},
};

TEST(CauseTest, IsWhatTheEventSays) {
  for (const Case& one : kCases) {
    Event event;
    event.kind = one.kind;
    event.detail_json = one.detail;
    EXPECT_EQ(to_string(classify(event)), one.cause) << one.kind << ' ' << one.detail;
  }
}

TEST(CauseTest, ComesBackFromItsText) {
  for (const Case& one : kCases) {
    const Cause cause = cause_from(one.cause);
    EXPECT_EQ(to_string(cause), one.cause);
    EXPECT_FALSE(describe(cause).empty());
  }
}

TEST(CauseTest, OfALaterVersionIsUnknownWithItsText) {
  const Cause cause = cause_from("solar-flare:x9");
  EXPECT_EQ(cause.kind, CauseClass::kUnknown);
  EXPECT_EQ(describe(cause), "solar-flare:x9");
}

}  // namespace
}  // namespace nines::ledger
