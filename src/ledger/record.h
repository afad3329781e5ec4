// What travels from an EventSink to the ledger.
#pragma once

#include <string>
#include <variant>

#include "ledger/event.h"

namespace nines::ledger {

using Record = std::variant<Event, DowntimeInterval>;

/// Who and when "here" is: every record belongs to one boot of one host.
struct HostIdentity {
  std::string machine_id;  ///< /etc/machine-id, or "name:HOST" where there is none
  std::string host_name;
  std::string boot_id;
};

}  // namespace nines::ledger
