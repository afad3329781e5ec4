// What the manual says about a verb beyond one sentence.
#pragma once

#include <string_view>

namespace nines::cli {

/// @return paragraphs, or empty.
std::string_view details_of(std::string_view verb);

}  // namespace nines::cli
