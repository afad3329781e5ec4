// Commands that really run.
#pragma once

#include <map>
#include <memory>

#include "base/clock.h"
#include "matrix/commands.h"

namespace nines::matrix {

class RunningCommands : public Commands {
 public:
  /// @param deadline  after this instant whatever has not answered is killed.
  explicit RunningCommands(BootTime deadline);
  RunningCommands(const RunningCommands&) = delete;
  RunningCommands& operator=(const RunningCommands&) = delete;
  /// Ends and reaps what still runs, with all its children.
  ~RunningCommands() override;

  void begin(const Command& command) override;
  Answer answer(const Command& command) override;

 private:
  class Run;
  BootTime deadline_;
  std::map<Command, std::unique_ptr<Run>> runs_;
};

}  // namespace nines::matrix
