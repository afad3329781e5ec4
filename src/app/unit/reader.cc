#include "app/unit/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/unit/check.h"
#include "app/unit/printable.h"
#include "app/unit/search.h"
#include "app/unit/value.h"
#include "sys/file.h"

namespace nines::unit {
namespace {

/// Sections that may stand in a unit of the type.
std::uint8_t sections_of(std::string_view type) {
  if (type == "service") return kUnit | kService | kInstall | kNines;
  if (type == "socket") return kUnit | kSocket | kInstall | kNines;
  return kUnit | kInstall;
}

class Reader {
 public:
  Reader(const UnitName& name, const LoadContext& context)
      : specifiers_(name, context), draft_(specifiers_), allowed_(sections_of(name.type)) {}

  ReadUnit run(const std::vector<NamedText>& files, const Surroundings& surroundings) {
    if (!files.empty()) specifiers_.set_fragment(files.front().first);
    for (const NamedText& file : files) {
      read_file(file);
      result_.unit.files.push_back(file.first);
    }
    draft_.unit.wants.insert(draft_.unit.wants.end(), surroundings.wants.begin(),
                             surroundings.wants.end());
    draft_.unit.requires_units.insert(draft_.unit.requires_units.end(),
                                      surroundings.requires_units.begin(),
                                      surroundings.requires_units.end());
    const UnitName& name = specifiers_.name();
    const std::string fragment = files.empty() ? "" : files.front().first;
    finish_draft(draft_, fragment, surroundings.has_socket);
    result_.unit.name = name.full();
    result_.unit.instance = name.instance;
    result_.unit.unit = std::move(draft_.unit);
    result_.unit.install = std::move(draft_.install);
    if (name.type == "service") {
      result_.unit.body = ServiceUnit{std::move(draft_.service), std::move(draft_.exec),
                                      draft_.kill, draft_.resources, std::move(draft_.nines)};
    } else if (name.type == "socket") {
      draft_.socket.exec = std::move(draft_.exec);
      draft_.socket.kill = draft_.kill;
      result_.unit.body = std::move(draft_.socket);
    } else {
      result_.unit.body = TargetUnit{};
    }
    result_.diagnostics = std::move(draft_.diagnostics);
    return std::move(result_);
  }

 private:
  void remark(const std::string& file, Location at, std::string directive, std::string message,
              DiagnosticLevel level = DiagnosticLevel::kError) {
    draft_.add({level, file, at.line, at.column, std::move(directive), std::move(message)});
  }

  void read_file(const NamedText& named) {
    const auto& [file, text] = named;
    const std::size_t first = draft_.diagnostics.size();
    const SyntaxTree tree = parse_syntax(text);
    for (const SyntaxError& error : tree.errors) remark(file, error.location, "", error.message);
    for (const SectionHeader& header : tree.sections) check_section(file, header);
    for (const Assignment& assignment : tree.assignments) read_assignment(file, assignment);
    // In the order of the file, whoever found it.
    std::stable_sort(draft_.diagnostics.begin() + static_cast<std::ptrdiff_t>(first),
                     draft_.diagnostics.end(), [](const Diagnostic& a, const Diagnostic& b) {
                       return std::pair(a.line, a.column) < std::pair(b.line, b.column);
                     });
  }

  void check_section(const std::string& file, const SectionHeader& header) {
    const std::uint8_t section = section_from_name(header.name);
    const std::string& type = specifiers_.name().type;
    if (section == 0) {
      if (header.name.starts_with("X-")) return;
      remark(file, header.location, "",
             fmt::format("unknown section [{}]", printable(header.name)));
    } else if ((section & allowed_) == 0) {
      remark(file, header.location, "",
             fmt::format("[{}] does not belong into a .{} unit", header.name, type));
    } else if (section == kNines && type != "service") {
      remark(file, header.location, "",
             "[X-Nines] has no effect here: it belongs into the .service unit",
             DiagnosticLevel::kWarning);
    }
  }

