#include "api/codec_common.h"

namespace nines::api {
namespace {

Json feature_to_json(const FeatureStatus& feature) {
  return {{"name", feature.name}, {"available", feature.available}, {"detail", feature.detail}};
}

Result<FeatureStatus> feature_from_json(const Json& json) {
  FeatureStatus feature;
  JsonReader reader(json, "feature", ErrorCode::kCorrupt);
  reader.need("name", feature.name);
  reader.need("available", feature.available);
  reader.maybe("detail", feature.detail);
  NINES_TRY(reader.finish());
  return feature;
}

Json daemon_to_json(const DaemonStatus& daemon) {
  Json json = {{"version", daemon.version},
               {"instance", daemon.instance},
               {"pid", daemon.pid},
               {"uptime_ns", daemon.uptime.count()},
               {"host", daemon.host},
               {"boot_id", daemon.boot_id},
               {"runtime_dir", daemon.runtime_dir},
               {"ledger_ok", daemon.ledger_ok},
               {"ledger_detail", daemon.ledger_detail},
               {"cgroup_mode", daemon.cgroup_mode},
               {"units", daemon.units},
               {"features", Json::array()}};
  put_known(json, "keeper_pid", daemon.keeper_pid);
  put_time(json, "started", daemon.started);
  for (const FeatureStatus& feature : daemon.features) {
    json["features"].push_back(feature_to_json(feature));
  }
  return json;
}

Result<DaemonStatus> daemon_from_json(const Json& json) {
  DaemonStatus daemon;
  JsonReader reader(json, "status", ErrorCode::kCorrupt);
  reader.need("version", daemon.version);
  reader.need("pid", daemon.pid);
  reader.need("instance", daemon.instance);
  reader.maybe("keeper_pid", daemon.keeper_pid);
  reader.maybe("started_ns", daemon.started);
  reader.maybe("uptime_ns", daemon.uptime);
  reader.maybe("host", daemon.host);
  reader.maybe("boot_id", daemon.boot_id);
  reader.maybe("runtime_dir", daemon.runtime_dir);
  reader.maybe("ledger_ok", daemon.ledger_ok);
  reader.maybe("ledger_detail", daemon.ledger_detail);
  reader.maybe("cgroup_mode", daemon.cgroup_mode);
  reader.maybe("units", daemon.units);
  if (const Json* features = reader.find("features"); features != nullptr && features->is_array()) {
    for (const Json& element : *features) {
      NINES_ASSIGN(FeatureStatus feature, feature_from_json(element));
      daemon.features.push_back(std::move(feature));
    }
  }
  NINES_TRY(reader.finish());
  return daemon;
}

Json error_to_json(const ErrorBody& error) {
  return {{"code", to_string(error.code)}, {"message", error.message}, {"hint", error.hint}};
}

Result<ErrorBody> error_from_json(const Json& json) {
  ErrorBody error;
  std::string code;
  JsonReader reader(json, "error", ErrorCode::kCorrupt);
  reader.need("code", code);
  reader.need("message", error.message);
  reader.maybe("hint", error.hint);
  NINES_TRY(reader.finish());
  // A newer daemon may know codes that we do not; its message still tells the user.
  error.code = error_code_from(code).value_or(ErrorCode::kInternal);
  return error;
}

Json result_to_json(const UnitResult& result) {
  Json json = {{"unit", result.unit}, {"ok", result.ok()}, {"warnings", result.warnings}};
  if (!result.message.empty()) json["message"] = result.message;
  if (result.error) json["error"] = error_to_json(*result.error);
  return json;
}

Result<UnitResult> result_from_json(const Json& json) {
  UnitResult result;
  bool ok = false;
  JsonReader reader(json, "result", ErrorCode::kCorrupt);
  reader.need("unit", result.unit);
  reader.need("ok", ok);
  reader.maybe("message", result.message);
  reader.maybe("warnings", result.warnings);
  if (const Json* error = reader.find("error")) {
    NINES_ASSIGN(result.error, error_from_json(*error));
  }
  if (ok != result.ok()) reader.fail("ok", "contradicts 'error'");
  NINES_TRY(reader.finish());
  return result;
}

}  // namespace

std::string encode(const DaemonStatus& daemon) {
  return stamped(daemon_to_json(daemon));
}
std::string encode(const UnitResult& result) {
  return stamped(result_to_json(result));
}
std::string encode(const std::vector<UnitResult>& results) {
  return stamped_list("results", results, &result_to_json);
}
std::string encode(const ErrorBody& error) {
  return stamped({{"error", error_to_json(error)}});
}
std::string encode_ok() {
  return stamped({{"ok", true}});
}

Result<DaemonStatus> decode_daemon(std::string_view text) {
  return decode_document(text, "status", &daemon_from_json);
}
Result<UnitResult> decode_unit_result(std::string_view text) {
  return decode_document(text, "result", &result_from_json);
}
Result<std::vector<UnitResult>> decode_unit_results(std::string_view text) {
  return decode_list(text, "results", &result_from_json);
}
Result<ErrorBody> decode_error(std::string_view text) {
  NINES_ASSIGN(const Json json, parse_document(text, "error"));
  const auto error = json.find("error");
  if (error == json.end()) {
    return Error(ErrorCode::kCorrupt, "decode", "error").with_detail("no 'error' in it");
  }
  return error_from_json(*error);
}

unsigned http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return 400;
    case ErrorCode::kDenied: return 403;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kExists:
    case ErrorCode::kBusy: return 409;
    case ErrorCode::kGone: return 410;
    case ErrorCode::kUnsupported: return 501;
    case ErrorCode::kLimit:
    case ErrorCode::kCancelled: return 503;
    case ErrorCode::kTimeout: return 504;
    case ErrorCode::kNoSpace: return 507;
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
    case ErrorCode::kInjected:
    case ErrorCode::kInternal: return 500;
  }
  return 500;
}

}  // namespace nines::api
