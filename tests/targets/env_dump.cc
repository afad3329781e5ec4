// Prints as one JSON object what it was started with: everything that a unit file can set.
//   FILE    instead of standard output (written whole, then renamed into place)
//   --stay  READY=1 and keeps running instead of exit 0
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <vector>

#include "target.h"

extern char** environ;

namespace {

/// A JSON string; bytes that are not ASCII become the code point of the same number.
std::string quote(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      out += escaped;
    }
  }
  return out + "\"";
}

class Object {
 public:
  void add(const std::string& key, const std::string& json) {
    text_ += (text_.empty() ? "{" : ",\n ") + quote(key) + ": " + json;
  }
  void add(const std::string& key, long value) { add(key, std::to_string(value)); }
  std::string str() const { return (text_.empty() ? "{" : text_) + "}"; }

 private:
  std::string text_;
};

std::string list(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
  return "[" + out + "]";
}

std::string read_file(const char* path) {
  std::string out;
  char buffer[4096];
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return out;
  for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;) {
    out.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return out;
}

std::string read_link(const std::string& path) {
  char buffer[4096];
  const ssize_t n = ::readlink(path.c_str(), buffer, sizeof buffer);
  return n < 0 ? "" : std::string(buffer, static_cast<std::size_t>(n));
}

std::string environment() {
  Object out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string pair = *entry;
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos) continue;
    out.add(pair.substr(0, equals), quote(pair.substr(equals + 1)));
  }
  return out.str();
}

std::string limits() {
  constexpr std::pair<const char*, int> kLimits[] = {
      {"CPU", RLIMIT_CPU},           {"FSIZE", RLIMIT_FSIZE}, {"DATA", RLIMIT_DATA},
      {"STACK", RLIMIT_STACK},       {"CORE", RLIMIT_CORE},   {"RSS", RLIMIT_RSS},
      {"NOFILE", RLIMIT_NOFILE},     {"AS", RLIMIT_AS},       {"NPROC", RLIMIT_NPROC},
      {"MEMLOCK", RLIMIT_MEMLOCK},   {"LOCKS", RLIMIT_LOCKS}, {"SIGPENDING", RLIMIT_SIGPENDING},
      {"MSGQUEUE", RLIMIT_MSGQUEUE}, {"NICE", RLIMIT_NICE},   {"RTPRIO", RLIMIT_RTPRIO},
      {"RTTIME", RLIMIT_RTTIME}};
  const auto value = [](rlim_t limit) {
    return limit == RLIM_INFINITY ? std::string("\"infinity\"") : std::to_string(limit);
  };
  Object out;
  for (const auto& [name, resource] : kLimits) {
    rlimit limit{};
    if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) continue;
    out.add(name, list({value(limit.rlim_cur), value(limit.rlim_max)}));
  }
  return out.str();
}

std::string groups() {
  std::vector<gid_t> ids(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
  const int n = ::getgroups(static_cast<int>(ids.size()), ids.data());
  std::vector<std::string> out;
  for (int i = 0; i < n; ++i) out.push_back(std::to_string(ids[static_cast<std::size_t>(i)]));
  return list(out);
}

std::string affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<std::string> out;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return "[]";
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) out.push_back(std::to_string(cpu));
  }
  return list(out);
}

/// Number and target of every open descriptor.
std::string descriptors() {
  Object out;
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return "{}";
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name[0] == '.' || name == std::to_string(::dirfd(directory))) continue;
    out.add(name, quote(read_link("/proc/self/fd/" + name)));
  }
  ::closedir(directory);
  return out.str();
}

/// The masks and flags of /proc/self/status, as written there.
void add_status(Object& out) {
  const std::string status = read_file("/proc/self/status");
  for (const char* key : {"SigBlk", "SigIgn", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
                          "NoNewPrivs", "Seccomp"}) {
    const std::size_t at = status.find("\n" + std::string(key) + ":\t");
    if (at == std::string::npos) continue;
    const std::size_t begin = status.find('\t', at) + 1;
    out.add(key, quote(status.substr(begin, status.find('\n', begin) - begin)));
  }
}

std::string listen_info() {
  Object out;
  std::vector<std::string> names;
  const int n = target::inherited_fds();
  for (int i = 0; i < n; ++i) names.push_back(quote(target::inherited_name(i)));
  out.add("fds", n);
  out.add("names", list(names));
  return out.str();
}

std::string describe(int argc, char** argv) {
  Object out;
  std::vector<std::string> arguments;
  for (int i = 0; i < argc; ++i) arguments.push_back(quote(argv[i]));
  out.add("argv", list(arguments));
  out.add("exe", quote(read_link("/proc/self/exe")));
  out.add("environment", environment());
  out.add("cwd", quote(read_link("/proc/self/cwd")));
  out.add("root", quote(read_link("/proc/self/root")));
  out.add("pid", ::getpid());
  out.add("ppid", ::getppid());
  out.add("pgid", ::getpgrp());
  out.add("sid", ::getsid(0));
  out.add("uid", ::getuid());
  out.add("euid", ::geteuid());
  out.add("gid", ::getgid());
  out.add("egid", ::getegid());
  out.add("groups", groups());
  const mode_t mask = ::umask(0);
  ::umask(mask);
  out.add("umask", static_cast<long>(mask));
  out.add("nice", ::getpriority(PRIO_PROCESS, 0));
  out.add("scheduling_policy", ::sched_getscheduler(0));
  sched_param parameters{};
  ::sched_getparam(0, &parameters);
  out.add("scheduling_priority", parameters.sched_priority);
  out.add("ioprio", ::syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, 0));
  out.add("oom_score_adj", std::atol(read_file("/proc/self/oom_score_adj").c_str()));
  out.add("affinity", affinity());
  out.add("limits", limits());
  out.add("listen", listen_info());
  out.add("descriptors", descriptors());
  out.add("cgroup", quote(read_file("/proc/self/cgroup")));
  add_status(out);
  return out.str() + "\n";
}

void write_file(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) target::die(temporary.c_str());
  target::write_all(fd, text);
  ::close(fd);
  if (::rename(temporary.c_str(), path.c_str()) != 0) target::die(path.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  // Taken down before anything of our own can alter it. Only "--stay" and the last argument are
  // ours; everything else is there to be seen in argv.
  const std::string description = describe(argc, argv);
  bool stay = false;
  std::string path;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--stay") {
      stay = true;
    } else {
      path = argv[i];
    }
  }
  if (path.empty() || path[0] != '/') {
    target::write_all(STDOUT_FILENO, description);
  } else {
    write_file(path, description);
  }
  if (!stay) return 0;
  target::notify("READY=1");
  target::wait_forever();
}
