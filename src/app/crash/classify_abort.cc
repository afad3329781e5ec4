#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "app/crash/classify.h"

namespace nines::crash {
namespace {

bool contains_any(std::string_view text, const auto& words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return text.find(word) != std::string_view::npos;
  });
}

/// @source glibc, malloc/malloc.c: every use of malloc_printerr()
constexpr std::array<std::string_view, 11> kHeap = {"malloc",
                                                    "free()",
                                                    "double free",
                                                    "corrupted size",
                                                    "realloc()",
                                                    "tcache",
                                                    "unlink",
                                                    "munmap_chunk",
                                                    "corrupted unsorted",
                                                    "invalid chunk",
                                                    "corrupted double-linked"};

}  // namespace

Classification classify_abort(const std::optional<std::string>& message,
                              const std::optional<CxxException>& exception) {
  if (exception) {
    Classification found{"uncaught-exception",
                         fmt::format("Nobody caught a C++ exception of type {}", exception->type),
                         {"An exception's header was found from the frames of the C++ runtime."}};
    found.summary += exception->what ? fmt::format(": {}", *exception->what) : ".";
    return found;
  }
  if (!message) return {"abort", "The program called abort(), or raised SIGABRT itself.", {}};
  Classification found{"abort", *message, {"The C library left this message: " + *message}};
  if (message->find("Assertion") != std::string::npos) {
    found.kind = "assertion";
  } else if (message->find("stack smashing detected") != std::string::npos) {
    found.kind = "stack-smashing";
    found.summary = "A buffer on the stack was overrun: " + *message;
  } else if (message->find("buffer overflow detected") != std::string::npos) {
    found.kind = "buffer-overflow";
    found.summary = "A checked function was to write beyond a buffer: " + *message;
  } else if (contains_any(*message, kHeap)) {
    found.kind = "heap-corruption";
    found.summary = "The C library found its heap damaged: " + *message;
  }
  return found;
}

}  // namespace nines::crash
