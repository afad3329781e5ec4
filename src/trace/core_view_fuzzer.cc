// Fuzzes a core as a process to be looked at: memory, modules, guesses. Without files, so that what
// is parsed is ours alone: libelf and libdw are fuzzed by their makers, and run in the sandbox.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "trace/core_view.h"
#include "trace/guess.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nines::trace;
  FileSource files(nullptr, {});
  const auto core = CoreView::open({reinterpret_cast<const char*>(data), size}, &files);
  if (!core) return 0;
  CoreView& view = **core;
  for (const ThreadView& thread : view.threads()) {
    Frame frame;
    frame.pc = thread.pc;
    frame.registers = thread.registers;
    for (int i = 0; i < 64; ++i) {
      (void)view.is_code(frame.pc);
      const auto next = guess_caller(view, frame, i == 0);
      if (!next) break;
      if (!view.is_code(next->pc)) std::abort();
      frame = *next;
    }
    (void)view.memory().text(thread.sp, 100);
  }
  return 0;
}
