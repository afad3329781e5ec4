// Where the answers of nines why come from: the daemon, or the ledger's file.
#pragma once

#include <optional>
#include <string>

#include "api/client.h"
#include "api/request.h"
#include "cli/context.h"
#include "ledger/reader.h"

namespace nines::cli {

/// The daemon, if one answers and no file was named.
std::optional<api::Client> daemon_if_any(const Context& context, const std::string& ledger);

/// @param ledger  a file to read, whether a daemon answers or not; empty: none is named.
/// @errors with a hint; those of the daemon, or of opening the file.
Result<ledger::WhyReport> fetch_report(const Context& context, const std::string& ledger,
                                       const api::GetWhy& get);

/// @param file  of a ledger. @errors with a hint.
Result<ledger::Reader> open_ledger(const std::string& file);

}  // namespace nines::cli
