// Where crashes come in, and where they are kept.
#pragma once

#include <string>

namespace nines::crash {

/// For core_pattern, behind "@@". The kernel looks it up from its own root, and follows no link.
inline std::string core_socket_path(const std::string& runtime_dir) {
  return runtime_dir + "/core.sock";
}

/// A directory for each crash is in here.
inline std::string store_path(const std::string& state_dir) {
  return state_dir + "/crashes";
}

/// What is known of each signature. @see SignatureBook
inline std::string signatures_path(const std::string& state_dir) {
  return state_dir + "/crash-signatures";
}

/// One link to each file that crashes have kept of their programs. @see keep_files()
inline std::string crash_files_path(const std::string& state_dir) {
  return state_dir + "/crash-files";
}

}  // namespace nines::crash
