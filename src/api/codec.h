// The JSON of what the daemon answers: encoders for the daemon, decoders for its clients.
//
// Decoders take fields that they do not know (an older client reads a newer daemon) but check the
// type of each one they do. @errors of every decoder: kCorrupt.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/types.h"
#include "base/result.h"
#include "ledger/event.h"
#include "ledger/why.h"

namespace nines::api {

std::string encode(const UnitStatus& unit);
std::string encode(const std::vector<UnitStatus>& units);
std::string encode(const DaemonStatus& daemon);
std::string encode(const LogLine& line);
std::string encode(const std::vector<LogLine>& lines);
std::string encode(const ledger::Event& event);
std::string encode(const std::vector<ledger::Event>& events);
std::string encode(const ledger::WhyReport& report);
std::string encode(const ledger::EventStory& story);
std::string encode(const UnitResult& result);
std::string encode(const std::vector<UnitResult>& results);
std::string encode(const ErrorBody& error);
std::string encode_ok();  ///< {"api":1,"ok":true}

Result<UnitStatus> decode_unit(std::string_view text);
Result<std::vector<UnitStatus>> decode_units(std::string_view text);
Result<DaemonStatus> decode_daemon(std::string_view text);
Result<LogLine> decode_log_line(std::string_view text);
Result<std::vector<LogLine>> decode_log_lines(std::string_view text);
Result<ledger::Event> decode_event(std::string_view text);
Result<std::vector<ledger::Event>> decode_events(std::string_view text);
Result<ledger::WhyReport> decode_why(std::string_view text);
Result<ledger::EventStory> decode_story(std::string_view text);
Result<UnitResult> decode_unit_result(std::string_view text);
Result<std::vector<UnitResult>> decode_unit_results(std::string_view text);
Result<ErrorBody> decode_error(std::string_view text);

/// The HTTP status that goes with an error. @source RFC 9110, section 15
unsigned http_status(ErrorCode code);

}  // namespace nines::api
