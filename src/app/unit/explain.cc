#include "app/unit/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "app/unit/printable.h"
#include "app/unit/reader.h"
#include "app/unit/value.h"

namespace nines::unit {
namespace {

constexpr std::size_t kShownValue = 200;

/// When a restart happens, in words.
std::string restart_delay(const ServiceSection& service, const NinesSection& nines) {
  const std::string healthy = format_time_span(nines.healthy_uptime);
  if (service.restart_sec && service.restart_steps && service.restart_max_delay) {
    return fmt::format("first after {}, in {} steps up to {}",
                       format_time_span(*service.restart_sec), *service.restart_steps,
                       format_time_span(*service.restart_max_delay));
  }
  if (service.restart_sec)
    return fmt::format("each time after {}", format_time_span(*service.restart_sec));
  constexpr std::chrono::seconds kCap(30);
  const bool uncapped = service.restart_max_delay_set && !service.restart_max_delay;
  const std::string cap =
      uncapped ? "ever longer delays"
               : "delays up to " + format_time_span(service.restart_max_delay.value_or(kCap));
  return fmt::format("first retry at once, then {}, from nothing again after {} without a failure",
                     cap, healthy);
}

class Explainer {
 public:
  explicit Explainer(const ReadUnit& read) : read_(read) {}

  UnitReport run() {
    report_.name = read_.unit.name;
    report_.files = read_.unit.files;
    report_.diagnostics = read_.diagnostics;
    find_last();
    for (std::size_t i = 0; i < read_.settings.size(); ++i) {
      report_.directives.push_back(explain_setting(i));
    }
    if (const ServiceUnit* service = read_.unit.service()) imply(*service);
    return std::move(report_);
  }

 private:
  /// For each directive that replaces: which setting counts.
  void find_last() {
    for (std::size_t i = 0; i < read_.settings.size(); ++i) {
      const ReadSetting& setting = read_.settings[i];
      if (setting.directive != nullptr) last_[setting.directive] = i;
    }
  }

  Explanation explain_setting(std::size_t i) const {
    const ReadSetting& setting = read_.settings[i];
    Explanation result{setting.level,
                       setting.file,
                       setting.location.line,
                       setting.location.column,
                       setting.section,
                       printable(setting.key),
                       printable(setting.value, kShownValue),
                       ""};
    result.effect = effect_of(i);
    return result;
  }

  std::string effect_of(std::size_t i) const {
    const ReadSetting& setting = read_.settings[i];
    // What the handler had to say replaces the plain sentence: it knows the value.
    if (!setting.remark.empty()) return setting.remark;
    const Directive& directive = *setting.directive;
    const bool adds = directive.repeat == Repeat::kAdds;
    if (!adds && last_.at(&directive) != i && directive.honoured()) {
      const ReadSetting& later = read_.settings[last_.at(&directive)];
      return fmt::format("no effect: overridden by {}:{}", later.file, later.location.line);
    }
    if (setting.value.empty() && directive.honoured() && !takes_empty(directive)) {
      return adds ? "takes back what was set before" : "back to the default";
    }
    if (!directive.honoured()) return "asks for nothing that nines would do";
    std::string effect = describe(directive, setting.value);
    if (directive.name == "Restart" && setting.value != "no") effect += "; " + delay();
    return effect;
  }

  /// An empty capability set is a value of its own.
  static bool takes_empty(const Directive& directive) {
    return directive.name == "CapabilityBoundingSet";
  }

  std::string delay() const {
    const ServiceUnit* service = read_.unit.service();
    return service == nullptr ? "" : restart_delay(service->service, service->nines);
  }

  void add_implied(std::string_view section, std::string_view directive, std::string effect) {
    report_.directives.push_back({DiagnosticLevel::kInfo, "", 0, 0, std::string(section),
                                  std::string(directive), "", std::move(effect)});
  }

  void imply(const ServiceUnit& unit) {
    const ServiceSection& service = unit.service;
    if (!service.restart) {
      const bool is_oneshot = service.type == ServiceType::kOneshot;
      add_implied(
          "Service", "Restart",
          is_oneshot
              ? "not set: not restarted, since it is to run to its end"
              : "not set: restarted whenever it ends, since keeping it up is what nines is for "
                "(Restart=no lets it stay down); " +
                    delay());
    }
    const bool restarts = service.restart ? *service.restart != RestartPolicy::kNo
                                          : service.type != ServiceType::kOneshot;
    if (restarts && !read_.unit.unit.start_limit_burst) {
      add_implied("Unit", "StartLimitBurst", "no limit: nines never gives up restarting it");
    }
  }

  const ReadUnit& read_;
  std::map<const Directive*, std::size_t> last_;
  UnitReport report_;
};

UnitReport failed_report(std::string_view name, const Error& error) {
  UnitReport report;
  report.name = printable(name, kShownValue);
  std::string message = error.message();
  if (!error.hint().empty()) message += " (" + error.hint() + ")";
  report.diagnostics.push_back(
      {DiagnosticLevel::kError, report.name, 0, 0, "", printable(message, 4 * kShownValue)});
  return report;
}

}  // namespace

bool UnitReport::usable() const {
  return std::none_of(diagnostics.begin(), diagnostics.end(),
                      [](const Diagnostic& d) { return d.level == DiagnosticLevel::kError; });
}

UnitReport explain(const ReadUnit& read) {
  return Explainer(read).run();
}

UnitReport check_unit(std::string_view name_or_path, const LoadContext& context) {
  const Result<ReadUnit> read = find_and_read(name_or_path, context, "instance");
  if (!read) return failed_report(name_or_path, read.error());
  return explain(*read);
}

std::string_view to_string(DiagnosticLevel level) {
  switch (level) {
    case DiagnosticLevel::kInfo: return "info";
    case DiagnosticLevel::kWarning: return "warning";
    case DiagnosticLevel::kError: return "error";
  }
  return "error";
}

nlohmann::json to_json(const UnitReport& report) {
  constexpr std::size_t kMaxPath = 4096;
  auto place = [](nlohmann::json object, const auto& source) {
    object["level"] = to_string(source.level);
    object["directive"] = printable(source.directive);
    object["file"] = printable(source.file, kMaxPath);
    object["line"] = source.line;
    object["column"] = source.column;
    return object;
  };
  nlohmann::json files = nlohmann::json::array();
  for (const std::string& file : report.files) files.push_back(printable(file, kMaxPath));
  nlohmann::json directives = nlohmann::json::array();
  for (const Explanation& entry : report.directives) {
    directives.push_back(place({{"section", printable(entry.section)},
                                {"value", printable(entry.value, kMaxPath)},
                                {"effect", printable(entry.effect, kMaxPath)}},
                               entry));
  }
  nlohmann::json diagnostics = nlohmann::json::array();
  for (const Diagnostic& entry : report.diagnostics) {
    diagnostics.push_back(place({{"message", printable(entry.message, kMaxPath)}}, entry));
  }
  return {{"name", report.name},
          {"usable", report.usable()},
          {"files", std::move(files)},
          {"directives", std::move(directives)},
          {"diagnostics", std::move(diagnostics)}};
}

}  // namespace nines::unit
