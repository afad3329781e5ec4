// nines crash export: one crash as one file, for whoever is to look at it elsewhere.
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "api/version.h"
#include "app/crash/kept_files.h"
#include "cli/crash_places.h"
#include "cli/crash_verbs.h"
#include "cli/foreground.h"
#include "cli/link_tree.h"
#include "cli/text_width.h"
#include "sys/file.h"
#include "sys/own_program.h"
#include "sys/spawn.h"

namespace nines::cli {
namespace {

struct Content {
  std::string name, path;  ///< in the archive; on this host
  std::string meaning;
};

std::string meaning_of(const std::string& name) {
  if (name == "core") return "registers and stacks, for gdb";
  if (name == "core.zst") return "the whole core, packed";
  if (name == "log.txt") return "what its unit printed last";
  if (name == "facts.json") return "command line, environment without secrets, mapped files";
  if (name == "diagnosis.json") return "why it died, and where its threads were";
  if (name == "capture.json") return "what the event says";
  if (name == "files.json") return "which paths the kept files had";
  return "a file of the program";
}

/// The executable where it still is, if that is what crashed.
std::optional<std::string> executable_of(const crash::KeptCrash& crash) {
  const auto fact = crash::fact_of(crash, "executable");
  const auto diagnosis = crash::read_diagnosis(crash);
  if (!fact || !diagnosis) return std::nullopt;
  const bool same = std::any_of(
      diagnosis->modules.begin(), diagnosis->modules.end(),
      [&](const auto& module) { return module.path == *fact && module.match == "verified"; });
  return same && sys::exists(*fact) ? std::optional(*fact) : std::nullopt;
}

Result<std::vector<Content>> contents_of(const CrashPlaces& places, const crash::KeptCrash& crash) {
  std::vector<Content> contents;
  NINES_ASSIGN(const auto names, sys::list_directory(crash.directory));
  for (const std::string& name : names) {
    struct stat info{};
    const std::string path = crash.directory + "/" + name;
    if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    contents.push_back({name, path, meaning_of(name)});
  }
  if (const auto path = executable_of(crash)) {
    contents.push_back({"executable", *path, "the program that crashed"});
  }
  const std::string known = places.book.path_of(crash.outcome ? crash.outcome->signature : "");
  if (sys::exists(known)) contents.push_back({"signature.json", known, "how often it was seen"});
  return contents;
}

Result<UniqueFd> new_file(const std::string& path) {
  return sys::open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
}

Status pack(const std::string& id, const std::vector<Content>& contents, const std::string& file,
            int out) {
  NINES_ASSIGN(const std::string tar, sys::find_executable("tar"));
  NINES_ASSIGN(const LinkTree tree, LinkTree::make());
  for (const Content& one : contents) NINES_TRY(tree.add(id + "/" + one.name, one.path));
  ForegroundProgram run;
  run.path = tar;
  run.arguments = {"--create",
                   "--dereference",
                   "--sparse",
                   "--owner=root:0",
                   "--group=root:0",
                   "--mode=u=rw,go=",
                   "--directory=" + tree.path()};
  if (file.ends_with(".zst")) {
    if (!sys::find_executable("zstd")) {
      return Error(ErrorCode::kUnsupported, "find", "zstd")
          .with_detail("it is not installed")
          .with_hint("apt-get install zstd, or export to a file that ends in .tar");
    }
    run.arguments.emplace_back("--zstd");
  }
  // Of the directory itself that would be wrong: it could not be entered.
  run.arguments.emplace_back("--");
  for (const Content& one : contents) run.arguments.push_back(id + "/" + one.name);
  run.stdout_fd = out;
  NINES_ASSIGN(const sys::ExitStatus ended, run_in_foreground(run));
  if (ended.success()) return {};
  return Error(ErrorCode::kIo, "pack", file).with_detail("tar ended with " + to_string(ended));
}

/// @return whether it is there whole; a file that was there before is touched only with --force.
Status write_archive(const CrashExportOptions& options, const std::string& id,
                     const std::vector<Content>& contents) {
  const Error there = Error(ErrorCode::kExists, "export to", options.file)
                          .with_detail("it is there already")
                          .with_hint("--force replaces it");
  if (!options.force && sys::exists(options.file)) return there;
  const std::string part = options.file + ".part";
  NINES_ASSIGN(const UniqueFd out, new_file(part));
  Status done = pack(id, contents, options.file, out.get());
  if (done && ::fsync(out.get()) != 0) done = Error::from_errno(errno, "write", part);
  if (done && options.force && ::rename(part.c_str(), options.file.c_str()) != 0) {
    done = Error::from_errno(errno, "rename", part);
  }
  if (done && !options.force && ::link(part.c_str(), options.file.c_str()) != 0) {
    done = errno == EEXIST ? Status(there) : Error::from_errno(errno, "link", options.file);
  }
  if (!done || !options.force) (void)::unlink(part.c_str());
  return done;
}

}  // namespace

ExitCode run_crash_export(const Context& context, const CrashExportOptions& options) {
  const CrashPlaces places = crash_places(context);
  const auto crash = find_crash(places, options.id);
  if (!crash) return report(context, crash.error());
  const auto contents = contents_of(places, *crash);
  if (!contents) return report(context, contents.error());
  if (const Status written = write_archive(options, crash->id, *contents); !written) {
    return report(context, written.error());
  }
  if (context.json) {
    auto list = nlohmann::json::array();
    for (const Content& one : *contents) list.push_back(crash->id + "/" + one.name);
    context.out << nlohmann::json{{"api", api::kVersion},
                                  {"id", crash->id},
                                  {"file", options.file},
                                  {"contents", std::move(list)}}
                       .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
                << '\n';
    return ExitCode::kOk;
  }
  context.out << fmt::format("{}:\n", printable(options.file));
  for (const Content& one : *contents) {
    context.out << fmt::format("  {:<16} {}\n", printable(one.name), one.meaning);
  }
  if (std::none_of(contents->begin(), contents->end(), [](const Content& one) {
        return one.name == "executable" || one.name.starts_with("file-");
      })) {
    context.out << "  The executable is not in it: it was not diagnosed, or is another one now.\n";
  }
  context.out
      << "A core holds what was in memory, as passwords and keys: give it to nobody else.\n";
  return ExitCode::kOk;
}

}  // namespace nines::cli
