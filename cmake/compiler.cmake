# How everything is compiled, whatever the room: warnings, hardening, sanitizers, ccache.

option(NINES_FUZZ "Build the fuzzers with libFuzzer (needs Clang)" OFF)
option(NINES_WERROR "Turn warnings into errors" OFF)
set(NINES_SANITIZE "" CACHE STRING "Value for -fsanitize=, empty for none")

add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wunused
                    -Wdeprecated-copy-dtor -Werror=unused-result -Werror=return-type
                    -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns about std::string's own code when it is inlined (GCC bugs 105329 and 105651).
  add_compile_options(-Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NINES_SANITIZE STREQUAL "thread")
  # TSan does not know memory fences and would report a race where nothing else orders; GCC says so
  # at each of Asio's around a handler. There the mutex of the io_context orders, too, which TSan
  # does know. Our own code has no fence.
  add_compile_options(-Wno-tsan)
endif()
if(NINES_WERROR)
  add_compile_options(-Werror)
endif()

# Names in messages, in std::source_location and in debug information are relative to the source
# tree, so what is built does not depend on where: binaries can be compared, and ccache hits in
# another clone.
file(RELATIVE_PATH _from_build ${CMAKE_BINARY_DIR} ${PROJECT_SOURCE_DIR})
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/= -ffile-prefix-map=${_from_build}=)

if(NINES_SANITIZE)
  add_compile_options(-fsanitize=${NINES_SANITIZE} -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${NINES_SANITIZE})
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
else()
  # We run as root and read what other processes wrote. The sanitizers check more than this, and
  # do not go together with _FORTIFY_SOURCE. Distributions define it on their own: undefine first.
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE
                      -D_FORTIFY_SOURCE=2)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    add_compile_options(-fcf-protection)
  endif()
  add_link_options(-Wl,-z,relro,-z,now)
  # What runs all the time should be small, and what no program calls is not to be in it.
  add_compile_options(-ffunction-sections -fdata-sections)
  add_link_options(-Wl,--gc-sections -Wl,--as-needed)
  # A tenth of the pages that the loader reads to relocate us (glibc 2.36).
  include(CheckLinkerFlag)
  check_linker_flag(CXX -Wl,-z,pack-relative-relocs NINES_PACKS_RELOCATIONS)
  if(NINES_PACKS_RELOCATIONS)
    add_link_options(-Wl,-z,pack-relative-relocs)
  endif()
endif()

# ccache stores results of compilations that use a precompiled header only when told to look away
# from __TIME__ and #define in it, which ours does not use. With a base directory, paths below it
# count as relative, so that a second clone hits what the first has built.
find_program(NINES_CCACHE ccache)
if(NINES_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER /usr/bin/env CCACHE_SLOPPINESS=pch_defines,time_macros
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${NINES_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Otherwise Clang writes the time of the header into it, and no two are the same.
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()
