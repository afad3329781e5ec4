# Helpers that keep the room lists below src/ short.

# nines_room(NAME SOURCES... DEPS ...): one static library for one room. Its *_test.cc and
# *_fuzzer.cc files are found beside the code.
function(nines_room name)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzzer|main)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzzer\\.cc$")
  set(lib nines_${name})
  add_library(${lib} STATIC ${sources})
  target_include_directories(${lib} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${lib} PUBLIC ${ARG_DEPS})
  if(NOT TARGET nines_pch)
    # One precompiled header for every room; what is in it is what most files include anyway.
    file(WRITE ${CMAKE_BINARY_DIR}/pch.cc "")
    add_library(nines_pch STATIC ${CMAKE_BINARY_DIR}/pch.cc)
    target_link_libraries(nines_pch PUBLIC fmt::fmt)
    target_precompile_headers(nines_pch PUBLIC <algorithm> <chrono> <cstdint> <functional> <map>
                              <memory> <optional> <string> <string_view> <unordered_map> <utility>
                              <vector> <fmt/format.h> <tl/expected.hpp>)
  endif()
  target_link_libraries(${lib} PUBLIC fmt::fmt)
  target_precompile_headers(${lib} REUSE_FROM nines_pch)
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${lib} GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE NINES_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    # One CTest entry for a room's unit tests: starting a sanitized binary for each single test
    # would cost more than the tests themselves.
    add_test(NAME unit.${name} COMMAND ${name}_test)
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 300)
  endif()
  foreach(fuzzer ${fuzzers})
    get_filename_component(base ${fuzzer} NAME_WE)
    add_executable(${base} ${fuzzer})
    target_link_libraries(${base} PRIVATE ${lib})
    set(corpus ${PROJECT_SOURCE_DIR}/tests/corpus/${base})
    if(NINES_FUZZ)
      target_link_options(${base} PRIVATE -fsanitize=fuzzer)
    else()
      # Without libFuzzer the same entry point replays the corpus as a test.
      target_sources(${base} PRIVATE ${PROJECT_SOURCE_DIR}/tests/corpus/replay_main.cc)
      add_test(NAME corpus.${base} COMMAND ${base} ${corpus})
      set_tests_properties(corpus.${base} PROPERTIES LABELS unit TIMEOUT 300)
    endif()
  endforeach()
endfunction()
