#include "app/crash/diagnose.h"

#include <elf.h>
#include <fmt/format.h>

#include <csignal>
#include <map>

#include "app/crash/classify.h"
#include "app/crash/fault.h"
#include "app/crash/runtime_facts.h"
#include "app/crash/signature.h"
#include "app/crash/symbolize.h"
#include "sys/signals.h"
#include "trace/core_view.h"
#include "trace/debug_files.h"
#include "trace/stack.h"

namespace nines::crash {
namespace {

constexpr std::size_t kMaxThreads = 4096;
constexpr std::size_t kFramesWithArguments = 16;

std::string match_name(trace::Match match) {
  switch (match) {
    case trace::Match::kVerified: return "verified";
    case trace::Match::kUnverified: return "unverified";
    case trace::Match::kDiffers: return "differs";
    case trace::Match::kMissing: return "missing";
    case trace::Match::kMemory: return "memory";
  }
  return "missing";
}

/// Threads whose frames have the same addresses: most of a server's wait at the same place.
struct Group {
  trace::Stack stack;
  std::vector<std::int32_t> tids;
};

class Diagnoser {
 public:
  Diagnoser(trace::CoreView& core, trace::FileSource* files, Depth depth)
      : core_(core),
        debug_(files, depth == Depth::kFull || depth == Depth::kSignature),
        symbolizer_(&debug_),
        depth_(depth) {}

  Diagnosis run() {
    head();
    walk();
    const trace::Stack& crashed = groups_.front().stack;
    const Fault fault = find_fault(core_, crashed);
    if (fault.raised_again) out_.original_signal = fault.signal;
    out_.signature = signature_of(fault.signal.number, crashed, fault.frame);
    registers(crashed.frames[fault.frame]);
    if (fault.instruction) out_.instruction = fault.instruction->text;
    if (depth_ != Depth::kSignature) {
      names();
      why(crashed, fault);
      modules();
    }
    notes();
    return std::move(out_);
  }

 private:
  void head() {
    const elf::CoreHead& head = core_.head();
    out_.pid = head.pid;
    out_.uid = head.uid;
    out_.name = head.name;
    out_.arguments = head.arguments;
    out_.signal = head.signal;
    out_.signal_name = sys::signal_name(head.signal.number);
    out_.thread_count = head.threads.size();
  }

  void walk() {
    std::map<std::vector<std::uint64_t>, std::size_t> seen;
    for (std::size_t i = 0; i < core_.threads().size(); ++i) {
      if (i > 0 && (depth_ == Depth::kSignature || i >= kMaxThreads)) break;
      const trace::ThreadView& thread = core_.threads()[i];
      trace::Stack stack = trace::walk_stack(core_, debug_, thread);
      std::vector<std::uint64_t> place{stack.elided, i == 0 ? 1U : 0U};
      for (const trace::Frame& frame : stack.frames) place.push_back(frame.pc);
      const auto [group, added] = seen.try_emplace(std::move(place), groups_.size());
      if (added) groups_.push_back({std::move(stack), {}});
      groups_[group->second].tids.push_back(thread.tid);
    }
  }

  void registers(const trace::Frame& frame) {
    static constexpr const char* kX86[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
                                           "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                           "r12", "r13", "r14", "r15", "rip"};
    for (std::size_t i = 0; i < elf::kMaxRegisters; ++i) {
      const auto value = frame.registers.get(i);
      if (!value) continue;
      const bool x86 = core_.machine() == elf::Machine::kX86_64;
      if (x86 && i >= std::size(kX86)) continue;
      out_.registers.emplace_back(x86 ? kX86[i] : i == 31 ? "sp" : fmt::format("x{}", i), *value);
    }
  }

  void names() {
    std::vector<const trace::Stack*> stacks;
    for (const Group& group : groups_) stacks.push_back(&group.stack);
    if (depth_ >= Depth::kNoDwarf) symbolizer_.prepare(stacks);
    for (const Group& group : groups_) {
      const bool crashed = &group == &groups_.front();
      DiagnosedStack stack;
      stack.tids = group.tids;
      stack.elided = group.stack.elided;
      stack.complete = group.stack.complete;
      stack.why_incomplete = group.stack.why;
      for (std::size_t i = 0; i < group.stack.frames.size(); ++i) {
        if (i == trace::kHeadFrames) stack.elided_at = stack.frames.size();
        const bool arguments = crashed && i < kFramesWithArguments;
        const auto frames =
            symbolizer_.describe(group.stack.frames[i], arguments ? &core_.memory() : nullptr);
        if (crashed) functions_.push_back(frames.back().function);
        stack.frames.insert(stack.frames.end(), frames.begin(), frames.end());
      }
      out_.stacks.push_back(std::move(stack));
    }
  }

  void why(const trace::Stack& crashed, const Fault& fault) {
    std::optional<std::string> message;
    std::optional<CxxException> exception;
    if (fault.signal.number == SIGABRT) {
      message = abort_message(core_, debug_);
      exception = uncaught_exception(core_, crashed, functions_);
    }
    out_.classification = classify(core_, crashed, fault, message, exception);
  }

  void modules() {
    for (const auto& module : core_.modules()) {
      (void)core_.module_at(module->start);
      out_.modules.push_back(
          {module->path, module->start, module->end, module->build_id, match_name(module->match)});
    }
    // Libraries and the vdso may lie before it. Its own headers are where the kernel says.
    const std::uint64_t headers = core_.head().aux(AT_PHDR).value_or(0);
    const auto executed =
        std::find_if(out_.modules.begin(), out_.modules.end(), [&](const DiagnosedModule& module) {
          return module.start <= headers && headers < module.end;
        });
    if (executed != out_.modules.end()) {
      std::rotate(out_.modules.begin(), executed, executed + 1);
    }
  }

  void notes() {
    if (core_.missing() > 0) {
      out_.notes.push_back(
          fmt::format("The core is cut off: {} bytes of memory are not in it.", core_.missing()));
    }
    if (core_.threads().size() > kMaxThreads) {
      out_.notes.push_back(fmt::format("Only {} of {} threads were looked at.", kMaxThreads,
                                       core_.threads().size()));
    }
    for (const DiagnosedModule& module : out_.modules) {
      if (module.match != "differs") continue;
      out_.notes.push_back(module.path + " is another file by now: it was not used.");
    }
  }

  trace::CoreView& core_;
  trace::DebugFiles debug_;
  Symbolizer symbolizer_;
  Depth depth_;
  std::vector<Group> groups_;
  std::vector<std::string> functions_;  ///< of the thread that crashed, by frame
  Diagnosis out_;
};

}  // namespace

Result<Diagnosis> diagnose(std::string_view core, trace::FileSource* files, Depth depth) {
  NINES_ASSIGN(const auto view, trace::CoreView::open(core, files));
  return Diagnoser(*view, files, depth).run();
}

}  // namespace nines::crash
