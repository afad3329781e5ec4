#include "cli/matrix_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/event_view.h"
#include "cli/text_width.h"

namespace nines::cli {
namespace {

constexpr std::size_t kLabel = 13;  // "application" and a gap
constexpr std::size_t kGap = 2;
constexpr std::size_t kMostReasonLines = 3;
constexpr std::array<std::string_view, 3> kRows = {"application", "os", "hardware"};
constexpr std::array<std::string_view, 3> kColumns = {"UNPLANNED", "PLANNED", "PROACTIVE"};

Tone tone_of(matrix::Verdict verdict) {
  switch (verdict) {
    case matrix::Verdict::kReady: return Tone::kGood;
    case matrix::Verdict::kPartial:
    case matrix::Verdict::kUnknown: return Tone::kWarning;
    case matrix::Verdict::kMissing: return Tone::kBad;
    case matrix::Verdict::kImpossible: return Tone::kFaint;
  }
  return Tone::kPlain;
}

Tone tone_of(matrix::State state) {
  switch (state) {
    case matrix::State::kYes: return Tone::kGood;
    case matrix::State::kPartly:
    case matrix::State::kUnknown: return Tone::kWarning;
    case matrix::State::kNo: return Tone::kBad;
    case matrix::State::kBarred: return Tone::kFaint;
  }
  return Tone::kPlain;
}

std::size_t width_of(const Terminal& terminal) {
  return std::clamp<std::size_t>(terminal.width == 0 ? 80 : terminal.width, 60, 110);
}

/// Words in lines of at most `width` columns; a longer word is shortened.
std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string word = shorten(text.substr(0, end), width);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!lines.empty() && display_width(lines.back()) + 1 + display_width(word) <= width) {
      lines.back() += ' ' + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

struct Line {
  std::string text;
  Tone tone = Tone::kPlain;
};

std::string ago(UtcTime then, UtcTime now) {
  return to_human(Nanoseconds(std::max<std::int64_t>(0, now.ns - then.ns))) + " ago";
}

std::vector<Line> cell_lines(const matrix::CellReport& cell, const LastEvents& last, UtcTime now,
                             std::size_t width) {
  std::vector<Line> lines;
  for (std::string& line : wrap(to_string(cell.verdict), width)) {
    lines.push_back({std::move(line), tone_of(cell.verdict)});
  }
  std::vector<std::string> reason = wrap(printable(cell.why), width);
  if (reason.size() > kMostReasonLines) {
    reason.resize(kMostReasonLines);
    reason.back() = shorten(reason.back() + " …", width);
  }
  for (std::string& line : reason) lines.push_back({std::move(line), Tone::kPlain});
  if (const auto event = last.find(cell.cell); event != last.end()) {
    lines.push_back({shorten(printable(event->second.kind), width), Tone::kFaint});
    lines.push_back({shorten(ago(event->second.time, now), width), Tone::kFaint});
  }
  return lines;
}

/// Lines side by side, without blanks at their ends.
std::string side_by_side(std::string_view label, const std::array<std::vector<Line>, 3>& cells,
                         std::size_t width, const Terminal& terminal) {
  std::size_t height = 0;
  for (const auto& cell : cells) height = std::max(height, cell.size());
  std::string text;
  for (std::size_t row = 0; row < height; ++row) {
    std::string line = row == 0 ? terminal.paint(label, Tone::kStrong) : "";
    std::size_t column = row == 0 ? display_width(label) : 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (row >= cells[i].size()) continue;
      const std::size_t begin = kLabel + i * (width + kGap);
      line.append(begin - column, ' ');
      line += terminal.paint(cells[i][row].text, cells[i][row].tone);
      column = begin + display_width(cells[i][row].text);
    }
    text += line + '\n';
  }
  return text;
}

void append_wrapped(std::string& text, std::string_view body, std::size_t indent,
                    std::size_t width) {
  bool first = true;
  for (const std::string& line : wrap(body, width - indent)) {
    if (!first) text += std::string(indent, ' ');
    text += line + '\n';
    first = false;
  }
}

}  // namespace

