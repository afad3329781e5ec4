#include "app/crash/run_diagnose.h"

#include <utility>

#include "app/crash/debuginfod.h"
#include "app/crash/diagnosis_json.h"
#include "app/crash/known_signature.h"
#include "sys/run_program.h"

namespace nines::crash {
namespace {

constexpr std::size_t kLongestAnswer = std::size_t{64} << 20;
constexpr int kLowest = 19;       // nice(2)
constexpr int kFirstToGo = 1000;  // proc_pid_oom_score_adj(5)
constexpr std::size_t kLongestComplaint = 1024;

Result<std::string> run(const DiagnoseRequest& request, const std::vector<std::string>& options) {
  sys::SpawnRequest spawn;
  spawn.path = request.program;
  spawn.argv = {request.program};
  spawn.argv.insert(spawn.argv.end(), options.begin(), options.end());
  for (const std::string& file : request.files) {
    spawn.argv.insert(spawn.argv.end(), {"--file", file});
  }
  spawn.argv.emplace_back("/proc/self/fd/3");
  spawn.pass_fds = {request.core};
  if (request.background) {
    spawn.nice = kLowest;
    spawn.oom_score_adjust = kFirstToGo;
  } else {
    spawn.environment = debuginfod_environment();
  }
  NINES_ASSIGN(sys::Ran ran,
               sys::run_program(std::move(spawn), request.within,
                                {kLongestAnswer, kLongestComplaint, /*end_beyond=*/true}));
  if (ran.too_late) return Error(ErrorCode::kTimeout, "run nines-diagnose");
  if (ran.out_cut) {
    return Error(ErrorCode::kLimit, "run nines-diagnose").with_detail("it says too much");
  }
  if (ran.status.success()) return std::move(ran.out);
  while (ran.err.ends_with('\n')) ran.err.pop_back();
  return Error(ErrorCode::kIo, "run nines-diagnose")
      .with_detail(ran.err.empty() ? "it ended with " + sys::to_string(ran.status) : ran.err);
}

}  // namespace

Result<Diagnosis> run_diagnose(const DiagnoseRequest& request) {
  NINES_ASSIGN(const std::string answer, run(request, {}));
  return parse_diagnosis(answer);
}

Result<std::string> run_signature(const DiagnoseRequest& request) {
  NINES_ASSIGN(std::string answer, run(request, {"--signature"}));
  while (answer.ends_with('\n')) answer.pop_back();
  if (is_signature(answer)) return answer;
  return Error(ErrorCode::kCorrupt, "run nines-diagnose").with_detail("that is no signature");
}

}  // namespace nines::crash
