// Cuts a byte stream into server-sent events.
// @source HTML Living Standard, 9.2.6 "Interpreting an event stream"
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "api/client.h"

namespace nines::api {

/// Feeds on chunks cut anywhere. Comments and unknown fields are skipped, as the standard says.
class SseParser {
 public:
  /// @param on_event  returns false to stop.
  /// @return  false once `on_event` has. @errors kLimit: one line longer than kMaxReplyBody.
  Result<bool> feed(std::string_view chunk,
                    const std::function<bool(const StreamEvent&)>& on_event);

 private:
  void field(std::string_view line);

  std::string partial_;
  StreamEvent event_;
  bool has_data_ = false;
};

}  // namespace nines::api
