#include "app/crash/kept_files.h"

#define XXH_INLINE_ALL
#define XXH_NO_INLINE_HINTS 1  // else -Og fails to build it
#include <fmt/format.h>
#include <xxhash.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "sys/file.h"

namespace nines::crash {
namespace {

using nlohmann::json;

constexpr const char* kList = "/files.json";
constexpr std::size_t kPiece = std::size_t{1} << 20;
constexpr std::size_t kLongestName = 64;
constexpr Bytes kLongestList{1 << 20};

Result<std::size_t> read_at(int file, std::uint64_t offset, std::string* into) {
  into->resize(kPiece);
  for (;;) {
    const ssize_t n = ::pread(file, into->data(), into->size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::from_errno(errno, "read");
    into->resize(static_cast<std::size_t>(n));
    return into->size();
  }
}

/// A name by what is in it, so that equal files meet. Not by its build-id, which a stranger could
/// have forged: and to find that would be to parse what he wrote.
Result<std::string> content_name(int file, std::uint64_t size) {
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  std::string piece;
  std::uint64_t done = 0;
  for (;;) {
    NINES_ASSIGN(const std::size_t n, read_at(file, done, &piece));
    if (n == 0) break;
    XXH3_128bits_update(&state, piece.data(), n);
    done += n;
    if (done > size) break;
  }
  if (done != size) return Error(ErrorCode::kGone, "read").with_detail("it changes");
  const XXH128_hash_t hash = XXH3_128bits_digest(&state);
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

/// The hash of a file that was made to collide is no reason to take one for the other.
bool equal(int a, int b) {
  std::string one, other;
  for (std::uint64_t done = 0;; done += one.size()) {
    const auto n = read_at(a, done, &one);
    const auto m = read_at(b, done, &other);
    if (!n || !m || one != other) return false;
    if (*n == 0) return true;
  }
}

Status copy(int from, const std::string& to, std::uint64_t size) {
  NINES_ASSIGN(const UniqueFd file,
               sys::open_file(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  std::string piece;
  for (std::uint64_t done = 0; done < size;) {
    NINES_ASSIGN(const std::size_t n, read_at(from, done, &piece));
    if (n == 0) return Error(ErrorCode::kGone, "read").with_detail("it was cut off");
    NINES_TRY(sys::write_all(file.get(), piece, to));
    done += n;
  }
  return {};
}

/// @return whether the pool has it: then it is at `target`, too.
bool link_from_pool(int file, const std::string& in_pool, const std::string& target) {
  const auto there = sys::open_file(in_pool, O_RDONLY | O_NOFOLLOW);
  return there && equal(file, there->get()) && ::link(in_pool.c_str(), target.c_str()) == 0;
}

Status keep_one(int file, std::uint64_t size, const std::string& target, const std::string& pool) {
  NINES_ASSIGN(const std::string name, content_name(file, size));
  const std::string in_pool = pool + "/" + name;
  if (link_from_pool(file, in_pool, target)) return {};
  if (Status copied = copy(file, target, size); !copied) {
    (void)::unlink(target.c_str());
    return copied;
  }
  // Without a link there the next one is copied again, and that is all.
  (void)!::link(target.c_str(), in_pool.c_str());
  return {};
}

std::string safe_file_name(std::size_t number, const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1).substr(0, kLongestName);
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return std::strchr("+-._", c) == nullptr && std::isalnum(c & 0x7f) == 0; }, '_');
  return fmt::format("file-{}-{}", number, name);
}

}  // namespace

Result<std::vector<KeptFile>> keep_files(const std::vector<GoneFile>& files,
                                         const std::string& directory, const std::string& pool,
                                         Bytes most) {
  std::vector<KeptFile> kept;
  if (files.empty()) return kept;
  NINES_TRY(sys::make_directories(pool, 0700));
  std::uint64_t left = most.count;
  json list = json::array();
  for (const GoneFile& gone : files) {
    KeptFile one{gone.path, safe_file_name(kept.size(), gone.path), {}};
    struct stat info{};
    (void)::fstat(gone.file.get(), &info);
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (size > left) {
      one.skipped = fmt::format("it has {}, and of one crash no more than {} are kept",
                                to_string(Bytes{size}), to_string(most));
    } else if (const Status done =
                   keep_one(gone.file.get(), size, directory + "/" + one.name, pool);
               !done) {
      one.skipped = done.error().message();
    } else {
      left -= size;
    }
    if (!one.skipped.empty()) one.name.clear();
    list.push_back({{"path", one.path}, {"name", one.name}, {"skipped", one.skipped}});
    kept.push_back(std::move(one));
  }
  NINES_TRY(sys::replace_file(
      directory + kList, list.dump(1, ' ', true, json::error_handler_t::replace) + "\n", 0600));
  return kept;
}

Result<std::vector<KeptFile>> read_kept_files(const std::string& directory) {
  std::vector<KeptFile> kept;
  const auto text = sys::read_file(directory + kList, kLongestList);
  if (!text && text.error().code() == ErrorCode::kNotFound) return kept;
  if (!text) return text.error();
  try {
    for (const json& one : json::parse(*text)) {
      KeptFile file{one.at("path").get<std::string>(), one.at("name").get<std::string>(),
                    one.at("skipped").get<std::string>()};
      if (file.name.empty() ? file.skipped.empty() : !file.name.starts_with("file-")) continue;
      if (file.name.find('/') != std::string::npos) continue;
      kept.push_back(std::move(file));
    }
  } catch (const json::exception& error) {
    return Error(ErrorCode::kCorrupt, "read", directory + kList).with_detail(error.what());
  }
  return kept;
}

std::vector<std::string> paths_of(const std::vector<KeptFile>& files,
                                  const std::string& directory) {
  std::vector<std::string> paths;
  for (const KeptFile& file : files) {
    if (!file.name.empty()) paths.push_back(directory + "/" + file.name);
  }
  return paths;
}

void tidy_pool(const std::string& pool) {
  const auto names = sys::list_directory(pool);
  if (!names) return;
  for (const std::string& name : *names) {
    const std::string path = pool + "/" + name;
    struct stat info{};
    if (::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1) {
      (void)::unlink(path.c_str());
    }
  }
}

}  // namespace nines::crash
