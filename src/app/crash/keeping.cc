#include "app/crash/keeping.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "app/crash/capture.h"
#include "app/crash/core_facts.h"
#include "app/crash/facts.h"
#include "app/crash/former_handler.h"
#include "app/crash/hook.h"
#include "app/crash/log_tail.h"
#include "app/crash/run_diagnose.h"
#include "app/crash/whole_core.h"
#include "base/fault_point.h"
#include "sys/file.h"
#include "sys/own_program.h"

namespace nines::crash {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::minutes kFormerPatience{5};  // it gets all of the memory
// The process waits meanwhile. No answer is as good as a crash that was never seen.
constexpr std::chrono::seconds kSignatureWithin{1};

}  // namespace

/// @return whether the former handler has it. If it should have and has not, it is kept here.
bool Keeping::is_given_away(Outcome* outcome) {
  if (arguments_.foreign.empty()) return false;
  const auto record = read_hook_record(arguments_.foreign);
  if (!record || record->others != Others::kFormer) return false;
  auto passed =
      pass_to_former(record->former, source_->victim(), start_, boot_now() + kFormerPatience);
  if (passed) {
    outcome->passed_to = std::move(*passed);
    return true;
  }
  outcome->note = "kept here, since the former handler has not got it: " + passed.error().message();
  return false;
}

Status Keeping::keep_essentials(Outcome* outcome) {
  const BootTime deadline = begun_ + kPatience;
  NINES_ASSIGN(source_, CrashSource::open(arguments_.pipe));
  outcome->pid = source_->pid();
  outcome->by_owner = source_->by_owner();
  NINES_TRY(source_->ask(deadline));
  NINES_ASSIGN(start_, read_core_start(source_->victim().stream, deadline));
  outcome->signal = start_.head.signal.number;
  outcome->threads = start_.head.threads.size();
  outcome->program = program_of(source_->pid()).value_or(start_.head.name);
  // Killed meanwhile: its pid may be another's, whose name that is.
  if (source_->victim().process.has_exited()) outcome->program = start_.head.name;
  if (is_given_away(outcome)) return {};
  NINES_ASSIGN(auto directory, CrashDirectory::make(arguments_.directory));
  NINES_TRY(fault::hit(FaultPoint::crash_directory_made));
  const bool memory = arguments_.policy.wish != CoreWish::kNone;
  NINES_ASSIGN(outcome->memory, capture(source_->victim(), start_, directory.part(),
                                        memory ? KeepMemory::kEssential : KeepMemory::kNone));
  // So that there is something if this is killed; once nobody waits any more it is looked at again.
  if (!arguments_.log.empty()) {
    (void)keep_log_tail(arguments_.log, directory.part()).has_value();
  }
  if (arguments_.in_store) gone_files_ = open_gone_files(source_->pid(), start_.head);
  outcome->took = outcome->held = boot_now() - begun_;
  outcome->core = memory ? kCoreMinimal : kCoreNone;
  // Only what costs no time: a unit may wait for the end of this.
  CoreDecision decision = decide(arguments_.policy);
  wants_whole_core_ = decision.whole;
  outcome->core_reason = decision.whole ? kUnfinishedCore : std::move(decision.reason);
  NINES_TRY(sys::replace_file(directory.part() + "/capture.json", encode(*outcome), 0600));
  NINES_TRY(directory.finish());
  directory_.emplace(std::move(directory));
  fault::pass(FaultPoint::crash_kept);
  progress_.step();
  return {};
}

/// @return what speaks against a whole core on this machine now, or nothing.
std::string Keeping::obstacle(Outcome* outcome) {
  CoreFacts facts = core_facts(source_->pid(), arguments_.store(), arguments_.limits);
  if (arguments_.in_store) {
    writer_ = take_writer(arguments_.state());
    facts.writer_free = writer_.valid();
  }
  CoreDecision decision = decide(arguments_.policy, facts);
  if (!decision.whole) return std::move(decision.reason);
  if (!wants_signature(arguments_.policy, decision)) return {};
  outcome->signature = signature();
  const auto same = whole_core_of(arguments_.store(), outcome->signature);
  if (!same) return {};
  return fmt::format("crash {} has the same signature and a whole core; CrashCore=full keeps each",
                     *same);
}

/// Of the minimal core. @return empty: not known.
std::string Keeping::signature() const {
  const auto self = sys::own_program();
  const auto core = sys::open_file(arguments_.directory + "/core", O_RDONLY | O_NOFOLLOW);
  if (!self || !core) return {};
  DiagnoseRequest request;
  request.program = sys::beside(*self, "nines-diagnose");
  request.core = core->get();
  request.within = kSignatureWithin;
  return run_signature(request).value_or(std::string());
}

bool Keeping::keep_whole_core(Outcome* outcome) {
  if (!wants_whole_core_) return true;
  if (std::string why_not = obstacle(outcome); !why_not.empty()) {
    outcome->core_reason = std::move(why_not);
    tell(*outcome);
    return true;
  }
  const Status written = write_whole_core(outcome);
  writer_.reset();
  if (!written) outcome->core_reason = written.error().message();
  if (outcome->held == outcome->took) outcome->held = boot_now() - begun_;
  if (!written && written.error().code() == ErrorCode::kTimeout) return false;
  tell(*outcome);
  return true;
}

Status Keeping::write_whole_core(Outcome* outcome) {
  work_in_the_background();
  WholeCoreRequest request;
  request.store = arguments_.store();
  request.name = arguments_.name();
  request.limit = arguments_.policy.limit;
  request.limits = arguments_.limits;
  request.on_progress = [this] { progress_.step(); };
  NINES_ASSIGN(WholeCore core, WholeCore::write(source_->victim(), start_, request));
  let_go();
  outcome->held = boot_now() - begun_;
  // Nobody waits for the disk, which may take its time.
  NINES_TRY(core.publish([this] { progress_.let_go(); }));
  outcome->core = kCoreFull;
  outcome->core_reason.clear();
  outcome->core_packed = core.packed();
  outcome->core_size = core.size();
  return {};
}

void Keeping::tell(const Outcome& outcome) const {
  // The old one says less, and nothing wrong.
  (void)sys::replace_file(arguments_.directory + "/capture.json", encode(outcome), 0600)
      .has_value();
}

}  // namespace nines::crash
