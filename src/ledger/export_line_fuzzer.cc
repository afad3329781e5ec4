// Lines of an export, imported into a real ledger: whatever they are, it stays sound, and what was
// taken is taken again without a change.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "ledger/check.h"
#include "ledger/store.h"

namespace {

using namespace nines::ledger;  // NOLINT(google-build-using-namespace): one program

std::string fresh_directory() {
  std::string form = std::filesystem::temp_directory_path() / "nines-import-XXXXXX";
  if (::mkdtemp(form.data()) == nullptr) std::abort();
  return form;
}

nines::Result<CommittedBatch> import(Store& store, std::string_view text) {
  return store.import([&text](std::string* line) -> nines::Result<bool> {
    if (text.empty()) return false;
    const std::size_t end = std::min(text.find('\n'), text.size());
    *line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return true;
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string directory = fresh_directory();
  const std::string path = directory + "/ledger.db";
  {
    auto store = Store::open(path, {"machine", "host", "boot"});
    if (!store) std::abort();
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto first = import(*store, text);
    if (first) {
      const auto again = import(*store, text);
      if (!again || again->events_new != 0) std::abort();
    }
  }
  const auto findings = check(path);
  if (!findings || !findings->empty()) std::abort();
  std::filesystem::remove_all(directory);
  return 0;
}
