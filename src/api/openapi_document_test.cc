// The document against the tables of the code. Whether the daemon answers as it says is for
// tests/integration/test_openapi.py.
#include "api/openapi_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "api/codec.h"
#include "api/request.h"

namespace nines::api {
namespace {

using nlohmann::json;

const json& document() {
  static const json parsed = json::parse(openapi_document());
  return parsed;
}

const json& schema(const std::string& name) {
  return document().at("components").at("schemas").at(name);
}

/// The words of an enumeration, from its to_string, until what it calls the last one.
template <typename Enum>
std::set<std::string> words(Enum last) {
  std::set<std::string> all;
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    all.emplace(to_string(static_cast<Enum>(i)));
  }
  return all;
}

std::set<std::string> said(const json& of) {
  return of.at("enum").get<std::set<std::string>>();
}

TEST(OpenApiDocument, HasTheRoutesAndNoOthers) {
  std::set<std::string> described;
  for (const auto& [path, item] : document().at("paths").items()) {
    for (const auto& [method, operation] : item.items()) {
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      described.insert(upper + ' ' + path);
    }
  }
  std::set<std::string> served;
  for (const Route& route : routes()) {
    served.insert(std::string(route.method) + ' ' + std::string(route.path));
  }
  EXPECT_EQ(described, served);
}

TEST(OpenApiDocument, EveryVerbHasARouteForOneAndForSeveral) {
  for (const std::string& verb : words(Verb::kResetFailed)) {
    EXPECT_TRUE(document().at("paths").contains("/v1/units/" + verb)) << verb;
    EXPECT_TRUE(document().at("paths").contains("/v1/units/{name}/" + verb)) << verb;
  }
}

TEST(OpenApiDocument, HasTheWordsOfTheCode) {
  const json& unit = schema("UnitStatus").at("properties");
  EXPECT_EQ(said(unit.at("state")), words(UnitState::kConditionFailed));
  EXPECT_EQ(said(unit.at("load")), words(LoadState::kBad));
  EXPECT_EQ(said(unit.at("health")), words(Health::kFailing));
  EXPECT_EQ(said(schema("ErrorCode")), words(ErrorCode::kInternal));
  EXPECT_EQ(said(schema("Cell")), words(ledger::Cell::kHwProactive));
  EXPECT_EQ(said(schema("Event").at("properties").at("severity")), words(ledger::Severity::kError));
}

TEST(OpenApiDocument, HasTheBoundsOfTheCode) {
  EXPECT_EQ(schema("ApiVersion").at("const"), kVersion);
  EXPECT_EQ(schema("UnitName").at("maxLength"), kMaxUnitName);
  EXPECT_EQ(schema("EventId").at("maxLength"), kMaxEventId);
  EXPECT_EQ(schema("ActOnMany").at("properties").at("units").at("maxItems"), kMaxUnitsInRequest);
  const json& parameters = document().at("components").at("parameters");
  EXPECT_EQ(parameters.at("Limit").at("schema").at("maximum"), kMaxEvents);
  EXPECT_EQ(parameters.at("Limit").at("schema").at("default"), kDefaultEvents);
  EXPECT_EQ(parameters.at("Lines").at("schema").at("maximum"), kMaxLogLines);
  EXPECT_EQ(parameters.at("Lines").at("schema").at("default"), kDefaultLogLines);
}

TEST(OpenApiDocument, EveryErrorOfARouteHasAStatusThatIsDescribed) {
  std::set<std::string> described;
  for (const auto& [path, item] : document().at("paths").items()) {
    for (const auto& [method, operation] : item.items()) {
      for (const auto& [status, response] : operation.at("responses").items()) {
        described.insert(status);
      }
    }
  }
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const unsigned status = http_status(static_cast<ErrorCode>(i));
    EXPECT_TRUE(described.contains(std::to_string(status))) << status;
  }
}

TEST(Routes, NameTheMethodsOfAPath) {
  EXPECT_EQ(allowed_methods("/v1/status?x=1"), "GET");
  EXPECT_EQ(allowed_methods("/v1/units/start"), "POST, GET");  // GET: the unit of that name
  EXPECT_EQ(allowed_methods("/v1/units/a/start"), "POST");
  EXPECT_EQ(allowed_methods("/v1/units/a/start/now"), "");
  EXPECT_EQ(allowed_methods("not a path"), "");
}

}  // namespace
}  // namespace nines::api
