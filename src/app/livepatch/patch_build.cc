#include "app/livepatch/patch_build.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp is not in <cstdlib>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include "app/livepatch/compile_log.h"
#include "app/livepatch/object_diff.h"
#include "app/livepatch/program_file.h"
#include "elf/object.h"
#include "sys/file.h"
#include "sys/run_program.h"

namespace nines::livepatch {
namespace {

namespace fs = std::filesystem;

constexpr Bytes kLongestBinary{std::uint64_t{1} << 30};
constexpr std::size_t kMostDetail = 2000;

/// Gone with all that is in it.
class WorkDirectory {
 public:
  static Result<WorkDirectory> make() {
    const char* given = std::getenv("TMPDIR");
    std::string path = (given != nullptr && *given == '/' ? std::string(given) : "/var/tmp");
    path += "/nines-patch-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return Error::from_errno(errno, "make directory", path);
    return WorkDirectory(std::move(path));
  }
  WorkDirectory(WorkDirectory&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  WorkDirectory& operator=(WorkDirectory&&) = delete;
  WorkDirectory(const WorkDirectory&) = delete;
  WorkDirectory& operator=(const WorkDirectory&) = delete;
  ~WorkDirectory() {
    std::error_code none;
    if (!path_.empty()) fs::remove_all(path_, none);
  }
  std::string at(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit WorkDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

class Build {
 public:
  Build(const BuildRequest& request, const std::function<void(const std::string&)>& progress,
        const WorkDirectory& work)
      : request_(request), progress_(progress), work_(work), source_(work.at("source")) {}

  Result<BuiltPatch> run(std::vector<BuiltObject>* refused) {
    NINES_TRY(prepare());
    say("building it as it is");
    NINES_TRY(build("before"));
    NINES_TRY(read_binaries());
    say("building it with the fix");
    NINES_TRY(sh(fmt::format("patch -p1 --batch --forward --no-backup-if-mismatch < {}",
                             quoted(fs::absolute(request_.diff).string())),
                 "apply", request_.diff, ErrorCode::kInvalidArgument));
    NINES_TRY(build("after"));
    say("comparing");
    NINES_TRY(compare());
    if (!refusals().empty()) {
      *refused = built_.objects;
      return Error(ErrorCode::kUnsupported, "make a patch of", request_.diff)
          .with_detail(fmt::format("{}", fmt::join(refusals(), " ")))
          .with_hint("such a change needs a restart, or a hook");
    }
    if (built_.patch.objects.empty()) {
      return Error(ErrorCode::kNotFound, "make a patch of", request_.diff)
          .with_detail("no code that was compiled differs with it");
    }
    NINES_TRY(find_targets());
    built_.patch.name = request_.name;
    built_.patch.cve = request_.cve;
    built_.patch.description = description();
    return std::move(built_);
  }

 private:
  void say(const std::string& text) const {
    if (progress_) progress_(text);
  }

  static std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
  }

  /// @errors `code` if it ends with anything but 0, with the end of what it said.
  Status sh(const std::string& command, const char* op, const std::string& subject, ErrorCode code,
            const std::vector<std::string>& environment = {}) const {
    sys::SpawnRequest spawn;
    spawn.path = "/bin/sh";
    spawn.argv = {"sh", "-c", command + " 2>&1"};
    spawn.working_directory = source_;
    for (char** one = environ; *one != nullptr; ++one) {
      const std::string text(*one);
      const std::string name = text.substr(0, text.find('=') + 1);
      const bool replaced =
          std::any_of(environment.begin(), environment.end(),
                      [&](const std::string& other) { return other.starts_with(name); });
      if (!replaced) spawn.environment.push_back(text);
    }
    spawn.environment.insert(spawn.environment.end(), environment.begin(), environment.end());
    NINES_ASSIGN(const sys::Ran ran, sys::run_program(spawn, request_.within, {}));
    if (ran.status.success()) return {};
    std::string end = ran.out.substr(ran.out.size() - std::min(ran.out.size(), kMostDetail));
    if (ran.too_late) end = "it took too long";
    return Error(code, op, subject).with_detail(end.empty() ? to_string(ran.status) : end);
  }

  Status prepare() {
    for (const auto& [path, what] :
         {std::pair(request_.source, "source"), {request_.diff, "diff"}}) {
      if (!sys::exists(path)) return Error(ErrorCode::kNotFound, what, path);
    }
    std::error_code error;
    fs::copy(request_.source, source_,
             fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
    if (error) return Error::from_errno(error.value(), "copy", request_.source);
    NINES_TRY(sh(fmt::format("patch -p1 --batch --forward --dry-run < {}",
                             quoted(fs::absolute(request_.diff).string())),
                 "apply", request_.diff, ErrorCode::kInvalidArgument));
    constexpr std::array<const char*, 8> kNames = {"cc",  "gcc",   "c++",     "g++",
                                                   "c99", "clang", "clang++", "c89"};
    NINES_TRY(sys::make_directories(work_.at("bin"), 0700));
    for (const std::string name : kNames) link_compiler(name);
    // As Debian's builds name it.
    for (const char* name : {"gcc", "g++"}) link_compiler("x86_64-linux-gnu-" + std::string(name));
    return {};
  }

  void link_compiler(const std::string& name) const {
    std::error_code none;
    fs::create_symlink(request_.compiler_helper, work_.at("bin/" + name), none);
  }

  Status build(const std::string& side) {
    const std::string log = work_.at(side);
    NINES_TRY(sys::make_directories(log, 0700));
    const char* path = std::getenv("PATH");
    const std::string usual = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
    NINES_TRY(sh(request_.command, "build", request_.source + " (" + side + " the fix)",
                 ErrorCode::kIo,
                 {"PATH=" + work_.at("bin") + ":" + usual, std::string(kPathVariable) + "=" + usual,
                  std::string(kLogVariable) + "=" + log}));
    NINES_ASSIGN(logs_[side], read_compile_log(log));
    if (side == "before" && logs_[side].compiled.empty()) {
      return Error(ErrorCode::kNotFound, "build", request_.source)
          .with_detail("no source was compiled by a compiler that is found in PATH")
          .with_hint("build from nothing (make clean first), and name no compiler by its path");
    }
    return {};
  }

  /// Now: the second build writes over them.
  Status read_binaries() {
    std::set<std::string> paths(request_.binaries.begin(), request_.binaries.end());
    const bool named = !paths.empty();
    if (!named) paths.insert(logs_["before"].linked.begin(), logs_["before"].linked.end());
    for (const std::string& path : paths) {
      const bool of_tree = named && !path.starts_with('/') && sys::exists(source_ + "/" + path);
      auto bytes = sys::read_file(of_tree ? source_ + "/" + path : path, kLongestBinary);
      if (!bytes && named) return std::move(bytes.error());
      if (!bytes) continue;  // a configure script's trials
      std::string shown = path.starts_with(source_ + "/") ? path.substr(source_.size() + 1) : path;
      binaries_.emplace_back(std::move(shown), std::move(*bytes));
    }
    return {};
  }

  Result<std::string> stripped(const std::string& path) const {
    NINES_TRY(sh("strip --strip-debug " + quoted(path), "strip", path, ErrorCode::kIo));
    return sys::read_file(path, Bytes{kLongestObject});
  }

  Status compare() {
    std::map<std::pair<std::string, std::string>, Compiled> before;
    for (const Compiled& one : logs_["before"].compiled) before[{one.source, one.output}] = one;
    for (const std::string& failed : logs_["after"].failed) {
      return Error(ErrorCode::kIo, "compile for the patch").with_detail(failed);
    }
    for (const Compiled& one : logs_["after"].compiled) {
      const auto old = before.find({one.source, one.output});
      if (old != before.end()) {
        NINES_TRY(compare_one(one, old->second));
      } else if (one.source.starts_with(source_ + "/")) {
        built_.objects.push_back({one.source.substr(source_.size() + 1),
                                  {},
                                  {},
                                  {"The fix adds this file, which cannot be loaded yet."}});
      }
    }
    return {};
  }

  Status compare_one(const Compiled& one, const Compiled& old) {
    ObjectInput object;
    object.name =
        one.source.starts_with(source_ + "/") ? one.source.substr(source_.size() + 1) : one.source;
    if (!one.lineless.empty() && !old.lineless.empty()) {
      ObjectInput lineless{object.name, {}, {}, {}};
      NINES_ASSIGN(lineless.original, stripped(old.lineless));
      NINES_ASSIGN(lineless.patched, stripped(one.lineless));
      NINES_ASSIGN(const BuiltObject differs, describe(lineless));
      if (differs.functions.empty() && differs.refusals.empty()) return {};
      object.only = differs.functions;
    }
    NINES_ASSIGN(object.original, stripped(old.object));
    NINES_ASSIGN(object.patched, stripped(one.object));
    NINES_ASSIGN(BuiltObject built, describe(object));
    if (built.functions.empty() && built.refusals.empty()) return {};
    NINES_ASSIGN(object.pre, stripped(old.exact));
    built_.objects.push_back(std::move(built));
    built_.patch.objects.push_back(std::move(object));
    return {};
  }

  std::vector<std::string> refusals() const {
    std::vector<std::string> all;
    for (const BuiltObject& object : built_.objects) {
      for (const std::string& why : object.refusals) all.push_back(object.source + ": " + why);
    }
    return all;
  }

  Status find_targets() {
    for (const auto& [path, bytes] : binaries_) NINES_TRY(look_at(path, bytes));
    if (!built_.patch.targets.empty()) return {};
    return Error(ErrorCode::kNotFound, "find the program that is to be patched")
        .with_detail(built_.not_matched.empty()
                         ? std::string("the build linked none")
                         : fmt::format("{}", fmt::join(built_.not_matched, "; ")))
        .with_hint("--binary names it; it must have been made of this source by this compiler");
  }

  Status look_at(const std::string& path, const std::string& bytes) {
    const auto program = ProgramFile::read(bytes);
    if (!program) {
      // Archives, shell scripts, what a configure script links.
      if (program.error().code() == ErrorCode::kUnsupported) {
        built_.not_matched.push_back(path + ": " + program.error().message());
      }
      return {};
    }
    PatchTarget target{path, program->build_id(), {}};
    std::vector<std::string> missing;
    for (std::size_t i = 0; i < built_.patch.objects.size(); ++i) {
      const ObjectInput& object = built_.patch.objects[i];
      const auto functions = program->has(object);
      if (functions) {
        target.objects.push_back(i);
      } else if (functions.error().code() == ErrorCode::kNotFound) {
        missing.push_back(object.name + ": " + functions.error().message());
      } else {
        return functions.error();
      }
    }
    if (target.objects.empty()) {
      built_.not_matched.push_back(
          fmt::format("{} has nothing of what changes ({})", path, fmt::join(missing, "; ")));
      return {};
    }
    built_.patch.targets.push_back(std::move(target));
    for (const std::string& one : missing) {
      built_.not_matched.push_back(fmt::format("{} without {}", path, one));
    }
    return {};
  }

  /// What stands before the first file of the diff.
  std::string description() const {
    constexpr std::size_t kMost = 1000;
    const auto text = sys::read_file(request_.diff);
    if (!text) return {};
    std::string head = text->substr(0, std::min(text->find("\n--- "), text->find("diff ")));
    if (head.size() == text->size() || head.starts_with("--- ")) head.clear();
    return head.substr(0, kMost);
  }

  const BuildRequest& request_;
  const std::function<void(const std::string&)>& progress_;
  const WorkDirectory& work_;
  const std::string source_;
  std::map<std::string, CompileLog> logs_;
  std::vector<std::pair<std::string, std::string>> binaries_;  ///< path, bytes
  BuiltPatch built_;
};

}  // namespace

Result<BuiltObject> describe(const ObjectInput& object) {
  NINES_ASSIGN(const elf::Object original, elf::Object::parse(object.original));
  NINES_ASSIGN(const elf::Object patched, elf::Object::parse(object.patched));
  BuiltObject built{object.name, {}, {}, {}};
  const auto diff = diff_objects(original, patched, object.only);
  if (!diff) {
    if (diff.error().code() != ErrorCode::kUnsupported) return diff.error();
    built.refusals.push_back(diff.error().message());
    return built;
  }
  for (const auto& [section, name] : diff->replaced) built.functions.push_back(name);
  for (const std::size_t section : diff->included) {
    if (!diff->replaced.contains(section)) built.added.push_back(patched.sections()[section].name);
  }
  std::sort(built.functions.begin(), built.functions.end());
  return built;
}

Result<BuiltPatch> build_patch(const BuildRequest& request,
                               const std::function<void(const std::string&)>& progress,
                               std::vector<BuiltObject>* refused) {
  NINES_ASSIGN(const WorkDirectory work, WorkDirectory::make());
  return Build(request, progress, work).run(refused);
}

}  // namespace nines::livepatch