  void read_assignment(const std::string& file, const Assignment& assignment) {
    const std::uint8_t section = section_from_name(assignment.section) & allowed_;
    if (section == 0) return;                      // the header was reported, or begins with X-
    if (assignment.key.starts_with("X-")) return;  // systemd: for others to use
    const std::size_t before = draft_.diagnostics.size();
    const Directive* directive = find_directive(section, assignment.key);
    apply(directive, Setting{assignment, file}, section);
    ReadSetting setting{file,
                        assignment.key_location,
                        assignment.section,
                        assignment.key,
                        assignment.value,
                        directive,
                        DiagnosticLevel::kInfo,
                        ""};
    for (std::size_t i = before; i < draft_.diagnostics.size(); ++i) {
      const Diagnostic& diagnostic = draft_.diagnostics[i];
      setting.level = std::max(setting.level, diagnostic.level);
      if (setting.remark.size() > kMaxMessage) continue;
      setting.remark += (setting.remark.empty() ? "" : "; ") + diagnostic.message;
    }
    result_.settings.push_back(std::move(setting));
  }

  void apply(const Directive* directive, const Setting& setting, std::uint8_t section) {
    if (directive == nullptr) {
      unknown(setting.file, setting.assignment, section);
    } else if (directive->honoured()) {
      directive->handler(draft_, setting);
    } else if (!is_off(setting.value())) {
      draft_.warning(setting, 0, "not honoured: " + describe(*directive, setting.value()));
    }
  }

  /// "PrivateNetwork=no" asks for what nines does anyway. Not "0", which may be a limit.
  static bool is_off(std::string_view value) {
    if (value.empty()) return true;
    const Result<bool> boolean = parse_boolean(value);
    return boolean && !*boolean && value != "0";
  }

  void unknown(const std::string& file, const Assignment& assignment, std::uint8_t section) {
    // Each compares with every known name: a file of nothing but unknown ones must not cost
    // seconds.
    const bool suggest = suggestions_left_ > 0;
    suggestions_left_ -= suggest ? 1 : 0;
    const std::string suggestion = suggest ? suggest_directive(section, assignment.key) : "";
    remark(file, assignment.key_location, printable(assignment.key),
           fmt::format("nobody knows {}= in [{}]{}{}", printable(assignment.key),
                       assignment.section, suggestion.empty() ? "" : "; ", suggestion));
  }

  SpecifierResolver specifiers_;
  Draft draft_;
  std::uint8_t allowed_;
  int suggestions_left_ = 20;
  ReadUnit result_;
};

/// @return whether a .socket of the same name is there to hand its sockets over.
bool has_socket(const UnitName& name, const std::string& fragment,
                const std::vector<std::string>& search_path) {
  if (name.type != "service") return false;
  UnitName socket = name;
  socket.type = "socket";
  std::vector<std::string> directories = search_path;
  directories.push_back(fragment.substr(0, fragment.rfind('/')));
  for (const std::string& directory : directories) {
    if (sys::exists(directory + "/" + socket.full())) return true;
    if (name.is_instance && sys::exists(directory + "/" + socket.template_name())) return true;
  }
  return false;
}

}  // namespace

const Diagnostic* ReadUnit::first_error() const {
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.level == DiagnosticLevel::kError) return &diagnostic;
  }
  return nullptr;
}

ReadUnit read_unit(const UnitName& name, const std::vector<NamedText>& files,
                   const LoadContext& context, const Surroundings& surroundings) {
  return Reader(name, context).run(files, surroundings);
}

Result<ReadUnit> find_and_read(std::string_view name_or_path, const LoadContext& context,
                               std::string_view template_instance) {
  const bool by_path = name_or_path.find('/') != std::string_view::npos;
  UnitFiles files;
  if (by_path) {
    NINES_ASSIGN(files, find_unit_at(std::string(name_or_path), context.search_path));
  } else {
    NINES_ASSIGN(const UnitName name, parse_unit_name(name_or_path, true));
    NINES_ASSIGN(files, find_unit(name, context.search_path));
  }
  if (files.name.is_template && !template_instance.empty()) {
    files.name.instance = template_instance;
    files.name.is_template = false;
    files.name.is_instance = true;
  }
  std::vector<NamedText> texts;
  NINES_ASSIGN(std::string fragment, sys::read_file(files.fragment, Bytes{kMaxFileBytes}));
  texts.emplace_back(files.fragment, std::move(fragment));
  for (const std::string& path : files.drop_ins) {
    NINES_ASSIGN(std::string text, sys::read_file(path, Bytes{kMaxFileBytes}));
    texts.emplace_back(path, std::move(text));
  }
  const Surroundings surroundings{std::move(files.wants), std::move(files.requires_units),
                                  has_socket(files.name, files.fragment, context.search_path)};
  return read_unit(files.name, texts, context, surroundings);
}

}  // namespace nines::unit
