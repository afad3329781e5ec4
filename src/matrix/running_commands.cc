#include "matrix/running_commands.h"

#include <fmt/format.h>

#include "sys/run_program.h"

namespace nines::matrix {
namespace {

sys::SpawnRequest request_of(const Command& command) {
  sys::SpawnRequest request;
  request.path = command.front();
  request.argv = command;
  // Nothing of the caller's environment: as root it may be another user's.
  request.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                         "LC_ALL=C", "HOME=/"};
  return request;
}

Answer answer_of(sys::Ran ran) {
  Answer answer;
  answer.out = std::move(ran.out);
  answer.err = std::move(ran.err);
  answer.code = ran.status.value;
  answer.how = ran.too_late                                        ? Answer::How::kTooLate
               : ran.status.kind == sys::ExitStatus::Kind::kKilled ? Answer::How::kKilled
                                                                   : Answer::How::kExited;
  return answer;
}

}  // namespace

std::string to_string(const Command& command) {
  return fmt::format("{}", fmt::join(command, " "));
}

/// Until it is asked for, one that runs; afterwards its answer.
class RunningCommands::Run {
 public:
  explicit Run(const Command& command) {
    auto started = sys::RunningProgram::start(request_of(command), {});
    if (started) {
      program_.emplace(std::move(*started));
    } else {
      answer_.err = started.error().message();
    }
  }

  const Answer& finish(BootTime deadline) {
    if (program_) answer_ = answer_of(program_->finish(deadline));
    program_.reset();
    return answer_;
  }

 private:
  std::optional<sys::RunningProgram> program_;
  Answer answer_;
};

RunningCommands::RunningCommands(BootTime deadline) : deadline_(deadline) {}

RunningCommands::~RunningCommands() = default;

void RunningCommands::begin(const Command& command) {
  auto& run = runs_[command];
  if (!run) run = std::make_unique<Run>(command);
}

Answer RunningCommands::answer(const Command& command) {
  begin(command);
  return runs_.at(command)->finish(deadline_);
}

}  // namespace nines::matrix
