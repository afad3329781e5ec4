#include "sys/spawn.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/fault_point.h"
#include "sys/procfs.h"
#include "sys/spawn_child.h"

namespace nines::sys {
namespace {

using internal::ChildLimit;
using internal::ChildPlan;
using internal::ChildStep;

constexpr std::size_t kChildStackBytes = 64 << 10;

/// Calls clone3 and, in the child, `function(argument)` on the new stack.
/// Written in assembly because the child must not return through the parent's frames.
long clone3_call(clone_args* args, void (*function)(ChildPlan*), ChildPlan* argument) {
#if defined(__x86_64__)
  long result = SYS_clone3;
  register void (*fn)(ChildPlan*) asm("r12") = function;
  register ChildPlan* arg asm("r13") = argument;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r13, %%rdi\n\t"
      "call *%%r12\n\t"
      "ud2\n"
      "1:"
      : "+a"(result)
      : "D"(args), "S"(sizeof *args), "r"(fn), "r"(arg)
      : "rcx", "r11", "memory", "cc");
  return result;
#elif defined(__aarch64__)
  register long x0 asm("x0") = reinterpret_cast<long>(args);
  register long x1 asm("x1") = sizeof *args;
  register long x8 asm("x8") = SYS_clone3;
  register void (*fn)(ChildPlan*) asm("x20") = function;
  register ChildPlan* arg asm("x21") = argument;
  asm volatile(
      "svc 0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "mov x0, x21\n\t"
      "blr x20\n\t"
      "brk 1\n"
      "1:"
      : "+r"(x0)
      : "r"(x1), "r"(x8), "r"(fn), "r"(arg)
      : "memory", "cc");
  return x0;
#else
#error "spawn() needs a clone3 call for this architecture"
#endif
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

/// Copies of the descriptors, all above the numbers they will get in the child.
Result<std::vector<UniqueFd>> lift_descriptors(const SpawnRequest& request) {
  UniqueFd null;
  std::vector<int> wanted = {request.stdin_fd, request.stdout_fd, request.stderr_fd};
  wanted.insert(wanted.end(), request.pass_fds.begin(), request.pass_fds.end());
  std::vector<UniqueFd> lifted;
  for (const int fd : wanted) {
    if (fd < 0 && !null) {
      null.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
      if (!null) return Error::from_errno(errno, "open", "/dev/null");
    }
    const int copy =
        ::fcntl(fd < 0 ? null.get() : fd, F_DUPFD_CLOEXEC, static_cast<int>(wanted.size()));
    if (copy < 0) return Error::from_errno(errno, "duplicate descriptor", std::to_string(fd));
    lifted.emplace_back(copy);
  }
  return lifted;
}

/// Owns what a ChildPlan points to.
struct PreparedChild {
  std::vector<std::string> argv_texts, env_texts;
  std::vector<char*> argv, envp, pid_texts;
  std::vector<UniqueFd> lifted;
  std::vector<int> fds;
  std::vector<ChildLimit> limits;
  std::string oom_text;
  cpu_set_t affinity{};
  std::vector<const char*> cgroup_procs;
  ChildPlan plan{};
};

Status prepare(const SpawnRequest& request, PreparedChild& child) {
  child.argv_texts = request.argv;
  child.env_texts = request.environment;
  const std::size_t first_pid_variable = child.env_texts.size();
  for (const std::string& name : request.pid_variables) {
    child.env_texts.push_back(name + "=" + std::string(12, '\0'));
  }
  child.argv = pointers(child.argv_texts);
  child.envp = pointers(child.env_texts);
  for (std::size_t i = 0; i < request.pid_variables.size(); ++i) {
    child.pid_texts.push_back(child.envp[first_pid_variable + i] + request.pid_variables[i].size() +
                              1);
  }
  NINES_ASSIGN(child.lifted, lift_descriptors(request));
  for (const UniqueFd& fd : child.lifted) child.fds.push_back(fd.get());
  for (const auto& [resource, value] : request.limits) child.limits.push_back({resource, value});
  for (const std::string& path : request.cgroup_procs) child.cgroup_procs.push_back(path.c_str());
  for (const unsigned cpu : request.cpu_affinity) CPU_SET(cpu, &child.affinity);
  if (request.oom_score_adjust) child.oom_text = std::to_string(*request.oom_score_adjust);

  ChildPlan& plan = child.plan;
  plan.path = request.path.c_str();
  plan.argv = child.argv.data();
  plan.envp = child.envp.data();
  plan.pid_texts = child.pid_texts.data();
  plan.pid_text_count = child.pid_texts.size();
  plan.fds = child.fds.data();
  plan.fd_count = child.fds.size();
  plan.working_directory =
      request.working_directory.empty() ? "/" : request.working_directory.c_str();
  plan.working_directory_optional = request.working_directory_optional;
  plan.root_directory = request.root_directory.empty() ? nullptr : request.root_directory.c_str();
  plan.umask = request.umask;
  if (request.credentials) {
    plan.set_credentials = true;
    plan.uid = request.credentials->uid;
    plan.gid = request.credentials->gid;
    plan.groups = request.credentials->groups.data();
    plan.group_count = request.credentials->groups.size();
  }
  plan.limits = child.limits.data();
  plan.limit_count = child.limits.size();
  plan.nice = request.nice ? &*request.nice : nullptr;
  plan.oom_score_adjust = request.oom_score_adjust ? child.oom_text.c_str() : nullptr;
  plan.affinity = request.cpu_affinity.empty() ? nullptr : &child.affinity;
  plan.affinity_size = sizeof child.affinity;
  plan.scheduling_policy = request.scheduling_policy ? &*request.scheduling_policy : nullptr;
  plan.scheduling_priority = request.scheduling_priority;
  plan.io_priority = request.io_priority ? &*request.io_priority : nullptr;
  plan.no_new_privileges = request.no_new_privileges;
  plan.bounding_set = request.capability_bounding_set ? &*request.capability_bounding_set : nullptr;
  plan.ambient = request.ambient_capabilities;
  plan.ignore_sigpipe = request.ignore_sigpipe;
  plan.new_session = request.new_session;
  plan.cgroup_procs = child.cgroup_procs.data();
  plan.cgroup_procs_count = child.cgroup_procs.size();
  return {};
}

/// Blocks every signal while the child borrows this thread's memory.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &old_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t old_{};
};

/// A stack for the child, kept for the next call of this thread.
void* child_stack() {
  struct Mapping {
    void* base = ::mmap(nullptr, kChildStackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    ~Mapping() {
      if (base != MAP_FAILED) ::munmap(base, kChildStackBytes);
    }
  };
  thread_local const Mapping mapping;
  return mapping.base == MAP_FAILED ? nullptr : mapping.base;
}

}  // namespace

Result<SpawnedProcess> spawn(const SpawnRequest& request) {
  PreparedChild child;
  NINES_TRY(prepare(request, child));
  void* const stack = child_stack();
  if (stack == nullptr) return Error(ErrorCode::kLimit, "allocate stack for", request.path);
  NINES_TRY(fault::hit(FaultPoint::spawn_before_clone));

  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.exit_signal = request.sibling ? 0 : SIGCHLD;
  args.stack = reinterpret_cast<std::uint64_t>(stack);
  args.stack_size = kChildStackBytes;
  if (request.sibling) args.flags |= CLONE_PARENT;
  if (request.cgroup_fd >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(request.cgroup_fd);
  }
  if (request.pid_slot != nullptr) {
    args.flags |= CLONE_PARENT_SETTID;
    args.parent_tid = reinterpret_cast<std::uint64_t>(request.pid_slot);
  }
  long pid = 0;
  {
    const AllSignalsBlocked blocked;
    pid = clone3_call(&args, &internal::run_child, &child.plan);
  }
  if (pid < 0) return Error::from_errno(static_cast<int>(-pid), "create process for", request.path);
  SpawnedProcess process{{static_cast<pid_t>(pid), StartTime::kUnknown}, Pidfd(UniqueFd(pidfd))};
  if (child.plan.failed_step != ChildStep::kNone) {
    if (!request.sibling) {
      while (::waitpid(process.id.pid, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    if (request.pid_slot != nullptr) *request.pid_slot = 0;
    return Error::from_errno(child.plan.failed_errno, internal::step_name(child.plan.failed_step),
                             request.path);
  }
  fault::pass(FaultPoint::spawn_after_clone);
  // A process that has ended already, and was reaped, has no start time any more: the pidfd still
  // tells it apart.
  if (const auto id = Procfs().identify(process.id.pid)) process.id = *id;
  return process;
}

Result<std::string> find_executable(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) != 0) return Error::from_errno(errno, "execute", name);
    return name;
  }
  static constexpr std::array<const char*, 6> kSearchPath = {
      "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
  for (const char* directory : kSearchPath) {
    std::string path = std::string(directory) + "/" + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return Error(ErrorCode::kNotFound, "find executable", name)
      .with_detail("in none of /usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, /sbin, /bin");
}

}  // namespace nines::sys
