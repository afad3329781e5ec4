#include "app/supervise/identity.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "app/unit/unit_name.h"

namespace nines::supervise {
namespace {

struct Account {
  std::string name, home, shell;
  uid_t uid;
  gid_t gid;
};

std::optional<unsigned> as_number(const std::string& text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Calls one of the get*_r functions with a buffer that grows until it is enough.
template <typename Entry, typename Call>
Result<bool> look_up(Call call, Entry& entry, std::vector<char>& buffer, const std::string& op,
                     const std::string& subject) {
  for (buffer.resize(1024);; buffer.resize(buffer.size() * 4)) {
    Entry* found = nullptr;
    const int failed = call(&entry, buffer.data(), buffer.size(), &found);
    if (failed == ERANGE && buffer.size() < (1 << 20)) continue;
    // What some back ends answer for "no such entry": getpwnam(3), ERRORS.
    if (failed == 0 || failed == ENOENT || failed == ESRCH) return found != nullptr;
    if (failed != EINTR) return Error::from_errno(failed, op, subject);
  }
}

/// @param text  a name, or a number that has an entry. @errors kNotFound.
Result<Account> account(const std::string& text) {
  passwd entry{};
  std::vector<char> buffer;
  const std::optional<unsigned> uid = as_number(text);
  NINES_ASSIGN(const bool found,
               look_up(
                   [&](passwd* into, char* data, std::size_t size, passwd** result) {
                     return uid ? ::getpwuid_r(*uid, into, data, size, result)
                                : ::getpwnam_r(text.c_str(), into, data, size, result);
                   },
                   entry, buffer, "look up user", text));
  if (!found) return Error(ErrorCode::kNotFound, "look up user", text).with_detail("no such user");
  return Account{entry.pw_name, entry.pw_dir, entry.pw_shell, entry.pw_uid, entry.pw_gid};
}

/// @errors kNotFound.
Result<gid_t> group_id(const std::string& text) {
  group entry{};
  std::vector<char> buffer;
  const std::optional<unsigned> gid = as_number(text);
  NINES_ASSIGN(const bool found,
               look_up(
                   [&](group* into, char* data, std::size_t size, group** result) {
                     return gid ? ::getgrgid_r(*gid, into, data, size, result)
                                : ::getgrnam_r(text.c_str(), into, data, size, result);
                   },
                   entry, buffer, "look up group", text));
  if (!found) {
    return Error(ErrorCode::kNotFound, "look up group", text).with_detail("no such group");
  }
  return entry.gr_gid;
}

std::vector<gid_t> own_groups() {
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  groups.resize(static_cast<std::size_t>(
      std::max(::getgroups(static_cast<int>(groups.size()), groups.data()), 0)));
  return groups;
}

std::vector<gid_t> groups_of(const std::string& user, gid_t gid) {
  std::vector<gid_t> groups(32);
  for (;;) {
    int count = static_cast<int>(groups.size());
    const int result = ::getgrouplist(user.c_str(), gid, groups.data(), &count);
    groups.resize(static_cast<std::size_t>(count));
    if (result >= 0) return groups;
  }
}

bool refuses_logins(const std::string& shell) {
  constexpr std::array<std::string_view, 4> kNames = {"nologin", "false", "true", ""};
  const std::string_view name = std::string_view(shell).substr(shell.rfind('/') + 1);
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

/// Home and shell as systemd passes them on: not those that only mean "none".
void describe(Identity& identity, const Account& account) {
  identity.user = account.name;
  if (account.home.starts_with('/') && account.home != "/") identity.home = account.home;
  if (!refuses_logins(account.shell)) identity.shell = account.shell;
}

/// The user asked for by name, or nothing.
Result<std::optional<Account>> wanted_account(const unit::Unit& unit,
                                              const unit::ExecSettings& exec) {
  std::string user = exec.user;
  if (user.empty() && !exec.dynamic_user) return std::optional<Account>();
  if (user.empty()) {
    NINES_ASSIGN(const unit::UnitName name, unit::parse_unit_name(unit.name));
    user = name.prefix;
  }
  Result<Account> found = account(user);
  if (found) return std::optional<Account>(*std::move(found));
  if (found.error().code() == ErrorCode::kNotFound && exec.dynamic_user) {
    return std::move(found.error())
        .with_hint(fmt::format("useradd --system {}; nines makes no dynamic users", user))
        .in("DynamicUser=yes");
  }
  return std::move(found.error()).in("User=" + exec.user);
}

/// Groups by Group= and SupplementaryGroups=, which add to those of the user.
Status apply_groups(const unit::ExecSettings& exec, const std::optional<Account>& account,
                    Identity& identity) {
  if (!exec.group.empty()) {
    NINES_ASSIGN(identity.gid, group_id(exec.group).in("Group=" + exec.group));
  }
  identity.groups = account ? groups_of(account->name, identity.gid) : own_groups();
  for (const std::string& name : exec.supplementary_groups) {
    NINES_ASSIGN(const gid_t gid, group_id(name).in("SupplementaryGroups=" + name));
    identity.groups.push_back(gid);
  }
  std::sort(identity.groups.begin(), identity.groups.end());
  identity.groups.erase(std::unique(identity.groups.begin(), identity.groups.end()),
                        identity.groups.end());
  return {};
}

/// For a supervisor without privileges: true if `identity` is what we are already.
Status check_is_ourselves(const unit::ExecSettings& exec, const Identity& identity) {
  const auto refuse = [](const std::string& directive) {
    return Error(ErrorCode::kDenied, directive)
        .with_detail("only root can run units as another user or group")
        .with_hint("run the unit under the system's ninesd, or remove the directive");
  };
  if (identity.uid != ::getuid()) {
    return refuse(exec.user.empty() ? "DynamicUser=yes" : "User=" + exec.user);
  }
  if (!exec.group.empty() && identity.gid != ::getgid()) return refuse("Group=" + exec.group);
  const std::vector<gid_t> own = own_groups();
  for (const std::string& name : exec.supplementary_groups) {
    NINES_ASSIGN(const gid_t gid, group_id(name).in("SupplementaryGroups=" + name));
    if (gid != ::getgid() && std::find(own.begin(), own.end(), gid) == own.end()) {
      return refuse("SupplementaryGroups=" + name);
    }
  }
  return {};
}

}  // namespace

const unit::ExecSettings* exec_settings(const unit::Unit& unit) {
  if (const unit::ServiceUnit* service = unit.service()) return &service->exec;
  if (const unit::SocketUnit* socket = unit.socket()) return &socket->exec;
  return nullptr;
}

Result<Identity> resolve_identity(const unit::Unit& unit, bool user_mode) {
  Identity identity;
  identity.uid = ::getuid();
  identity.gid = ::getgid();
  const unit::ExecSettings* const exec = exec_settings(unit);
  if (exec == nullptr) return identity;
  NINES_ASSIGN(const std::optional<Account> wanted, wanted_account(unit, *exec));
  if (wanted) {
    identity.uid = wanted->uid;
    identity.gid = wanted->gid;
    describe(identity, *wanted);
  } else if (user_mode) {
    if (const auto own = account(std::to_string(::getuid()))) describe(identity, *own);
  }
  NINES_TRY(apply_groups(*exec, wanted, identity));
  if (user_mode || ::geteuid() != 0) {
    NINES_TRY(check_is_ourselves(*exec, identity));
    // Naming the user that we are changes nothing, not even to the primary group.
    identity.gid = ::getgid();
    identity.groups.clear();
    return identity;
  }
  identity.switches =
      wanted.has_value() || !exec->group.empty() || !exec->supplementary_groups.empty();
  return identity;
}

}  // namespace nines::supervise
