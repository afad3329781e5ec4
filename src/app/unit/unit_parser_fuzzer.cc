// Bytes as a service, a socket and a drop-in: read, specifiers resolved, commands
// expanded, all explained.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "app/unit/expand.h"
#include "app/unit/explain.h"
#include "app/unit/reader.h"

namespace {

using namespace nines::unit;

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_utf8(std::string_view text) {
  return valid_utf8_prefix(text) == text.size();
}

void expand_all(const std::vector<ExecCommand>& commands) {
  static const std::map<std::string, std::string> environment{{"A", "a 'b c'"}, {"OPTIONS", "\"x"}};
  for (const ExecCommand& command : commands) {
    require(!command.path.empty() && !command.argv.empty());
    const auto argv = expand_command(command, environment);
    require(!argv || !argv->empty());
  }
}

void check(const ReadUnit& read) {
  if (const ServiceUnit* service = read.unit.service()) {
    for (const auto* list : {&service->service.exec_start, &service->service.exec_start_pre,
                             &service->service.exec_stop, &service->service.exec_reload}) {
      expand_all(*list);
    }
    if (read.first_error() == nullptr) {
      // What the supervisor relies on.
      require(service->service.type == ServiceType::kOneshot ||
              service->service.exec_start.size() == 1);
    }
  }
  if (const SocketUnit* socket = read.unit.socket();
      socket != nullptr && read.first_error() == nullptr) {
    require(!socket->listen.empty() && !socket->service.empty());
  }
  for (const Diagnostic& diagnostic : read.diagnostics) {
    require(!diagnostic.message.empty() && diagnostic.line >= 0 && is_utf8(diagnostic.message));
  }
  const UnitReport report = explain(read);
  require(report.directives.size() >= read.settings.size());
  for (const Explanation& explanation : report.directives) {
    require(!explanation.effect.empty() && is_utf8(explanation.effect) &&
            is_utf8(explanation.value));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  static const LoadContext context{
      {}, false, "host.example.org", "0123456789abcdef", "fedcba9876543210"};
  static const std::string base =
      "[Unit]\nDescription=base %n\n[Service]\nExecStart=/bin/base $A\nRestart=always\n";
  const auto name = [](std::string_view unit) { return *parse_unit_name(unit); };
  check(read_unit(name("my-app@dev-sda\\x2d1.service"), {{"/f/x@.service", text}}, context));
  check(read_unit(name("a.socket"), {{"/f/a.socket", text}}, context));
  check(read_unit(name("a.service"), {{"/f/a.service", base}, {"/f/a.service.d/x.conf", text}},
                  context));
  // To text once only: it costs as much as all the rest. Throws on bytes that are not UTF-8.
  constexpr std::size_t kSmall = 512;
  if (size <= kSmall) {
    const ReadUnit read = read_unit(name("a.service"), {{"/f/a.service", text}}, context);
    require(!to_json(explain(read)).dump().empty());
  }
  return 0;
}
