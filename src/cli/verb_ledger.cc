// The ledger as a file: out of it, into it, and whether it is sound. All of it works without a
// daemon. An import waits its turn beside a running one; a repair keeps it out.
#include <fmt/format.h>

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "api/codec.h"
#include "api/runtime_dir.h"
#include "cli/ledger_file.h"
#include "cli/text_width.h"
#include "cli/verbs.h"
#include "ledger/check.h"
#include "ledger/event_json.h"
#include "ledger/export.h"
#include "ledger/host_identity.h"
#include "ledger/store.h"
#include "sys/file.h"
#include "sys/instance_lock.h"

namespace nines::cli {
namespace {

/// Lines of at most what the parser takes: a file without newlines must not fill the memory.
class Lines {
 public:
  Lines(std::istream& in, std::string name) : in_(in), name_(std::move(name)) {}
  /// @errors kIo: what was read so far is not all.
  Result<bool> next(std::string* line) {
    line->clear();
    errno = 0;
    for (char c = 0; in_.get(c);) {
      if (c == '\n') return true;
      if (line->size() <= ledger::kMaxJsonBytes) line->push_back(c);
    }
    // A directory, or a disk that fails half-way.
    if (in_.bad()) return Error::from_errno(errno == 0 ? EIO : errno, "read", name_);
    return !line->empty();
  }

 private:
  std::istream& in_;
  std::string name_;
};

/// Keeps a daemon from using the ledger for as long as the result is there; where none has used its
/// directory yet, there is nothing to be kept.
/// @errors kBusy: one does. kDenied, kIo ...: nobody can be kept out.
Result<UniqueFd> keep_daemon_out(const Context& context, const LedgerOptions& options,
                                 const std::string& path) {
  const Error busy = Error(ErrorCode::kBusy, "repair ledger", path)
                         .with_detail("the daemon is using it")
                         .with_hint("stop ninesd first; units that it keeps are stopped with it");
  const bool own = options.ledger.empty();
  if (own && api::Client::connect(api::api_socket_path(context.runtime_dir))) return busy;
  // The runtime directory may have a link to it: the daemon's lock is beside the file itself. What
  // else lies there, as a ledger that was set aside, no daemon uses.
  std::error_code unused;
  const auto file = std::filesystem::weakly_canonical(path, unused);
  if (file.filename() != "ledger.db") return UniqueFd();
  const std::string beside = file.parent_path() / "lock";
  if (!sys::exists(beside)) return UniqueFd();
  auto lock = sys::take_instance_lock(beside, ::getpid(), "nines ledger repair");
  if (!lock && lock.error().code() == ErrorCode::kBusy) return busy;
  return lock;
}

}  // namespace

ExitCode run_export(const Context& context, const LedgerOptions& options) {
  const std::string path = ledger_file(context, options.ledger);
  const auto exported = ledger::export_ledger(path, [&](const std::string& line) {
    context.out << line << '\n';
    return context.out.good();
  });
  if (!exported) return report(context, explain_ledger(exported.error(), path));
  context.out.flush();
  // Why it is not whole is said by whoever owns the stream, which knows.
  return context.out.good() ? ExitCode::kOk : ExitCode::kFailed;
}

ExitCode run_import(const Context& context, const LedgerOptions& options) {
  std::ifstream file;
  if (options.file != "-") {
    file.open(options.file, std::ios::binary);
    if (!file) return report(context, Error::from_errno(errno, "open", options.file));
  }
  const auto host = ledger::detect_host();
  if (!host) return report(context, host.error());
  auto store = ledger::Store::open(ledger_file(context, options.ledger), *host);
  if (!store) return report(context, store.error());
  Lines lines(options.file == "-" ? std::cin : file, options.file);
  const auto imported = store->import([&](std::string* line) { return lines.next(line); });
  if (!imported) return report(context, imported.error());
  store->close_in_order();
  const std::size_t intervals = imported->intervals_opened + imported->intervals_closed;
  if (context.json) {
    context.out << nlohmann::json{{"api", api::kVersion},
                                  {"events", imported->events_new},
                                  {"events_known", imported->events_known},
                                  {"intervals", intervals},
                                  {"intervals_known", imported->intervals_unchanged},
                                  {"intervals_merged", imported->intervals_merged}}
                       .dump()
                << '\n';
  } else {
    context.out << fmt::format("{} events and {} downtimes are new; {} and {} were there already\n",
                               imported->events_new, intervals, imported->events_known,
                               imported->intervals_unchanged + imported->intervals_merged);
  }
  return ExitCode::kOk;
}

ExitCode run_ledger_check(const Context& context, const LedgerOptions& options) {
  const std::string path = ledger_file(context, options.ledger);
  const auto findings = ledger::check(path);
  if (!findings) return report(context, findings.error());
  if (context.json) {
    auto list = nlohmann::json::array();
    for (const auto& finding : *findings) {
      list.push_back({{"rule", finding.rule}, {"detail", finding.detail}});
    }
    context.out << nlohmann::json{{"api", api::kVersion}, {"file", path}, {"findings", list}}.dump(
                       -1, ' ', false, nlohmann::json::error_handler_t::replace)
                << '\n';
  } else if (findings->empty()) {
    context.out << context.terminal.paint("sound", Tone::kGood) << ": " << printable(path) << '\n';
  } else {
    for (const auto& finding : *findings) {
      context.out << context.terminal.paint(finding.rule, Tone::kBad) << ": "
                  << printable(finding.detail) << '\n';
    }
    context.out << "To save what can be read: stop ninesd, then nines ledger repair\n";
  }
  return findings->empty() ? ExitCode::kOk : ExitCode::kFailed;
}

ExitCode run_ledger_repair(const Context& context, const LedgerOptions& options) {
  const std::string path = ledger_file(context, options.ledger);
  const auto lock = keep_daemon_out(context, options, path);
  if (!lock) return report(context, lock.error());
  const auto host = ledger::detect_host();
  if (!host) return report(context, host.error());
  const auto repaired = ledger::repair(path, *host);
  if (!repaired) return report(context, repaired.error());
  if (context.json) {
    context.out << nlohmann::json{{"api", api::kVersion},
                                  {"set_aside", repaired->set_aside},
                                  {"events", repaired->events},
                                  {"intervals", repaired->intervals},
                                  {"unreadable", repaired->unreadable}}
                       .dump()
                << '\n';
  } else if (repaired->set_aside.empty()) {
    context.out << "It is sound; nothing was done.\n";
  } else {
    context.out << fmt::format(
        "{} events and {} downtimes saved, {} rows or stretches of rows were lost.\n"
        "The damaged file is {}\n",
        repaired->events, repaired->intervals, repaired->unreadable,
        printable(repaired->set_aside));
  }
  return ExitCode::kOk;
}

}  // namespace nines::cli
