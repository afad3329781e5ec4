// The matrix as people see it.
#pragma once

#include <map>
#include <string>

#include "cli/terminal.h"
#include "ledger/event.h"
#include "matrix/matrix.h"

namespace nines::cli {

using LastEvents = std::map<ledger::Cell, ledger::Event>;

/// Three rows, three columns: verdict, why and last event of each. As wide as the terminal, at
/// least 60 and at most 110 columns; 80 in a file.
std::string matrix_grid(const matrix::Matrix& matrix, const LastEvents& last, UtcTime now,
                        const Terminal& terminal);

/// The next command or setting of each cell that is not ready, a line each.
std::string matrix_advice(const matrix::Matrix& matrix, const Terminal& terminal);

/// One cell explained: verdict, next step, last event, and all evidence with where it comes from.
std::string cell_card(const matrix::CellReport& cell, const LastEvents& last, UtcTime now,
                      const Terminal& terminal);

/// "virtual machine (QEMU)", "container in ...", "bare metal".
std::string machine_words(const matrix::Machine& machine);

/// What a cell is about, in a line.
std::string_view cell_meaning(ledger::Cell cell);

/// One JSON document: host facts, nine cells, their evidence.
std::string matrix_json(const matrix::Matrix& matrix, const LastEvents& last,
                        std::string_view events_unknown, std::string_view daemon_unknown,
                        Nanoseconds elapsed);
/// One cell of it.
std::string cell_json(const matrix::CellReport& cell, const LastEvents& last);

}  // namespace nines::cli
