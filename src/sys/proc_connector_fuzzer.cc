// Fuzzes decode_proc_event. The bytes come from the kernel, but their form depends on its version.
#include <cstdint>
#include <cstdlib>

#include "sys/proc_connector.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto event = nines::sys::decode_proc_event(data, size);
  if (event && (event->pid <= 0 || size < 60)) std::abort();
  return 0;
}
