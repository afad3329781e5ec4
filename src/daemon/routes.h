// From a decoded request to its reply: what the Backend says, as HTTP status and JSON.
#pragma once

#include <functional>
#include <string>

#include "api/request.h"
#include "daemon/backend.h"

namespace nines::daemon {

struct Reply {
  unsigned status = 200;
  std::string json;
  std::function<void()> after;  ///< run once it is sent, if set
  std::string allow = {};       ///< the field Allow of a 405
};

Reply error_reply(const Error& error);

/// Answers everything but streams.
/// @param reply  called once, inside the call or later, with the answer.
void answer(Backend& backend, const api::Request& request, std::function<void(Reply)> reply);

/// Whether the request is for a stream (follow=1), which open_stream serves.
bool wants_stream(const api::Request& request);

/// One server-sent event.
struct StreamItem {
  std::string id;    ///< or empty
  std::string name;  ///< "event", "log", "error"
  std::string json;
};

/// A stream's source: what was before, and what goes on giving.
struct StreamSource {
  std::vector<StreamItem> history;
  sys::Subscription subscription;
};

/// @param on_item  called for each new item as long as the subscription lives.
/// @pre   wants_stream(request).
/// @errors kNotFound: no such unit.
Result<StreamSource> open_stream(Backend& backend, const api::Request& request,
                                 std::function<void(StreamItem)> on_item);

}  // namespace nines::daemon
