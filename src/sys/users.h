// Users and groups, through the name service switch.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace nines::sys {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;  ///< the primary group
  std::string home;
  std::string shell;
};

/// These may ask the network (LDAP, SSSD) and then take as long as it takes.
/// @param text  a name or a number.
/// @errors kNotFound: no such user; a number that no entry names as well, since it has no group.
Result<User> resolve_user(const std::string& text);
Result<User> resolve_user(uid_t uid);

/// @param text  a name or a number; a number needs no entry. @errors kNotFound.
Result<gid_t> resolve_group(const std::string& text);

/// Every group that the group database puts the user into, and `primary`, each once, sorted.
Result<std::vector<gid_t>> groups_of(const std::string& user_name, gid_t primary);

/// For people: the name of the user or group, or the number where it has none.
std::string user_name(uid_t uid);
std::string group_name(gid_t gid);

}  // namespace nines::sys
