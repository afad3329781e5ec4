// What the HTTP server asks of the daemon. The supervisor implements it; tests bring their own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/request.h"
#include "api/types.h"
#include "base/result.h"
#include "ledger/event.h"
#include "ledger/why.h"
#include "sys/event_loop.h"

namespace nines::daemon {

/// Every call, and every callback, is made on the thread of the event loop. A Subscription may be
/// destroyed inside its own callback. Names arrive as the user wrote them, already checked with
/// api::valid_unit_name; "redis" means "redis.service".
class Backend {
 public:
  virtual ~Backend() = default;

  virtual api::DaemonStatus status() = 0;
  virtual std::vector<api::UnitStatus> units() = 0;
  /// @errors kNotFound.
  virtual Result<api::UnitStatus> unit(const std::string& name) = 0;

  using Done = std::function<void(std::vector<api::UnitResult>)>;
  /// Does `verb` to all of `names`, as one request: dependencies among them decide the order.
  /// `done` is called once, with one result for each name: when all are done or have failed, or
  /// with no_block when they are queued; inside the call or later. Nobody may listen any more then.
  virtual void act(api::Verb verb, const std::vector<std::string>& names,
                   const api::ActOptions& options, Done done) = 0;
  /// Makes a unit known from the text of its file, until the daemon's runtime directory goes.
  /// @return what is to be said about it, e.g. a warning for each directive that is not honoured.
  /// @errors kInvalidArgument: first error diagnostic as detail.
  virtual Result<std::vector<std::string>> load(const std::string& name,
                                                const std::string& text) = 0;

  /// The newest `lines` lines, oldest first. @errors kNotFound.
  virtual Result<std::vector<api::LogLine>> logs(const std::string& name, std::size_t lines) = 0;
  /// Every line written after the call. Between logs() and subscribe_logs() in the same turn of
  /// the loop no line is lost and none comes twice. @errors kNotFound.
  virtual Result<sys::Subscription> subscribe_logs(
      const std::string& name, std::function<void(const api::LogLine&)> on_line) = 0;

  /// Events as EventFilter says, including those that are not written to disk yet.
  virtual Result<std::vector<ledger::Event>> events(const api::EventFilter& filter) = 0;
  /// Every event emitted after the call, of all units.
  virtual sys::Subscription subscribe_events(
      std::function<void(const ledger::Event&)> on_event) = 0;

  /// Why what was down was down, and the story of an event; see ledger/why.h. `done` is called on
  /// the loop, later: a large ledger must not keep the loop from restarting a unit.
  /// @errors kNotFound: no such unit ever served; no such event.
  virtual void why(const api::GetWhy& get, std::function<void(Result<ledger::WhyReport>)> done) = 0;
  virtual void story(const std::string& event,
                     std::function<void(Result<ledger::EventStory>)> done) = 0;

  /// Checks that the daemon can replace itself, and returns what does it. The server calls that
  /// once the reply is on its way, for afterwards nobody is there to send one.
  virtual Result<std::function<void()>> prepare_reexec() = 0;
};

}  // namespace nines::daemon