std::string_view cell_meaning(ledger::Cell cell) {
  static constexpr std::array<std::string_view, 9> kMeanings = {
      "a crash is kept, can be read, and the application comes back",
      "security updates are known, and no process runs what they replaced",
      "a running program can be patched without a restart",
      "a panic is kept, and the host comes back by itself",
      "the kernel that runs is the newest that is installed or released",
      "the running kernel can be patched",
      "failing memory, processors, buses and disks are noticed",
      "this host can be emptied, and parts be changed while it runs",
      "an application can be frozen, moved and thawed"};
  return kMeanings[static_cast<std::size_t>(cell)];
}

std::string machine_words(const matrix::Machine& machine) {
  std::string words = machine.container ? "container" : "";
  if (machine.virtual_machine) {
    words += (words.empty() ? "" : " in a ") + std::string("virtual machine (") +
             printable(machine.hypervisor) + ")";
  }
  return words.empty() ? "bare metal" : words;
}

std::string matrix_grid(const matrix::Matrix& matrix, const LastEvents& last, UtcTime now,
                        const Terminal& terminal) {
  const std::size_t width = (width_of(terminal) - kLabel - 2 * kGap) / 3;
  std::array<std::vector<Line>, 3> titles;
  for (std::size_t i = 0; i < 3; ++i) titles[i] = {{std::string(kColumns[i]), Tone::kFaint}};
  std::string text = side_by_side("", titles, width, terminal);
  for (std::size_t row = 0; row < kRows.size(); ++row) {
    std::array<std::vector<Line>, 3> cells;
    for (std::size_t i = 0; i < 3; ++i) {
      cells[i] = cell_lines(matrix.cells[3 * row + i], last, now, width);
    }
    text += (row == 0 ? "" : "\n") + side_by_side(kRows[row], cells, width, terminal);
  }
  return text;
}

std::string matrix_advice(const matrix::Matrix& matrix, const Terminal& terminal) {
  constexpr std::size_t kIndent = 17;  // the longest name and its gaps
  std::string text;
  for (const matrix::CellReport& cell : matrix.cells) {
    if (cell.next.empty()) continue;
    text += "  " +
            terminal.paint(fmt::format("{:<15}", matrix::dotted(cell.cell)), tone_of(cell.verdict));
    append_wrapped(text, printable(cell.next), kIndent, width_of(terminal));
  }
  return text;
}

std::string cell_card(const matrix::CellReport& cell, const LastEvents& last, UtcTime now,
                      const Terminal& terminal) {
  constexpr std::size_t kIndent = 10;
  const std::size_t width = width_of(terminal);
  std::string text =
      fmt::format("{}: {}\n\n", terminal.paint(matrix::dotted(cell.cell), Tone::kStrong),
                  cell_meaning(cell.cell));
  text += "verdict   " + terminal.paint(to_string(cell.verdict), tone_of(cell.verdict));
  text += ": " + printable(cell.why) + '\n';
  if (!cell.next.empty()) {
    text += "next      ";
    append_wrapped(text, printable(cell.next), kIndent, width);
  }
  if (const auto event = last.find(cell.cell); event != last.end()) {
    text += fmt::format("last      {}: {}\n", ago(event->second.time, now),
                        event_line(event->second, terminal));
  }
  text += "\nEvidence, and how much it counts\n";
  for (const matrix::Finding& finding : cell.findings) {
    const std::string state = fmt::format("{:<7}", to_string(finding.state));
    text += "  " + terminal.paint(state, tone_of(finding.state)) + ' ';
    text += fmt::format("{} ({})\n{:{}}", printable(finding.source), to_string(finding.weight), "",
                        kIndent);
    append_wrapped(text, printable(finding.said), kIndent, width);
    if (!finding.advice.empty() && finding.state != matrix::State::kYes) {
      text += fmt::format("{:{}}", "", kIndent);
      append_wrapped(text, "-> " + printable(finding.advice), kIndent + 3, width);
    }
  }
  return text;
}

}  // namespace nines::cli
