// The crashes that are kept, for those who look at them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/crash/diagnosis.h"
#include "app/crash/outcome.h"
#include "base/clock.h"
#include "base/result.h"

namespace nines::crash {

struct KeptCrash {
  std::string id;                  ///< 32 hexadecimal digits, which begin with its time
  std::string directory;           ///< absolute, if the store is
  UtcTime time;                    ///< when it was announced
  std::optional<Outcome> outcome;  ///< none: its capture.json cannot be read
};

/// @return all in `store`, the newest first; none where there is no such directory.
/// @errors kDenied: they are root's. Those of reading a directory.
Result<std::vector<KeptCrash>> list_crashes(const std::string& store);

/// @param word  an id, the beginning of one that no other has, or "latest".
/// @errors kNotFound. kInvalidArgument: several begin so, which the hint names; or no such word.
Result<KeptCrash> find_crash(const std::string& store, std::string_view word);

/// The digits by which each of these can be told from all others; at least 8.
std::size_t short_id_length(const std::vector<KeptCrash>& crashes);

/// What was found out when it was kept. @errors kNotFound: it was not diagnosed. kCorrupt.
Result<Diagnosis> read_diagnosis(const KeptCrash& crash);

/// A member of its facts.json that is text, as "executable". @errors kNotFound, kCorrupt.
Result<std::string> fact_of(const KeptCrash& crash, const std::string& name);

/// Every file that it had mapped, by facts.json. @errors as above.
Result<std::vector<std::string>> mapped_paths(const KeptCrash& crash);

}  // namespace nines::crash
