// The JSON detail of an event, from names and values.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace nines::supervise {

/// @return an object of strings; bytes that are not UTF-8 are replaced.
std::string detail(std::initializer_list<std::pair<std::string_view, std::string>> members);

}  // namespace nines::supervise
