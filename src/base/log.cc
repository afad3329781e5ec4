#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace nines::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarning: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

// sd-daemon(3): a line that begins with <N> carries its syslog priority into the journal.
std::string_view journal_prefix(Level level) {
  switch (level) {
    case Level::kDebug: return "<7>";
    case Level::kInfo: return "<6>";
    case Level::kWarning: return "<4>";
    case Level::kError: return "<3>";
  }
  return "";
}

bool g_to_journal = false;

}  // namespace

void init(std::string_view name, Level level) {
  g_to_journal = std::getenv("JOURNAL_STREAM") != nullptr;
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>(std::string(name), sink);
  logger->set_level(to_spdlog(level));
  logger->set_pattern(g_to_journal ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %n: %v");
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(logger);
}

void write(Level level, std::string_view text) {
  if (g_to_journal) {
    spdlog::log(to_spdlog(level), "{}{}", journal_prefix(level), text);
  } else {
    spdlog::log(to_spdlog(level), "{}", text);
  }
}

}  // namespace nines::log
