// Prints rows in columns that fit the terminal.
#pragma once

#include <string>
#include <vector>

#include "cli/terminal.h"

namespace nines::cli {

struct Column {
  std::string title;
  bool right = false;  ///< numbers
  /// On a narrow terminal the columns with the highest rank go first; 0: never.
  int drop_rank = 0;
};

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// @pre one cell for each column.
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }

  /// Leaves out columns in which every row is empty, then those that do not fit, then shortens the
  /// first column. Ends each line with a newline and no blanks before it.
  std::string render(const Terminal& terminal) const;

 private:
  std::vector<std::size_t> widths() const;
  std::vector<std::size_t> visible_columns(std::vector<std::size_t>& widths,
                                           std::size_t limit) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace nines::cli
