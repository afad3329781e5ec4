#include "cli/describe.h"

#include <algorithm>

#include "cli/verb_details.h"

namespace nines::cli {

std::vector<OptionEntry> describe_options(const CLI::App& app) {
  std::vector<OptionEntry> entries;
  for (const CLI::Option* option : app.get_options()) {
    OptionEntry entry;
    for (const auto& name : option->get_snames()) entry.names.push_back("-" + name);
    for (const auto& name : option->get_lnames()) entry.names.push_back("--" + name);
    const bool flag = option->get_type_size() == 0;
    if (entry.names.empty()) {
      entry.argument = option->get_name();
    } else if (!flag) {
      entry.argument = option->get_type_name();
    }
    entry.required = option->get_required();
    entry.repeated = !flag && option->get_items_expected_max() > 1;
    entry.help = option->get_description();
    entries.push_back(std::move(entry));
  }
  return entries;
}

void describe_verbs(const CLI::App& app, const std::string& prefix,
                    std::vector<VerbEntry>& entries) {
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    const std::string name = prefix + sub->get_name();
    if (!sub->get_subcommands([](const CLI::App*) { return true; }).empty()) {
      describe_verbs(*sub, name + ' ', entries);
      continue;
    }
    VerbEntry entry{name, sub->get_description(), std::string(details_of(name)), {}};
    for (OptionEntry& option : describe_options(*sub)) {
      const bool help =
          std::find(option.names.begin(), option.names.end(), "--help") != option.names.end();
      if (!help) entry.options.push_back(std::move(option));
    }
    entries.push_back(std::move(entry));
  }
}

}  // namespace nines::cli
