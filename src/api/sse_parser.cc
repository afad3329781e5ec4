#include "api/sse_parser.h"

#include "api/limits.h"

namespace nines::api {

void SseParser::field(std::string_view line) {
  const std::size_t colon = std::min(line.find(':'), line.size());
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon < line.size() ? line.substr(colon + 1) : "";
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (name == "event") event_.name = value;
  if (name == "id") event_.id = value;
  if (name == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  }
}

Result<bool> SseParser::feed(std::string_view chunk,
                             const std::function<bool(const StreamEvent&)>& on_event) {
  partial_ += chunk;
  std::size_t begin = 0;
  for (std::size_t end = partial_.find('\n'); end != std::string::npos;
       begin = end + 1, end = partial_.find('\n', begin)) {
    std::string_view line = std::string_view(partial_).substr(begin, end - begin);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!line.empty()) {
      field(line);
      continue;
    }
    if (has_data_ && !on_event(event_)) return false;
    event_ = {};
    has_data_ = false;
  }
  partial_.erase(0, begin);
  if (partial_.size() + event_.data.size() > kMaxReplyBody) {
    return Error(ErrorCode::kLimit, "follow").with_detail("the daemon sent an endless line");
  }
  return true;
}

}  // namespace nines::api
