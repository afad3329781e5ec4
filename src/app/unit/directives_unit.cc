// [Unit] and [Install].
#include "app/unit/directive.h"
#include "app/unit/handlers.h"

namespace nines::unit {
namespace {

// Only the kinds that the supervisor can judge; directives_ignored.cc has the others.

/// Kinds of Condition*= and Assert*= whose argument is a path.
bool takes_path(std::string_view kind) {
  return kind.starts_with("Path") || kind.starts_with("File") || kind.starts_with("Directory");
}

void condition(Draft& draft, const Setting& setting) {
  constexpr std::string_view kAssert = "Assert";
  constexpr std::string_view kCondition = "Condition";
  const std::string_view key = setting.assignment.key;
  Condition result;
  result.assertion = key.starts_with(kAssert);
  result.kind = key.substr(result.assertion ? kAssert.size() : kCondition.size());
  if (setting.value().empty()) {
    // One empty Condition*= takes all kinds of conditions back, but no assertion.
    std::erase_if(draft.unit.conditions.edit(),
                  [&](const Condition& other) { return other.assertion == result.assertion; });
    return;
  }
  std::string_view argument = setting.value();
  auto take = [&argument](char mark) {
    if (!argument.starts_with(mark)) return false;
    argument.remove_prefix(1);
    while (argument.starts_with(' ') || argument.starts_with('\t')) argument.remove_prefix(1);
    return true;
  };
  result.trigger = take('|');
  result.negate = take('!');
  const std::size_t offset = setting.value().size() - argument.size();
  const auto resolved = takes_path(result.kind) ? resolve_path(draft, setting, argument, offset)
                                                : draft.resolve(setting, argument, offset);
  if (!resolved) return;
  result.argument = *resolved;
  draft.unit.conditions.push_back(std::move(result));
}

void start_limit_interval(Draft& draft, const Setting& setting) {
  auto& target = draft.unit.start_limit_interval;
  if (setting.value().empty()) return target.reset();
  const Result<TimeSpan> span = parse_time_span(setting.value());
  if (!span) return draft.error(setting, 0, span.error().detail());
  // "infinity": every start counts, however long ago.
  target = span->value_or(Nanoseconds::max());
}

void start_limit_burst(Draft& draft, const Setting& setting) {
  auto& target = draft.unit.start_limit_burst;
  if (setting.value().empty()) return target.reset();
  const Result<std::int64_t> count = parse_integer(setting.value(), 0, 1'000'000'000);
  if (!count) return draft.error(setting, 0, count.error().detail());
  target = static_cast<unsigned>(*count);
}

constexpr std::string_view kConditionText = "started only if this holds: {}";
constexpr std::string_view kAssertText = "a start fails unless this holds: {}";
#define NINES_CONDITION(kind)                                    \
  {kUnit, "Condition" kind, condition, kConditionText, kList}, { \
    kUnit, "Assert" kind, condition, kAssertText                 \
  }

constexpr Directive kDirectives[] = {
    {kUnit, "Description", text<&UnitSection::description>, "shown in status and events"},
    {kUnit, "Documentation", words<&UnitSection::documentation>, "shown by `nines unit`", kList},
    {kUnit, "Requires", units<&UnitSection::requires_units>,
     "starts {} too; if that cannot start, neither does this; if that is stopped, so is this",
     kList},
    {kUnit, "Requisite", units<&UnitSection::requisite>, "refuses to start unless {} is up already",
     kList},
    {kUnit, "Wants", units<&UnitSection::wants>,
     "starts {} too, and goes on if that fails or is not known", kList},
    {kUnit, "BindsTo", units<&UnitSection::binds_to>,
     "starts {} too, and goes down with it for whatever reason", kList},
    {kUnit, "PartOf", units<&UnitSection::part_of>, "stopped and restarted together with {}",
     kList},
    {kUnit, "Upholds", units<&UnitSection::upholds>, "keeps {} up for as long as this is up",
     kList},
    {kUnit, "Conflicts", units<&UnitSection::conflicts>,
     "stops {} when this starts, and the other way round", kList},
    {kUnit, "Before", units<&UnitSection::before>, "when both start, starts before {}", kList},
    {kUnit, "After", units<&UnitSection::after>, "when both start, starts once {} is up", kList},
    {kUnit, "OnFailure", units<&UnitSection::on_failure>,
     "starts {} when this is given up as failed", kList},
    {kUnit, "OnSuccess", units<&UnitSection::on_success>, "starts {} when this ends well", kList},
    {kUnit, "StartLimitIntervalSec", start_limit_interval,
     "gives up after StartLimitBurst= starts within {}; without StartLimit* nines never gives up"},
    {kUnit, "StartLimitBurst", start_limit_burst,
     "gives up after {} starts within StartLimitIntervalSec=; without StartLimit* nines never "
     "gives up"},
    NINES_CONDITION("PathExists"),
    NINES_CONDITION("PathExistsGlob"),
    NINES_CONDITION("PathIsDirectory"),
    NINES_CONDITION("PathIsSymbolicLink"),
    NINES_CONDITION("PathIsReadWrite"),
    NINES_CONDITION("DirectoryNotEmpty"),
    NINES_CONDITION("FileNotEmpty"),
    NINES_CONDITION("FileIsExecutable"),
    NINES_CONDITION("User"),
    NINES_CONDITION("Host"),
    NINES_CONDITION("Environment"),
    {kInstall, "WantedBy", units<&InstallSection::wanted_by>,
     "{} pulls it in once `systemctl enable` has linked it there", kList},
    {kInstall, "RequiredBy", units<&InstallSection::required_by>,
     "{} requires it once `systemctl enable` has linked it there", kList},
    {kInstall, "Also", units<&InstallSection::also>, "`systemctl enable` takes {} along", kList},
    {kInstall, "Alias", units<&InstallSection::alias>,
     "known as {} too once `systemctl enable` has linked it", kList},
};
#undef NINES_CONDITION

}  // namespace

std::span<const Directive> unit_directives() {
  return kDirectives;
}

}  // namespace nines::unit
