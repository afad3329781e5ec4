# Helpers that keep the CMakeLists.txt of the rooms and of the tests to a line or two.
#
# Every test carries one label or more, which decide where tools/test runs it:
#   unit         in debug: AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan         also in tsan, because what it tests runs in threads
#   integration  in release: the real programs as users run them
#   guest        in release, inside a virtual machine; only with tools/test --guest

# {fmt}, in release as part of our programs: a shared library that is written in C++ brings the shared
# C++ library along, see nines_program(). No room formats numbers by the locale, so fmt need not know
# of any, nor drag it into the keeper.
add_library(nines_fmt INTERFACE)
if(NINES_SANITIZE)
  target_link_libraries(nines_fmt INTERFACE fmt::fmt)
else()
  target_link_libraries(nines_fmt INTERFACE fmt::fmt-header-only)
  target_compile_definitions(nines_fmt INTERFACE FMT_STATIC_THOUSANDS_SEPARATOR=',')
endif()

# Two precompiled headers for all rooms, one for the code and one for its tests: what most files
# include anyway. No file may rely on them; tools/check-tidy compiles without.
set(_nines_pch <algorithm> <chrono> <cstdint> <functional> <map> <memory> <optional> <string>
    <string_view> <unordered_map> <utility> <vector> <fmt/format.h> <tl/expected.hpp>)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/pch.cc CONTENT "")
add_library(nines_pch STATIC ${CMAKE_BINARY_DIR}/pch.cc)
target_link_libraries(nines_pch PUBLIC nines_fmt)
target_precompile_headers(nines_pch PUBLIC ${_nines_pch})
add_library(nines_test_pch STATIC EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/pch.cc)
target_link_libraries(nines_test_pch PUBLIC nines_fmt GTest::gmock)
target_precompile_headers(nines_test_pch PUBLIC ${_nines_pch} <gmock/gmock.h> <gtest/gtest.h>)

# What tools/test and tools/fuzz build, so that a stage compiles no more than it runs.
add_custom_target(unit_tests)
add_custom_target(tsan_tests)
add_custom_target(fuzzers)

# nines_product(PROGRAM...): what a user runs, as one target. tools/build makes it.
function(nines_product)
  add_custom_target(product)
  foreach(program ${ARGN})
    if(TARGET ${program})
      add_dependencies(product ${program})
    endif()
  endforeach()
endfunction()

# nines_program(NAME SOURCE [STATIC] LIBRARY...): a program that a user runs. In release it contains
# the C++ library instead of loading it: of the shared one over a megabyte becomes resident in each
# process. STATIC: the C library too, for what asks no name service.
function(nines_program name source)
  cmake_parse_arguments(ARG "STATIC" "" "" ${ARGN})
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE ${ARG_UNPARSED_ARGUMENTS})
  if(NINES_SANITIZE)
    return()
  endif()
  # One or the other: GCC makes a program of both that does not start.
  if(ARG_STATIC)
    target_link_options(${name} PRIVATE -static-pie)
  else()
    target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
endfunction()

# Sets what all tests have in common.
#   LABELS   see above
#   TIMEOUT  seconds
#   SERIAL   alone on the machine: it measures, or fills a disk, or takes more than 1 GiB of memory
function(_nines_test_properties name)
  cmake_parse_arguments(ARG "SERIAL" "TIMEOUT" "LABELS" ${ARGN})
  set(options
      "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1"
      "UBSAN_OPTIONS=print_stacktrace=1"
      "TSAN_OPTIONS=second_deadlock_stack=1"
      "NINES_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}"
      "NINES_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
  # 77 says that a capability the test needs is missing; see tests/support.
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
                       SKIP_RETURN_CODE 77 ENVIRONMENT "${options}" RUN_SERIAL ${ARG_SERIAL})
endfunction()

# nines_room(NAME DEPS target... [TEST_DEPS target...] [LABELS tsan] [TSAN_FILTER filter])
# One static library nines_NAME for the room in this directory. Its *_test.cc become NAME_test and
# its *_fuzzer.cc one program each; *_main.cc is left to the caller.
#   TSAN_FILTER  GoogleTest's; of a room in which little runs in threads, what does
function(nines_room name)
  cmake_parse_arguments(ARG "" "TSAN_FILTER" "DEPS;TEST_DEPS;LABELS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzzer|main)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzzer\\.cc$")
  set(lib nines_${name})
  add_library(${lib} STATIC ${sources})
  # Quotes only: our room sys/ must not hide the system's own <sys/file.h>.
  target_compile_options(${lib} PUBLIC "SHELL:-iquote ${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(${lib} PUBLIC ${ARG_DEPS} nines_fmt)
  target_precompile_headers(${lib} REUSE_FROM nines_pch)
  if(tests)
    add_executable(${name}_test EXCLUDE_FROM_ALL ${tests})
    target_link_libraries(${name}_test PRIVATE ${lib} ${ARG_TEST_DEPS} GTest::gmock
                          GTest::gtest_main)
    target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR})
    target_precompile_headers(${name}_test REUSE_FROM nines_test_pch)
    target_compile_definitions(${name}_test PRIVATE NINES_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    # One CTest entry for a room's unit tests: starting a sanitized binary for each single test
    # would cost more than the tests themselves.
    set(filter "")
    if(ARG_TSAN_FILTER AND NINES_SANITIZE STREQUAL "thread")
      set(filter --gtest_filter=${ARG_TSAN_FILTER})
    endif()
    add_test(NAME unit.${name} COMMAND ${name}_test ${filter})
    _nines_test_properties(unit.${name} LABELS unit ${ARG_LABELS} TIMEOUT 300)
    add_dependencies(unit_tests ${name}_test)
    if("tsan" IN_LIST ARG_LABELS)
      add_dependencies(tsan_tests ${name}_test)
    endif()
  endif()
  foreach(fuzzer ${fuzzers})
    nines_fuzzer(${fuzzer} ${lib})
  endforeach()
endfunction()

# nines_fuzzer(SOURCE LIBRARY): with libFuzzer in the fuzz preset; elsewhere the same entry point
# replays tests/corpus/NAME as a test.
function(nines_fuzzer source lib)
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} EXCLUDE_FROM_ALL ${source})
  target_link_libraries(${name} PRIVATE ${lib})
  if(NINES_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers ${name})
  else()
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/corpus/replay_main.cc)
    add_test(NAME corpus.${name} COMMAND ${name} ${PROJECT_SOURCE_DIR}/tests/corpus/${name})
    _nines_test_properties(corpus.${name} LABELS unit TIMEOUT 300)
    add_dependencies(unit_tests ${name})
  endif()
endfunction()

# nines_script_test(NAME COMMAND word... [LABEL label] [TIMEOUT seconds] [SERIAL])
# A test that is a program: $NINES_BIN is the directory of the built programs, exit code 77 means
# "skipped, and I have printed what is missing". The default label is integration.
function(nines_script_test name)
  cmake_parse_arguments(ARG "SERIAL" "LABEL;TIMEOUT" "COMMAND" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL integration)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set(serial "")
  if(ARG_SERIAL)
    set(serial SERIAL)
  endif()
  add_test(NAME ${ARG_LABEL}.${name} COMMAND ${ARG_COMMAND}
           WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  _nines_test_properties(${ARG_LABEL}.${name} LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT} ${serial})
endfunction()
