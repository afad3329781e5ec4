#include "api/target.h"

#include <fmt/format.h>

#include "api/limits.h"

namespace nines::api {
namespace {

Error bad_target(std::string_view text, std::string detail) {
  return Error(ErrorCode::kInvalidArgument, "parse target", std::string(text))
      .with_detail(std::move(detail));
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return bad_target(text, "a NUL byte");
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low < 0) return bad_target(text, "'%' without two hexadecimal digits");
    const char byte = static_cast<char>(high * 16 + low);
    if (byte == '\0') return bad_target(text, "a NUL byte");
    decoded += byte;
    i += 2;
  }
  return decoded;
}

Status parse_path(std::string_view path, Target& target) {
  while (!path.empty()) {
    path.remove_prefix(1);  // the '/'
    const std::size_t end = std::min(path.find('/'), path.size());
    NINES_ASSIGN(std::string segment, percent_decode(path.substr(0, end)));
    if (segment.empty()) return bad_target(path, "an empty path segment");
    if (segment.find('/') != std::string::npos) return bad_target(path, "an encoded '/'");
    target.path.push_back(std::move(segment));
    path.remove_prefix(end);
  }
  return {};
}

Status parse_query(std::string_view query, Target& target) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    NINES_ASSIGN(std::string key, percent_decode(pair.substr(0, equals)));
    NINES_ASSIGN(std::string value,
                 percent_decode(equals < pair.size() ? pair.substr(equals + 1) : ""));
    if (key.empty()) return bad_target(pair, "a query parameter without name");
    for (const auto& [seen, unused] : target.query) {
      if (seen == key) return bad_target(pair, fmt::format("'{}' given twice", key));
    }
    target.query.emplace_back(std::move(key), std::move(value));
  }
  return {};
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  if (text.size() > kMaxTarget) {
    return Error(ErrorCode::kLimit, "parse target")
        .with_detail(fmt::format("longer than {} bytes", kMaxTarget));
  }
  if (text.empty() || text.front() != '/') return bad_target(text, "does not begin with '/'");
  const std::size_t question = std::min(text.find('?'), text.size());
  Target target;
  if (question > 1) NINES_TRY(parse_path(text.substr(0, question), target));
  if (question < text.size()) NINES_TRY(parse_query(text.substr(question + 1), target));
  return target;
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return encoded;
}

}  // namespace nines::api
