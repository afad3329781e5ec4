#include "sys/users.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>

namespace nines::sys {
namespace {

/// (uid_t)-1 and 65535 mean "leave as it is" to some system calls, so they are nobody's number.
std::optional<std::uint32_t> parse_id(std::string_view text) {
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (id == std::numeric_limits<std::uint32_t>::max() || id == 0xffff) return std::nullopt;
  return id;
}

/// Runs one of the get*_r functions with a buffer as large as it wants.
/// @return false: no such entry.
template <typename Call>
Result<bool> look_up(std::vector<char>& buffer, const char* op, const std::string& subject,
                     Call call) {
  constexpr std::size_t kMaxBuffer = 16 << 20;  // a group can have very many members
  buffer.resize(4096);
  for (;;) {
    bool found = false;
    const int error = call(buffer, found);
    if (error == ERANGE && buffer.size() < kMaxBuffer) {
      buffer.resize(buffer.size() * 4);
      continue;
    }
    if (error == EINTR) continue;
    if (found) return true;
    // What getpwnam_r(3) lists as ways to say that there is none.
    if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) {
      return false;
    }
    return Error::from_errno(error, op, subject);
  }
}

User to_user(const passwd& entry) {
  const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
  return {text(entry.pw_name), entry.pw_uid, entry.pw_gid, text(entry.pw_dir),
          text(entry.pw_shell)};
}

constexpr const char* kFindUser = "find user";
constexpr const char* kFindGroup = "find group";

}  // namespace

Result<User> resolve_user(uid_t uid) {
  const std::string subject = std::to_string(uid);
  std::vector<char> buffer;
  passwd entry{};
  NINES_ASSIGN(const bool found, look_up(buffer, kFindUser, subject, [&](auto& space, bool& has) {
                 passwd* result = nullptr;
                 const int error = ::getpwuid_r(uid, &entry, space.data(), space.size(), &result);
                 has = result != nullptr;
                 return error;
               }));
  if (!found) return Error(ErrorCode::kNotFound, kFindUser, subject);
  return to_user(entry);
}

Result<User> resolve_user(const std::string& text) {
  if (const auto uid = parse_id(text)) return resolve_user(*uid);
  std::vector<char> buffer;
  passwd entry{};
  NINES_ASSIGN(const bool found, look_up(buffer, kFindUser, text, [&](auto& space, bool& has) {
                 passwd* result = nullptr;
                 const int error =
                     ::getpwnam_r(text.c_str(), &entry, space.data(), space.size(), &result);
                 has = result != nullptr;
                 return error;
               }));
  if (!found) return Error(ErrorCode::kNotFound, kFindUser, text);
  return to_user(entry);
}

Result<gid_t> resolve_group(const std::string& text) {
  if (const auto gid = parse_id(text)) return static_cast<gid_t>(*gid);
  std::vector<char> buffer;
  group entry{};
  NINES_ASSIGN(const bool found, look_up(buffer, kFindGroup, text, [&](auto& space, bool& has) {
                 group* result = nullptr;
                 const int error =
                     ::getgrnam_r(text.c_str(), &entry, space.data(), space.size(), &result);
                 has = result != nullptr;
                 return error;
               }));
  if (!found) return Error(ErrorCode::kNotFound, kFindGroup, text);
  return entry.gr_gid;
}

Result<std::vector<gid_t>> groups_of(const std::string& user_name, gid_t primary) {
  constexpr int kMaxGroups = 65536;  // NGROUPS_MAX
  std::vector<gid_t> groups(32);
  int count = static_cast<int>(groups.size());
  while (::getgrouplist(user_name.c_str(), primary, groups.data(), &count) < 0) {
    // It tells how many there are, but the database may change between two calls.
    if (groups.size() > kMaxGroups) return Error(ErrorCode::kLimit, "list groups of", user_name);
    groups.resize(std::max(groups.size() * 2, static_cast<std::size_t>(count)));
    count = static_cast<int>(groups.size());
  }
  groups.resize(static_cast<std::size_t>(count));
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  return groups;
}

std::string user_name(uid_t uid) {
  const auto user = resolve_user(uid);
  return user ? user->name : std::to_string(uid);
}

std::string group_name(gid_t gid) {
  const std::string number = std::to_string(gid);
  std::vector<char> buffer;
  group entry{};
  const auto found = look_up(buffer, kFindGroup, number, [&](auto& space, bool& has) {
    group* result = nullptr;
    const int error = ::getgrgid_r(gid, &entry, space.data(), space.size(), &result);
    has = result != nullptr;
    return error;
  });
  return found && *found ? std::string(entry.gr_name) : number;
}

}  // namespace nines::sys
