// [Socket]: what systemd.socket(5) describes.
#include <fmt/format.h>

#include <limits>

#include "app/unit/directive.h"
#include "app/unit/handlers.h"
#include "app/unit/listen_address.h"
#include "app/unit/printable.h"
#include "app/unit/unit_name.h"

namespace nines::unit {
namespace {

using Kind = SocketListen::Kind;
constexpr std::string_view kCommandText =
    "not honoured: nines opens and closes the sockets without running it";

template <Kind kKind>
void listen(Draft& draft, const Setting& setting) {
  // Any empty Listen*= takes all of them back, whatever their kind. @source systemd.socket(5)
  if (setting.value().empty()) return draft.socket.listen.clear();
  const auto resolved = draft.resolve(setting, setting.value());
  if (!resolved) return;
  Result<SocketListen> parsed = parse_listen_address(kKind, *resolved);
  if (!parsed) return draft.error(setting, 0, parsed.error().detail());
  draft.socket.listen.push_back(std::move(*parsed));
}

void service(Draft& draft, const Setting& setting) {
  if (setting.value().empty()) return reset<&SocketUnit::service>(draft);
  const auto resolved = draft.resolve(setting, setting.value());
  if (!resolved) return;
  const Result<UnitName> name = parse_unit_name(*resolved);
  if (!name || name->type != "service") {
    return draft.error(setting, 0, fmt::format("'{}' is no .service", printable(*resolved)));
  }
  draft.socket.service = *resolved;
}

void bind_ipv6_only(Draft& draft, const Setting& setting) {
  constexpr static Choice<std::optional<bool>> kChoices[] = {
      {"default", std::nullopt}, {"both", false}, {"ipv6-only", true}};
  choice<&SocketUnit::bind_ipv6_only, kChoices>(draft, setting);
  if (const Result<bool> old = parse_boolean(setting.value()); old && !setting.value().empty()) {
    draft.diagnostics.pop_back();  // systemd takes yes and no as well
    draft.socket.bind_ipv6_only = *old;
  }
}

Result<int> parse_seconds(std::string_view text) {
  NINES_ASSIGN(const Nanoseconds span, parse_finite_time_span(text));
  constexpr std::int64_t kMostSeconds = std::numeric_limits<int>::max();
  const std::int64_t seconds = (span.count() + 999'999'999) / 1'000'000'000;
  return static_cast<int>(std::min(seconds, kMostSeconds));
}

/// Read, so that a mistake in them is found; but the supervisor runs none.
template <auto kMember>
void socket_commands(Draft& draft, const Setting& setting) {
  commands<kMember>(draft, setting);
  if (!setting.value().empty()) draft.warning(setting, 0, std::string(kCommandText));
}

constexpr std::int64_t kIntMax = std::numeric_limits<int>::max();

constexpr Directive kDirectives[] = {
    {kSocket, "ListenStream", listen<Kind::kStream>,
     "nines listens on {} and keeps listening while the service restarts", kList},
    {kSocket, "ListenDatagram", listen<Kind::kDatagram>,
     "nines receives on {} and keeps the socket while the service restarts", kList},
    {kSocket, "ListenSequentialPacket", listen<Kind::kSeqpacket>,
     "nines listens on {} (sequential packets)", kList},
    {kSocket, "ListenFIFO", listen<Kind::kFifo>, "nines holds the FIFO {}", kList},
    {kSocket, "Accept", boolean<&SocketUnit::accept>,
     "yes: one instance of the service for each connection|no: the service accepts connections "
     "itself"},
    {kSocket, "Service", service, "handed to {}"},
    {kSocket, "FileDescriptorName", text<&SocketUnit::fd_name>, "named {} in LISTEN_FDNAMES"},
    {kSocket, "Backlog", integer<&SocketUnit::backlog, 0, kIntMax>,
     "up to {} connections wait to be accepted"},
    {kSocket, "BindIPv6Only", bind_ipv6_only,
     "both: an IPv6 socket takes IPv4 too|ipv6-only: an IPv6 socket takes IPv6 only|default: as "
     "the kernel's default says"
     "|*: an IPv6 socket takes IPv6 only as said"},
    {kSocket, "ReusePort", boolean<&SocketUnit::reuse_port>,
     "yes: several may listen on the same port|no: nobody else may listen on the port"},
    {kSocket, "KeepAlive", boolean<&SocketUnit::keep_alive>,
     "yes: idle connections are probed|no: idle connections are not probed"},
    {kSocket, "NoDelay", boolean<&SocketUnit::no_delay>,
     "yes: small packets are sent at once|no: small packets may wait for more"},
    {kSocket, "FreeBind", boolean<&SocketUnit::free_bind>,
     "yes: may listen on an address that is not there yet|no: the address must be there"},
    {kSocket, "Transparent", boolean<&SocketUnit::transparent>,
     "yes: IP_TRANSPARENT is set|no: IP_TRANSPARENT is not set"},
    {kSocket, "Broadcast", boolean<&SocketUnit::broadcast>,
     "yes: may send to broadcast addresses|no: may not send to broadcast addresses"},
    {kSocket, "PassCredentials", boolean<&SocketUnit::pass_credentials>,
     "yes: receives the sender's credentials|no: receives no credentials"},
    {kSocket, "ReceiveBuffer", scalar<&SocketUnit::receive_buffer, parse_size>,
     "receive buffer of {}"},
    {kSocket, "SendBuffer", scalar<&SocketUnit::send_buffer, parse_size>, "send buffer of {}"},
    {kSocket, "Mark", integer<&SocketUnit::mark, 0, kIntMax>, "firewall mark {}"},
    {kSocket, "Priority", integer<&SocketUnit::priority, 0, kIntMax>, "packet priority {}"},
    {kSocket, "DeferAcceptSec", scalar<&SocketUnit::defer_accept_sec, parse_seconds>,
     "a connection counts once data came, or after {}"},
    {kSocket, "BindToDevice", text<&SocketUnit::bind_to_device>, "bound to the interface {}"},
    {kSocket, "SocketUser", text<&SocketUnit::socket_user>, "the socket file belongs to user {}"},
    {kSocket, "SocketGroup", text<&SocketUnit::socket_group>,
     "the socket file belongs to group {}"},
    {kSocket, "SocketMode", scalar<&SocketUnit::socket_mode, parse_mode>,
     "the socket file has mode {}"},
    {kSocket, "DirectoryMode", scalar<&SocketUnit::directory_mode, parse_mode>,
     "directories made for it have mode {}"},
    {kSocket, "RemoveOnStop", boolean<&SocketUnit::remove_on_stop>,
     "yes: the socket file is removed at a stop|no: the socket file stays"},
    {kSocket, "Symlinks", words<&SocketUnit::symlinks>, "{} link to the socket file", kList},
    {kSocket, "TimeoutSec", scalar<&SocketUnit::timeout, parse_timeout>,
     "no effect: nines runs no commands of socket units"},
    {kSocket, "ExecStartPre", socket_commands<&SocketUnit::exec_start_pre>, kCommandText, kList},
    {kSocket, "ExecStartPost", socket_commands<&SocketUnit::exec_start_post>, kCommandText, kList},
    {kSocket, "ExecStopPre", socket_commands<&SocketUnit::exec_stop_pre>, kCommandText, kList},
    {kSocket, "ExecStopPost", socket_commands<&SocketUnit::exec_stop_post>, kCommandText, kList},
};

}  // namespace

std::span<const Directive> socket_directives() {
  return kDirectives;
}

}  // namespace nines::unit
