#include "app/crash/debuginfod.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "sys/file.h"  // NOLINT(readability-duplicate-include): ours, not the system's
#include "sys/run_program.h"

namespace nines::crash {
namespace {

constexpr char kFind[] = "/usr/bin/debuginfod-find";
constexpr std::size_t kMostFiles = 32;
/// @source debuginfod-client-config(7), libcurl-env(3)
constexpr std::array kVariables = {"DEBUGINFOD_URLS",    "DEBUGINFOD_CACHE_PATH",
                                   "DEBUGINFOD_TIMEOUT", "DEBUGINFOD_MAXTIME",
                                   "DEBUGINFOD_MAXSIZE", "DEBUGINFOD_RETRY_LIMIT",
                                   "XDG_CACHE_HOME",     "HOME",
                                   "http_proxy",         "https_proxy",
                                   "no_proxy",           "ALL_PROXY"};

using Wanted = std::pair<std::string, std::string>;  // what debuginfod-find calls it, build-id

void want(std::vector<Wanted>* list, Wanted one) {
  if (list->size() < kMostFiles && std::find(list->begin(), list->end(), one) == list->end()) {
    list->push_back(std::move(one));
  }
}

std::vector<Wanted> missing_in(const Diagnosis& diagnosis) {
  std::vector<Wanted> list;
  for (const DiagnosedStack& stack : diagnosis.stacks) {
    for (const DiagnosedFrame& frame : stack.frames) {
      if (frame.build_id.empty() || !frame.file.empty()) continue;
      const auto module =
          std::find_if(diagnosis.modules.begin(), diagnosis.modules.end(),
                       [&](const DiagnosedModule& one) { return one.build_id == frame.build_id; });
      const bool there = module == diagnosis.modules.end() || module->match == "verified" ||
                         module->match == "memory";
      if (!there) want(&list, {"executable", frame.build_id});
      want(&list, {"debuginfo", frame.build_id});
    }
  }
  return list;
}

sys::SpawnRequest request_for(const Wanted& wanted) {
  sys::SpawnRequest request;
  request.path = kFind;
  request.argv = {kFind, wanted.first, wanted.second};
  request.environment = debuginfod_environment();
  return request;
}

/// @return the file in its cache. @errors kTimeout, kNotFound.
Result<UniqueFd> fetch(const Wanted& wanted, Nanoseconds within) {
  NINES_ASSIGN(sys::Ran ran, sys::run_program(request_for(wanted), within, {}));
  if (ran.too_late) return Error(ErrorCode::kTimeout, "fetch", wanted.second);
  while (ran.out.ends_with('\n')) ran.out.pop_back();
  if (!ran.status.success()) return Error(ErrorCode::kNotFound, "fetch", wanted.second);
  return sys::open_file(ran.out, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

}  // namespace

std::vector<std::string> debuginfod_environment() {
  std::vector<std::string> environment;
  for (const char* name : kVariables) {
    if (const char* value = std::getenv(name)) {
      environment.push_back(fmt::format("{}={}", name, value));
    }
  }
  return environment;
}

bool debuginfod_configured() {
  const char* urls = std::getenv("DEBUGINFOD_URLS");
  return urls != nullptr && *urls != '\0';
}

Fetched fetch_missing(const Diagnosis& diagnosis, Nanoseconds within) {
  Fetched fetched;
  if (::access(kFind, X_OK) != 0) {
    fetched.notes.emplace_back(
        "DEBUGINFOD_URLS is set, and debuginfod-find is not there to ask it (apt install "
        "debuginfod).");
    return fetched;
  }
  const BootTime deadline = boot_now() + within;
  for (const Wanted& wanted : missing_in(diagnosis)) {
    const Nanoseconds left = deadline - boot_now();
    auto file = left.count() > 0 ? fetch(wanted, left)
                                 : Result<UniqueFd>(Error(ErrorCode::kTimeout, "fetch"));
    if (file) {
      fetched.files.push_back(std::move(*file));
    } else if (file.error().code() == ErrorCode::kTimeout) {
      fetched.notes.emplace_back("DEBUGINFOD_URLS took too long; again, it may be quicker.");
      break;
    }
  }
  return fetched;
}

}  // namespace nines::crash
