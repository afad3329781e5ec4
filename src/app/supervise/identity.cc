#include "app/supervise/identity.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "app/unit/unit_name.h"
#include "sys/users.h"

namespace nines::supervise {
namespace {

std::vector<gid_t> own_groups() {
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  groups.resize(static_cast<std::size_t>(
      std::max(::getgroups(static_cast<int>(groups.size()), groups.data()), 0)));
  return groups;
}

bool refuses_logins(const std::string& shell) {
  constexpr std::array<std::string_view, 4> kNames = {"nologin", "false", "true", ""};
  const std::string_view name = std::string_view(shell).substr(shell.rfind('/') + 1);
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

/// Home and shell as systemd passes them on: not those that only mean "none".
void describe(Identity& identity, const sys::User& account) {
  identity.user = account.name;
  if (account.home.starts_with('/') && account.home != "/") identity.home = account.home;
  if (!refuses_logins(account.shell)) identity.shell = account.shell;
}

/// The user asked for by name, or nothing.
Result<std::optional<sys::User>> wanted_account(const unit::Unit& unit,
                                                const unit::ExecSettings& exec) {
  std::string user = exec.user;
  if (user.empty() && !exec.dynamic_user) return std::optional<sys::User>();
  // Ourselves by number need no account, as in a container where nobody made one.
  if (user == std::to_string(::getuid()) && !sys::resolve_user(::getuid())) {
    return std::optional<sys::User>();
  }
  if (user.empty()) {
    NINES_ASSIGN(const unit::UnitName name, unit::parse_unit_name(unit.name));
    user = name.prefix;
  }
  Result<sys::User> found = sys::resolve_user(user);
  if (found) return std::optional<sys::User>(*std::move(found));
  if (found.error().code() == ErrorCode::kNotFound && exec.dynamic_user) {
    return std::move(found.error())
        .with_hint(fmt::format("useradd --system {}; nines makes no dynamic users", user))
        .in("DynamicUser=yes");
  }
  return std::move(found.error()).in("User=" + exec.user);
}

/// Groups by Group= and SupplementaryGroups=, which add to those of the user.
Status apply_groups(const unit::ExecSettings& exec, const std::optional<sys::User>& account,
                    Identity& identity) {
  if (!exec.group.empty()) {
    NINES_ASSIGN(identity.gid, sys::resolve_group(exec.group).in("Group=" + exec.group));
  }
  if (account) {
    NINES_ASSIGN(identity.groups, sys::groups_of(account->name, identity.gid).in("User="));
  } else {
    identity.groups = own_groups();
  }
  for (const std::string& name : exec.supplementary_groups) {
    NINES_ASSIGN(const gid_t gid, sys::resolve_group(name).in("SupplementaryGroups=" + name));
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
    NINES_ASSIGN(const gid_t gid, sys::resolve_group(name).in("SupplementaryGroups=" + name));
    if (gid != ::getgid() && std::find(own.begin(), own.end(), gid) == own.end()) {
      return refuse("SupplementaryGroups=" + name);
    }
  }
  return {};
}

}  // namespace

const unit::ExecSettings* exec_settings(const unit::Unit& unit) {
  if (const unit::ServiceUnit* service = unit.service()) return &*service->exec;
  if (const unit::SocketUnit* socket = unit.socket()) return &*socket->exec;
  return nullptr;
}

Result<Identity> resolve_identity(const unit::Unit& unit, bool user_mode) {
  Identity identity;
  identity.uid = ::getuid();
  identity.gid = ::getgid();
  const unit::ExecSettings* const exec = exec_settings(unit);
  if (exec == nullptr) return identity;
  NINES_ASSIGN(const std::optional<sys::User> wanted, wanted_account(unit, *exec));
  if (wanted) {
    identity.uid = wanted->uid;
    identity.gid = wanted->gid;
    describe(identity, *wanted);
  } else if (user_mode) {
    if (const auto own = sys::resolve_user(::getuid())) describe(identity, *own);
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
