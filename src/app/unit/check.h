// What only the whole unit shows: defaults that depend on other values, and contradictions.
#pragma once

#include <string>

#include "app/unit/draft.h"

namespace nines::unit {

/// Fills in what systemd implies and reports what makes no sense together.
/// @param fragment    the file to name in remarks about the whole.
/// @param has_socket  there is a .socket unit of the same name.
/// @source service.c: service_add_extras(), service_verify(); socket.c: socket_verify()
void finish_draft(Draft& draft, const std::string& fragment, bool has_socket);

}  // namespace nines::unit
