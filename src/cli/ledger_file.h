// The ledger's file, for when no daemon answers.
#pragma once

#include <string>

#include "cli/context.h"

namespace nines::cli {

/// @param  given  --ledger FILE, or empty.
/// @return that; or what the runtime directory's last daemon used; or the default place.
std::string ledger_file(const Context& context, const std::string& given);

/// @param error  of reading the ledger's file.
/// @return the same, with what can be done about it.
Error explain_ledger(const Error& error, const std::string& path);

}  // namespace nines::cli
