#include "trace/unwind.h"

#include <fmt/format.h>

#include <cxxabi.h>
#include <elfutils/libdwfl.h>

#include <cstdlib>
#include <cstring>
#include <memory>

namespace nines::trace {
namespace {

constexpr int kMaxFrames = 64;

std::uint64_t number(RemoteAddress address) {
  return static_cast<std::uint64_t>(address);
}

std::string demangle(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> plain(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 && plain ? plain.get() : name;
}

struct Frames {
  const Snapshot& snapshot;
  Dwfl* dwfl;
  std::string text;
  int count = 0;
};

void add_frame(Frames& frames, std::uint64_t pc, bool exact) {
  // A return address may be the first of the next function: the call is before it.
  const std::uint64_t inside = exact ? pc : pc - 1;
  std::string where;
  Dwfl_Module* module = dwfl_addrmodule(frames.dwfl, inside);
  GElf_Sym symbol;
  GElf_Off offset = 0;
  const char* name = module == nullptr ? nullptr
                                       : dwfl_module_addrinfo(module, inside, &offset, &symbol,
                                                              nullptr, nullptr, nullptr);
  if (name != nullptr) {
    const char* file =
        dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
    where = fmt::format("{}+{:#x} ({})", demangle(name), offset + (pc - inside),
                        file == nullptr ? "?" : file);
  } else {
    where = frames.snapshot.describe(RemoteAddress{pc});
  }
  frames.text += fmt::format("  #{:<2} {:#018x} {}\n", frames.count++, pc, where);
}

int on_frame(Dwfl_Frame* frame, void* argument) {
  auto& frames = *static_cast<Frames*>(argument);
  Dwarf_Addr pc = 0;
  bool exact = false;
  if (!dwfl_frame_pc(frame, &pc, &exact)) return DWARF_CB_ABORT;
  add_frame(frames, pc, exact || frames.count == 0);
  return frames.count < kMaxFrames ? DWARF_CB_OK : DWARF_CB_ABORT;
}

pid_t next_thread(Dwfl*, void* argument, void** position) {
  const auto& threads = static_cast<Snapshot*>(argument)->threads;
  const auto* last = static_cast<const ThreadSnapshot*>(*position);
  const ThreadSnapshot* next = last == nullptr ? threads.data() : last + 1;
  if (next == threads.data() + threads.size()) return 0;
  *position = const_cast<ThreadSnapshot*>(next);
  return next->tid;
}

bool get_thread(Dwfl*, pid_t tid, void* argument, void** position) {
  for (ThreadSnapshot& thread : static_cast<Snapshot*>(argument)->threads) {
    if (thread.tid != tid) continue;
    *position = &thread;
    return true;
  }
  return false;
}

bool read_memory(Dwfl*, Dwarf_Addr address, Dwarf_Word* result, void* argument) {
  for (const ThreadSnapshot& thread : static_cast<Snapshot*>(argument)->threads) {
    if (!thread.registers || address < number(thread.registers->sp)) continue;
    const std::uint64_t offset = address - number(thread.registers->sp);
    if (offset >= thread.stack.size() || thread.stack.size() - offset < sizeof *result) continue;
    std::memcpy(result, thread.stack.data() + offset, sizeof *result);
    return true;
  }
  return false;
}

bool set_registers(Dwfl_Thread* handle, void* argument) {
  const auto& registers = static_cast<ThreadSnapshot*>(argument)->registers;
  if (!registers) return false;
  dwfl_thread_state_register_pc(handle, number(registers->pc));
  static_assert(sizeof(Dwarf_Word) == sizeof(std::uint64_t));
  return dwfl_thread_state_registers(handle, 0, static_cast<unsigned>(registers->dwarf.size()),
                                     registers->dwarf.data());
}

int find_no_debuginfo(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*,
                      GElf_Word, char**) {
  return -1;
}

/// Files were opened before and are reported as such; only the vdso is bytes.
int find_vdso(Dwfl_Module*, void** data, const char*, Dwarf_Addr, char**, Elf** elf) {
  const auto* module = static_cast<const Module*>(*data);
  if (module == nullptr) return -1;
  *elf = elf_memory(const_cast<char*>(module->image.data()), module->image.size());
  return -1;
}

constexpr Dwfl_Callbacks kCallbacks = {find_vdso, find_no_debuginfo, nullptr, nullptr};
constexpr Dwfl_Thread_Callbacks kThreadCallbacks = {next_thread,   get_thread, read_memory,
                                                    set_registers, nullptr,    nullptr};

void report_modules(Dwfl* dwfl, Snapshot& snapshot) {
  dwfl_report_begin(dwfl);
  for (Module& module : snapshot.modules) {
    if (module.file) {
      // On success the descriptor is the library's.
      const int fd = module.file.get();
      if (dwfl_report_elf(dwfl, module.name.c_str(), module.name.c_str(), fd, number(module.start),
                          false) != nullptr) {
        (void)module.file.release();
      }
    } else if (!module.image.empty()) {
      Dwfl_Module* reported =
          dwfl_report_module(dwfl, module.name.c_str(), number(module.start), number(module.end));
      void** data = nullptr;
      if (reported == nullptr) continue;
      dwfl_module_info(reported, &data, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
      if (data != nullptr) *data = &module;
    }
  }
  dwfl_report_end(dwfl, nullptr, nullptr);
}

}  // namespace

Status unwind(Snapshot& snapshot,
              const std::function<void(std::size_t, const std::string&)>& report) {
  const std::unique_ptr<Dwfl, void (*)(Dwfl*)> dwfl(dwfl_begin(&kCallbacks), dwfl_end);
  if (!dwfl) return Error(ErrorCode::kInternal, "dwfl_begin").in(dwfl_errmsg(-1));
  report_modules(dwfl.get(), snapshot);
  if (!dwfl_attach_state(dwfl.get(), nullptr, snapshot.pid, &kThreadCallbacks, &snapshot)) {
    return Error(ErrorCode::kUnsupported, "unwind").with_detail(dwfl_errmsg(-1));
  }
  for (std::size_t i = 0; i < snapshot.threads.size(); ++i) {
    if (!snapshot.threads[i].registers) continue;
    Frames frames{snapshot, dwfl.get(), {}, 0};
    // The end of a stack is reported as an error on some machines; what was found counts.
    (void)dwfl_getthread_frames(dwfl.get(), snapshot.threads[i].tid, on_frame, &frames);
    report(i, frames.text);
  }
  return {};
}

}  // namespace nines::trace
