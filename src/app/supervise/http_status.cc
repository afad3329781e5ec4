#include "app/supervise/http_status.h"

#include "app/supervise/utf8.h"

namespace nines::supervise {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

Error not_http(std::string_view bytes) {
  return Error(ErrorCode::kCorrupt, "read HTTP status")
      .with_detail("not an HTTP answer: " + quote_bytes(bytes));
}

// reason-phrase = 1*( HTAB / SP / VCHAR / obs-text )
bool valid_reason(std::string_view reason) {
  return std::all_of(reason.begin(), reason.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
  });
}

// Whether `bytes`, however few, can begin "HTTP/1.x SSS". 'd' stands for a digit.
bool fits_pattern(std::string_view bytes) {
  constexpr std::string_view kPattern = "HTTP/1.d ddd";
  for (std::size_t i = 0; i < std::min(bytes.size(), kPattern.size()); ++i) {
    if (kPattern[i] == 'd' ? !is_digit(bytes[i]) : bytes[i] != kPattern[i]) return false;
  }
  return true;
}

constexpr std::size_t kStatusAt = 9;   // after "HTTP/1.x "
constexpr std::size_t kReasonAt = 12;  // after the three digits

// `line` without its line end.
Result<int> parse_line(std::string_view line) {
  if (line.size() < kReasonAt || !fits_pattern(line)) return not_http(line);
  const std::string_view reason = line.substr(kReasonAt);
  if (!reason.empty() && (reason.front() != ' ' || !valid_reason(reason))) return not_http(line);
  const int status = (line[kStatusAt] - '0') * 100 + (line[kStatusAt + 1] - '0') * 10 +
                     (line[kStatusAt + 2] - '0');
  if (status < 100 || status > 599) return not_http(line);
  return status;
}

// Behind the empty line that ends the headers; npos: it has not come yet.
std::size_t end_of_headers(std::string_view bytes) {
  const auto crlf = bytes.find("\r\n\r\n");
  const auto lf = bytes.find("\n\n");
  if (crlf == std::string_view::npos && lf == std::string_view::npos) return crlf;
  return crlf < lf ? crlf + 4 : lf + 2;
}

}  // namespace

Result<std::optional<int>> parse_http_status(std::string_view received) {
  for (;;) {
    if (!fits_pattern(received)) return not_http(received);
    const auto end = received.substr(0, kMaxStatusLineBytes).find('\n');
    if (end == std::string_view::npos) {
      if (received.size() >= kMaxStatusLineBytes) return not_http(received);
      return std::optional<int>();
    }
    std::string_view line = received.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    NINES_ASSIGN(const int status, parse_line(line));
    if (status >= 200) return std::optional(status);
    const auto next = end_of_headers(received);
    if (next == std::string_view::npos) return std::optional<int>();
    received.remove_prefix(next);
  }
}

}  // namespace nines::supervise
