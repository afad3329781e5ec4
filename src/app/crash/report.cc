#include "app/crash/report.h"

#include <fmt/format.h>

#include <algorithm>

namespace nines::crash {
namespace {

constexpr std::size_t kShortFrames = 10;
constexpr std::size_t kShortGroups = 3;
constexpr std::size_t kShortCallers = 3;
constexpr std::size_t kShortEvidence = 3;
constexpr std::size_t kShortName = 120;

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

class Report {
 public:
  Report(const Diagnosis& diagnosis, bool full) : diagnosis_(diagnosis), full_(full) {}

  std::string text() && {
    head();
    if (!diagnosis_.stacks.empty()) {
      const DiagnosedStack& crashed = diagnosis_.stacks.front();
      line("");
      line(fmt::format("thread {} crashed:", crashed.tids.empty() ? 0 : crashed.tids.front()));
      stack(crashed, full_ ? crashed.frames.size() : kShortFrames);
      others();
    }
    if (full_) {
      registers();
      modules();
    }
    if (!diagnosis_.notes.empty()) line("");
    for (const std::string& note : diagnosis_.notes) line("note: " + note);
    return std::move(text_);
  }

 private:
  void line(const std::string& text) {
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      text_ += byte >= 0x20 && byte < 0x7f ? c : '?';
    }
    text_ += '\n';
  }

  std::string shortened(const std::string& text) const {
    if (full_ || text.size() <= kShortName) return text;
    return text.substr(0, kShortName - 3) + "...";
  }

  void head() {
    const Classification& what = diagnosis_.classification;
    line(fmt::format("{} (pid {}, user {}) died of {}: {}", diagnosis_.name, diagnosis_.pid,
                     diagnosis_.uid, diagnosis_.signal_name, what.kind));
    line("  " + what.summary);
    const std::size_t most = full_ ? what.evidence.size() : kShortEvidence;
    for (std::size_t i = 0; i < what.evidence.size() && i < most; ++i) {
      line("  - " + what.evidence[i]);
    }
    line("command    " + shortened(diagnosis_.arguments));
    line("signature  " + diagnosis_.signature.id);
    if (!full_) return;
    for (const std::string& frame : diagnosis_.signature.frames) line("           " + frame);
  }

  std::string frame_text(const DiagnosedFrame& frame) const {
    if (frame.signal) return "<signal handler called>";
    std::string text;
    if (!frame.function.empty()) {
      text = shortened(frame.function);
      if (!frame.inlined && frame.file.empty()) {
        text += fmt::format("+{:#x}", frame.function_offset);
      }
    } else {
      text = frame.module.empty() ? fmt::format("{:#x}", frame.pc)
                                  : fmt::format("{}+{:#x}", last_part(frame.module), frame.offset);
    }
    std::string arguments;
    for (const auto& [name, value] : frame.arguments) {
      arguments += (arguments.empty() ? "" : ", ") + name + "=" + value;
    }
    if (!arguments.empty()) text += fmt::format(" [{}]", shortened(arguments));
    if (!frame.file.empty()) {
      text += fmt::format(" at {}:{}", full_ ? frame.file : last_part(frame.file), frame.line);
    } else if (!frame.module.empty() && !frame.function.empty()) {
      text += fmt::format(" in {}", last_part(frame.module));
    }
    if (frame.inlined) text += " (inlined)";
    if (frame.trust == "called" || frame.trust == "frame-pointer" || frame.trust == "scan") {
      text += fmt::format(" (guessed: {})", frame.trust);
    }
    return text;
  }

  /// @param most  lines; frames that look the same, as in a recursion, share one.
  void stack(const DiagnosedStack& stack, std::size_t most) {
    std::uint64_t number = 0, skipped = 0, same = 0;
    std::size_t lines = 0;
    std::string last;
    const auto end_of_same = [&] {
      if (same > 0) line(fmt::format("       and the same {} times more", same));
      same = 0;
    };
    for (std::size_t i = 0; i < stack.frames.size(); ++i, ++number) {
      if (stack.elided != 0 && i == stack.elided_at) {
        if (lines < most) {
          end_of_same();
          line(fmt::format("  ... {} frames more ...", stack.elided));
        } else {
          skipped += stack.elided;
        }
        number += stack.elided;
      }
      std::string text = frame_text(stack.frames[i]);
      if (lines > 0 && text == last && skipped == 0) {
        ++same;
        continue;
      }
      if (lines == most) {
        ++skipped;
        continue;
      }
      end_of_same();
      last = text;
      ++lines;
      const std::string pc = full_ ? fmt::format("{:#018x} ", stack.frames[i].pc) : "";
      line(fmt::format("  #{:<3} {}{}", number, pc, text));
    }
    end_of_same();
    if (skipped > 0) line(fmt::format("  ... {} more", skipped));
    if (!stack.complete && !stack.why_incomplete.empty()) {
      line("  (ends here: " + stack.why_incomplete + ")");
    }
  }

  static std::string threads_text(const DiagnosedStack& stack) {
    if (stack.tids.size() == 1) return fmt::format("thread {}", stack.tids.front());
    return fmt::format("{} threads", stack.tids.size());
  }

  void others() {
    if (diagnosis_.stacks.size() < 2) return;
    line("");
    std::size_t shown = 0;
    for (std::size_t i = 1; i < diagnosis_.stacks.size(); ++i) {
      const DiagnosedStack& group = diagnosis_.stacks[i];
      if (!full_ && ++shown > kShortGroups) {
        line(fmt::format("... {} other stacks", diagnosis_.stacks.size() - 1 - kShortGroups));
        return;
      }
      if (!full_) {
        line(threads_text(group) + " in " + callers(group));
        continue;
      }
      std::string tids;
      for (const auto tid : group.tids) tids += fmt::format(" {}", tid);
      line(fmt::format("{}:{}", threads_text(group), group.tids.size() > 1 ? tids : ""));
      stack(group, group.frames.size());
      line("");
    }
  }

  /// "pause < wait_in_thread < start_thread"
  std::string callers(const DiagnosedStack& stack) const {
    std::string text;
    const std::size_t most = std::min(stack.frames.size(), kShortCallers);
    for (std::size_t i = 0; i < most; ++i) {
      const DiagnosedFrame& frame = stack.frames[i];
      text += i == 0 ? "" : " < ";
      text += frame.function.empty() ? frame_text(frame) : shortened(frame.function);
    }
    return text;
  }

  void registers() {
    line("");
    line("registers" + (diagnosis_.instruction.empty() ? "" : ", at " + diagnosis_.instruction) +
         ":");
    std::string row;
    for (std::size_t i = 0; i < diagnosis_.registers.size(); ++i) {
      const auto& [name, value] = diagnosis_.registers[i];
      row += fmt::format("  {:<4}{:#018x}", name, value);
      if (i % 4 != 3 && i + 1 != diagnosis_.registers.size()) continue;
      line(row);
      row.clear();
    }
  }

  void modules() {
    line("");
    line("modules:");
    for (const DiagnosedModule& module : diagnosis_.modules) {
      line(fmt::format("  {:#018x} {} {} ({})", module.start,
                       module.build_id.empty() ? "without build-id" : module.build_id, module.path,
                       module.match));
    }
  }

  const Diagnosis& diagnosis_;
  bool full_;
  std::string text_;
};

}  // namespace

std::string report_text(const Diagnosis& diagnosis, ReportLength length) {
  return Report(diagnosis, length == ReportLength::kFull).text();
}

}  // namespace nines::crash
