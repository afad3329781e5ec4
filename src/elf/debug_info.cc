#include "elf/debug_info.h"

#include <dwarf.h>

#include <algorithm>

#include "elf/arguments.h"
#include "elf/debug_scopes.h"

namespace nines::elf {
namespace {

std::string called_in(Dwarf_Die* unit, Dwarf_Die* inlined, int* line) {
  Dwarf_Attribute memory;
  Dwarf_Word file = 0, number = 0;
  if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &memory), &number) == 0) {
    *line = static_cast<int>(number);
  }
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &memory), &file) != 0 ||
      dwarf_getsrcfiles(unit, &files, &count) != 0 || file >= count) {
    return {};
  }
  const char* name = dwarf_filesrc(files, file, nullptr, nullptr);
  return name == nullptr ? "" : name;
}

}  // namespace

Result<std::unique_ptr<DebugInfo>> DebugInfo::open(const Image& image, const Image* alternative) {
  if (!image.has_section(".debug_info") && !image.has_section(".zdebug_info") &&
      !image.has_section(".debug_frame") && !image.has_section(".zdebug_frame")) {
    return Error(ErrorCode::kNotFound, "read debug information");
  }
  std::unique_ptr<DebugInfo> info(new DebugInfo);
  info->dwarf_ = dwarf_begin_elf(image.elf(), DWARF_C_READ, nullptr);
  if (info->dwarf_ == nullptr) {
    return Error(ErrorCode::kCorrupt, "read debug information").with_detail(dwarf_errmsg(-1));
  }
  if (alternative != nullptr) {
    info->alternative_ = dwarf_begin_elf(alternative->elf(), DWARF_C_READ, nullptr);
    if (info->alternative_ != nullptr) dwarf_setalt(info->dwarf_, info->alternative_);
  }
  return info;
}

DebugInfo::~DebugInfo() {
  dwarf_end(dwarf_);
  dwarf_end(alternative_);
}

void DebugInfo::index_units() {
  std::size_t count = 0;
  if (dwarf_getaranges(dwarf_, &aranges_, &count) != 0 || count == 0) aranges_ = nullptr;
}

void DebugInfo::scan_units() {
  Dwarf_Die unit;
  Dwarf_CU* at = nullptr;
  while (dwarf_get_units(dwarf_, at, &at, nullptr, nullptr, &unit, nullptr) == 0) {
    Dwarf_Addr base = 0, start = 0, end = 0;
    for (std::ptrdiff_t next = 0; (next = dwarf_ranges(&unit, next, &base, &start, &end)) > 0;) {
      ranges_.push_back({start, end, dwarf_dieoffset(&unit)});
    }
  }
  std::sort(ranges_.begin(), ranges_.end(),
            [](const Range& a, const Range& b) { return a.start < b.start; });
}

std::optional<Dwarf_Die> DebugInfo::unit_at(std::uint64_t address) {
  if (!indexed_) index_units();
  indexed_ = true;
  Dwarf_Die unit;
  if (aranges_ != nullptr) {
    Dwarf_Off offset = 0;
    Dwarf_Arange* range = dwarf_getarange_addr(aranges_, address);
    if (range != nullptr && dwarf_getarangeinfo(range, nullptr, nullptr, &offset) == 0 &&
        dwarf_offdie(dwarf_, offset, &unit) != nullptr) {
      return unit;
    }
  }
  // Not every compiler writes the index, and an assembler's units are often not in it.
  if (!scanned_) scan_units();
  scanned_ = true;
  auto after = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                [](std::uint64_t a, const Range& r) { return a < r.start; });
  if (after == ranges_.begin()) return std::nullopt;
  --after;
  if (address >= after->end || dwarf_offdie(dwarf_, after->unit, &unit) == nullptr) {
    return std::nullopt;
  }
  return unit;
}

std::vector<SourceFrame> DebugInfo::at(std::uint64_t address, ExpressionContext* state) {
  auto unit = unit_at(address);
  if (!unit) return {};
  std::vector<Dwarf_Die> functions = functions_at(&*unit, address);
  std::string file;
  int line = 0;
  if (Dwarf_Line* found = dwarf_getsrc_die(&*unit, address)) {
    const char* name = dwarf_linesrc(found, nullptr, nullptr);
    if (name != nullptr) file = name;
    (void)dwarf_lineno(found, &line);
  }
  std::vector<SourceFrame> frames;
  if (functions.empty()) {
    if (!file.empty()) frames.push_back({{}, std::move(file), line, false, {}});
    return frames;
  }
  if (state != nullptr) state->frame_base = frame_base_of(&functions.front(), address, *state);
  for (std::size_t i = functions.size(); i-- > 0;) {
    SourceFrame frame{function_name(&functions[i]), std::move(file), line, i > 0, {}};
    if (state != nullptr) frame.arguments = arguments_of(&functions[i], address, *state);
    line = 0;
    file = i > 0 ? called_in(&*unit, &functions[i], &line) : std::string();
    frames.push_back(std::move(frame));
  }
  return frames;
}

}  // namespace nines::elf
