#include "app/crash/signature_book.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "sys/file.h"  // NOLINT(readability-duplicate-include): ours, not the system's

namespace nines::crash {
namespace {

constexpr std::string_view kSuffix = ".json";
constexpr Bytes kLongestFile{256 << 10};
constexpr std::chrono::seconds kPatience{2};

Error no_signature(std::string_view text) {
  return Error(ErrorCode::kInvalidArgument, "find signature", std::string(text))
      .with_detail("not 32 hexadecimal digits");
}

std::string signature_in(const std::string& name) {
  if (!name.ends_with(kSuffix)) return {};
  std::string id = name.substr(0, name.size() - kSuffix.size());
  return is_signature(id) ? id : std::string();
}

/// Of one that crashed with one build more.
void count_build(std::vector<BuildSeen>* builds, const Sighting& seen) {
  auto at = std::find_if(builds->begin(), builds->end(),
                         [&](const BuildSeen& build) { return build.build_id == seen.build_id; });
  if (at == builds->end()) {
    if (builds->size() >= kMostBuilds) builds->erase(builds->begin());
    builds->push_back({seen.build_id, 1, seen.time, seen.time});
    return;
  }
  ++at->count;
  at->last = std::max(at->last, seen.time);
  std::rotate(at, at + 1, builds->end());
}

}  // namespace

std::string SignatureBook::path_of(std::string_view signature) const {
  return directory_ + "/" + std::string(signature) + std::string(kSuffix);
}

Result<UniqueFd> SignatureBook::lock() const {
  NINES_TRY(sys::make_directories(directory_, 0700));
  NINES_ASSIGN(UniqueFd fd, sys::open_file(directory_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const BootTime deadline = boot_now() + kPatience;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return Error::from_errno(errno, "lock", directory_);
    // It is held for milliseconds, unless its holder was stopped.
    if (boot_now() > deadline) return Error(ErrorCode::kBusy, "lock", directory_);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return fd;
}

Result<KnownSignature> SignatureBook::find(std::string_view signature) const {
  if (!is_signature(signature)) return no_signature(signature);
  const std::string path = path_of(signature);
  NINES_ASSIGN(const std::string text, sys::read_file(path, kLongestFile));
  auto known = decode_known_signature(text);
  if (known && known->id == signature) return known;
  const ErrorCode code = known ? ErrorCode::kCorrupt : known.error().code();
  return Error(code, "read", path)
      .with_detail(known ? "it is about another signature" : known.error().detail())
      .with_hint("nines crash forget --signature " + std::string(signature) + " removes it");
}

Result<std::vector<KnownSignature>> SignatureBook::all(std::size_t* unreadable) const {
  if (unreadable != nullptr) *unreadable = 0;
  const auto names = sys::list_directory(directory_);
  std::vector<KnownSignature> found;
  if (!names && names.error().code() == ErrorCode::kNotFound) return found;
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const std::string id = signature_in(name);
    if (id.empty()) continue;
    auto known = find(id);
    if (known) {
      found.push_back(std::move(*known));
    } else if (unreadable != nullptr && known.error().code() != ErrorCode::kNotFound) {
      ++*unreadable;
    }
  }
  std::sort(found.begin(), found.end(), [](const KnownSignature& a, const KnownSignature& b) {
    return a.last_seen != b.last_seen ? a.last_seen > b.last_seen : a.id < b.id;
  });
  return found;
}

Status SignatureBook::save(const KnownSignature& known) const {
  return sys::replace_file(path_of(known.id), encode(known), 0600);
}

Result<KnownSignature> SignatureBook::add(const Sighting& sighting) const {
  if (!is_signature(sighting.signature)) return no_signature(sighting.signature);
  NINES_ASSIGN(const UniqueFd held, lock());
  auto found = find(sighting.signature);
  KnownSignature known;
  if (found) {
    known = std::move(*found);
  } else if (found.error().code() == ErrorCode::kNotFound) {
    known.id = sighting.signature;
    known.first_seen = sighting.time;
    known.last_seen = sighting.time;
    make_room();
  } else {
    return std::move(found.error());
  }
  ++known.count;
  known.kind = sighting.kind;
  known.summary = sighting.summary;
  known.function = sighting.function;
  known.program = sighting.program;
  known.first_seen = std::min(known.first_seen, sighting.time);
  known.last_seen = std::max(known.last_seen, sighting.time);
  count_build(&known.builds, sighting);
  NINES_TRY(save(known));
  return known;
}

template <typename Alter>
Status SignatureBook::alter(std::string_view signature, Alter how) const {
  if (!is_signature(signature)) return no_signature(signature);
  NINES_TRY(find(signature));  // a directory is made only for what is to be written
  NINES_ASSIGN(const UniqueFd held, lock());
  NINES_ASSIGN(KnownSignature known, find(signature));
  how(&known);
  return save(known);
}

Status SignatureBook::set_whole_core(std::string_view signature, UtcTime when) const {
  return alter(signature, [&](KnownSignature* known) { known->whole_core = when; });
}

Status SignatureBook::set_note(std::string_view signature, const std::string& text) const {
  if (text.size() > kLongestNote) {
    return Error(ErrorCode::kInvalidArgument, "set note").with_detail("longer than 4096 bytes");
  }
  return alter(signature, [&](KnownSignature* known) { known->note = text; });
}

Status SignatureBook::set_fix(std::string_view signature, const std::string& text) const {
  if (text.size() > kLongestNote) {
    return Error(ErrorCode::kInvalidArgument, "set fix").with_detail("longer than 4096 bytes");
  }
  return alter(signature, [&](KnownSignature* known) { known->fix = text; });
}

Status SignatureBook::forget(std::string_view signature) const {
  if (!is_signature(signature)) return no_signature(signature);
  const std::string path = path_of(signature);
  if (!sys::exists(path)) return Error(ErrorCode::kNotFound, "forget signature", path);
  NINES_ASSIGN(const UniqueFd held, lock());
  if (::unlink(path.c_str()) != 0) return Error::from_errno(errno, "remove", path);
  return {};
}

void SignatureBook::make_room() const {
  const auto names = sys::list_directory(directory_);
  if (!names || names->size() < most_) return;
  std::vector<std::pair<std::int64_t, std::string>> by_age;
  for (const std::string& name : *names) {
    struct stat info{};
    const std::string id = signature_in(name);
    if (id.empty() || ::lstat((directory_ + "/" + name).c_str(), &info) != 0) continue;
    constexpr std::int64_t kSecond_ns = 1'000'000'000;
    by_age.emplace_back(info.st_mtim.tv_sec * kSecond_ns + info.st_mtim.tv_nsec, id);
  }
  if (by_age.size() < most_) return;
  std::sort(by_age.begin(), by_age.end());
  // Some more than one, so that this is not done for each that is new.
  const std::size_t target = most_ - 1 - most_ / 100;
  std::size_t left = by_age.size();
  for (const bool also_written_about : {false, true}) {
    for (auto& [age, id] : by_age) {
      if (left <= target) return;
      if (id.empty()) continue;
      const auto known = also_written_about ? Result<KnownSignature>(KnownSignature()) : find(id);
      if (known && !(known->note.empty() && known->fix.empty())) continue;
      if (::unlink(path_of(id).c_str()) == 0) --left;
      id.clear();
    }
  }
}

}  // namespace nines::crash
