// Where a C++ exception that was thrown lies in memory, as libstdc++ and libc++abi lay it out.
// @source Itanium C++ ABI: Exception Handling, section 2.2; libsupc++/unwind-cxx.h
#pragma once

#include <cstdint>

namespace nines::crash::cxx {

/// _Unwind_Exception::exception_class, "GNUCC++\0". The last byte is 1 in what shares another's
/// exception (std::rethrow_exception).
inline constexpr std::uint64_t kClass = 0x474e5543432b2b00;
inline constexpr std::uint64_t kClassMask = ~std::uint64_t{0xff};
/// From that header back to __cxa_exception::exceptionType, and on to the object.
inline constexpr std::uint64_t kTypeBeforeHeader = 80;
inline constexpr std::uint64_t kHeaderSize = 32;
/// std::type_info: the table of virtual functions, the name; __si_class_type_info: its base.
inline constexpr std::uint64_t kNameInType = 8;
inline constexpr std::uint64_t kBaseInType = 16;
inline constexpr std::uint64_t kTypeSize = 24;
/// std::logic_error, std::runtime_error: the table of virtual functions, the text.
inline constexpr std::uint64_t kTextInError = 8;

}  // namespace nines::crash::cxx
