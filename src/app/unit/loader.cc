#include "app/unit/loader.h"

#include <fmt/format.h>

#include <cstdlib>

#include "app/unit/host_facts.h"
#include "app/unit/reader.h"

namespace nines::unit {
namespace {

void append_split(std::string_view text, std::string_view suffix, std::vector<std::string>& list) {
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    if (!part.empty()) list.push_back(std::string(part) + std::string(suffix));
    text.remove_prefix(colon == std::string_view::npos ? text.size() : colon + 1);
  }
}

std::string environment_or(const char* name, const char* fallback) {
  const char* value = ::getenv(name);
  return value != nullptr && value[0] != '\0' ? value : fallback;
}

/// @source systemd.unit(5) "System Unit Search Path"
std::vector<std::string> system_directories() {
  return {"/etc/nines/units",
          "/etc/systemd/system.control",
          "/run/systemd/system.control",
          "/run/systemd/transient",
          "/run/systemd/generator.early",
          "/etc/systemd/system",
          "/etc/systemd/system.attached",
          "/run/systemd/system",
          "/run/systemd/system.attached",
          "/run/systemd/generator",
          "/usr/local/lib/systemd/system",
          "/usr/lib/systemd/system",
          "/lib/systemd/system",
          "/run/systemd/generator.late"};
}

/// @source systemd.unit(5) "User Unit Search Path"
std::vector<std::string> user_directories() {
  const std::string config = base_directory(BaseDirectory::kConfiguration, true);
  const std::string runtime = base_directory(BaseDirectory::kRuntime, true);
  const std::string data = base_directory(BaseDirectory::kData, true);
  std::vector<std::string> list{config + "/nines/units",
                                config + "/systemd/user.control",
                                runtime + "/systemd/user.control",
                                runtime + "/systemd/transient",
                                runtime + "/systemd/generator.early",
                                config + "/systemd/user"};
  append_split(environment_or("XDG_CONFIG_DIRS", "/etc/xdg"), "/systemd/user", list);
  list.insert(list.end(), {"/etc/systemd/user", runtime + "/systemd/user", "/run/systemd/user",
                           runtime + "/systemd/generator", data + "/systemd/user"});
  append_split(environment_or("XDG_DATA_DIRS", "/usr/local/share:/usr/share"), "/systemd/user",
               list);
  list.insert(list.end(), {"/usr/local/lib/systemd/user", "/usr/lib/systemd/user",
                           runtime + "/systemd/generator.late"});
  return list;
}

}  // namespace

std::vector<std::string> default_search_path(bool user_mode) {
  const std::string own = environment_or("NINES_UNIT_PATH", "");
  std::vector<std::string> list;
  append_split(own, "", list);
  if (!own.empty() && !own.ends_with(':')) return list;
  const auto rest = user_mode ? user_directories() : system_directories();
  list.insert(list.end(), rest.begin(), rest.end());
  return list;
}

Result<LoadedUnit> load_unit(std::string_view name_or_path, const LoadContext& context) {
  NINES_ASSIGN(ReadUnit read, find_and_read(name_or_path, context));
  if (const Diagnostic* error = read.first_error()) {
    const std::string at = error->line > 0 ? fmt::format(":{}:{}", error->line, error->column) : "";
    return Error(ErrorCode::kInvalidArgument, "load unit", read.unit.name)
        .with_detail(fmt::format("{}{}: {}{}{}", error->file, at, error->directive,
                                 error->directive.empty() ? "" : ": ", error->message))
        .with_hint(fmt::format("nines unit check {}", name_or_path));
  }
  return LoadedUnit{std::make_shared<const Unit>(std::move(read.unit)),
                    std::move(read.diagnostics)};
}

}  // namespace nines::unit
