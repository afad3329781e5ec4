// Feeds one request, "METHOD TARGET\nBODY", to the decoder of the API, and checks that what it
// takes survives a round trip through the encoder.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/codec.h"
#include "api/request.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

void decode_one_request(std::string_view input) {
  const std::size_t line_end = std::min(input.find('\n'), input.size());
  const std::string_view line = input.substr(0, line_end);
  const std::size_t space = std::min(line.find(' '), line.size());
  const std::string_view target = space < line.size() ? line.substr(space + 1) : "";
  const std::string_view body = line_end < input.size() ? input.substr(line_end + 1) : "";

  const auto request = nines::api::decode_request(line.substr(0, space), target, body);
  if (!request) {
    check(!request.error().message().empty());
    (void)nines::api::encode(nines::api::ErrorBody::from(request.error()));
    return;
  }
  const auto encoded = nines::api::encode_request(*request);
  const auto again = nines::api::decode_request(encoded.method, encoded.target, encoded.body);
  check(again.has_value());
  check(again->index() == request->index());
  const auto twice = nines::api::encode_request(*again);
  check(twice.target == encoded.target && twice.body == encoded.body);
}

/// The client's side: what a broken or hostile daemon could answer.
void decode_replies(std::string_view text) {
  using namespace nines::api;
  if (const auto unit = decode_unit(text)) check(decode_unit(encode(*unit)).has_value());
  if (const auto event = decode_event(text)) check(decode_event(encode(*event)).has_value());
  if (const auto result = decode_unit_result(text)) {
    check(decode_unit_result(encode(*result)).has_value());
  }
  (void)decode_units(text).has_value();
  (void)decode_daemon(text).has_value();
  (void)decode_log_lines(text).has_value();
  (void)decode_error(text).has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  decode_one_request(input);
  decode_replies(input);
  return 0;
}
