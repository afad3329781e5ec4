// nines-diagnose CORE: what is known of a crash, as JSON or as text. A program of its own: it
// parses what a hostile process has written, in a child that may do nothing but that.
#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "app/crash/debuginfod.h"
#include "app/crash/diagnose_safely.h"
#include "app/crash/diagnosis_json.h"
#include "app/crash/report.h"
#include "sys/file.h"

namespace {

using nines::crash::Diagnosis;

constexpr std::chrono::seconds kFetchPatience{60};
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;

struct Options {
  std::string core;
  std::vector<std::string> files;
  bool signature = false;
  bool text = false;
  bool full = false;
};

int usage() {
  std::fprintf(stderr,
               "usage: nines-diagnose [--text [--full] | --signature] [--file FILE]... CORE\n"
               "Prints as JSON why the process of CORE died, and where its threads were.\n"
               "  --text       a report of about twenty lines instead\n"
               "  --full       all of it\n"
               "  --signature  only the crash's signature\n"
               "  --file FILE  an executable, library or debug file of the process, which is\n"
               "               taken by its build-id before what is at its path\n");
  return kExitUsage;
}

bool parse(int argc, char** argv, Options* options) {
  const option table[] = {{"signature", no_argument, nullptr, 's'},
                          {"text", no_argument, nullptr, 't'},
                          {"full", no_argument, nullptr, 'f'},
                          {"file", required_argument, nullptr, 'x'},
                          {nullptr, 0, nullptr, 0}};
  for (int c; (c = ::getopt_long(argc, argv, "", table, nullptr)) != -1;) {
    switch (c) {
      case 's': options->signature = true; break;
      case 't': options->text = true; break;
      case 'f': options->full = true; break;
      case 'x': options->files.emplace_back(optarg); break;
      default: return false;
    }
  }
  if (optind + 1 != argc || (options->signature && options->text)) return false;
  options->core = argv[optind];
  return true;
}

nines::Result<nines::UniqueFd> open_regular(const std::string& path) {
  NINES_ASSIGN(nines::UniqueFd file, nines::sys::open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return nines::Error(nines::ErrorCode::kInvalidArgument, "open", path)
        .with_detail("not a regular file");
  }
  return file;
}

/// Twice, if a debuginfod server had what was missing.
nines::Result<Diagnosis> diagnose(int core, std::vector<nines::UniqueFd> files, bool signature) {
  using nines::crash::Depth;
  NINES_ASSIGN(Diagnosis diagnosis, nines::crash::diagnose_safely(
                                        core, files, signature ? Depth::kSignature : Depth::kFull));
  if (signature || !nines::crash::debuginfod_configured()) return diagnosis;
  auto fetched = nines::crash::fetch_missing(diagnosis, kFetchPatience);
  if (!fetched.files.empty()) {
    std::move(fetched.files.begin(), fetched.files.end(), std::back_inserter(files));
    NINES_ASSIGN(diagnosis, nines::crash::diagnose_safely(core, files, Depth::kFull));
  }
  std::move(fetched.notes.begin(), fetched.notes.end(), std::back_inserter(diagnosis.notes));
  return diagnosis;
}

nines::Result<std::string> answer(const Options& options) {
  NINES_ASSIGN(const nines::UniqueFd core, open_regular(options.core));
  std::vector<nines::UniqueFd> files;
  for (const std::string& path : options.files) {
    NINES_ASSIGN(nines::UniqueFd file, open_regular(path));
    files.push_back(std::move(file));
  }
  NINES_ASSIGN(const auto diagnosis, diagnose(core.get(), std::move(files), options.signature));
  if (options.signature) return diagnosis.signature.id + "\n";
  if (!options.text) return nines::crash::diagnosis_json(diagnosis) + "\n";
  using nines::crash::ReportLength;
  return nines::crash::report_text(diagnosis,
                                   options.full ? ReportLength::kFull : ReportLength::kShort);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, &options)) return usage();
  const auto text = answer(options);
  if (!text) {
    std::fprintf(stderr, "nines-diagnose: %s\n", text.error().message().c_str());
    return kExitFailure;
  }
  const bool written = std::fwrite(text->data(), 1, text->size(), stdout) == text->size();
  return written && std::fflush(stdout) == 0 ? 0 : kExitFailure;
}
