#include "app/crash/diagnosis_json.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

namespace nines::crash {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;

std::string hexadecimal(std::uint64_t value) {
  return fmt::format("{:#x}", value);
}

json signal_json(const elf::CoreSignal& signal) {
  json out = {{"number", signal.number}, {"code", signal.code}};
  if (signal.address) out["address"] = hexadecimal(*signal.address);
  if (signal.sender_pid) out["sender_pid"] = *signal.sender_pid;
  if (signal.sender_uid) out["sender_uid"] = *signal.sender_uid;
  if (signal.system_call) out["system_call"] = *signal.system_call;
  return out;
}

json frame_json(const DiagnosedFrame& frame) {
  json out = {{"pc", hexadecimal(frame.pc)}, {"trust", frame.trust}};
  if (!frame.module.empty()) {
    out["module"] = frame.module;
    out["offset"] = hexadecimal(frame.offset);
  }
  if (!frame.build_id.empty()) out["build_id"] = frame.build_id;
  if (!frame.function.empty()) out["function"] = frame.function;
  if (frame.function_offset != 0) out["function_offset"] = frame.function_offset;
  if (!frame.file.empty()) out["file"] = frame.file;
  if (frame.line != 0) out["line"] = frame.line;
  if (frame.inlined) out["inlined"] = true;
  if (frame.signal) out["signal"] = true;
  if (!frame.arguments.empty()) {
    json& arguments = out["arguments"] = json::array();
    for (const auto& [name, value] : frame.arguments) {
      arguments.push_back({{"name", name}, {"value", value}});
    }
  }
  return out;
}

json stack_json(const DiagnosedStack& stack) {
  json frames = json::array();
  for (const DiagnosedFrame& frame : stack.frames) frames.push_back(frame_json(frame));
  json out = {{"tids", stack.tids}, {"frames", std::move(frames)}, {"complete", stack.complete}};
  if (stack.elided != 0) {
    out["elided"] = stack.elided;
    out["elided_at"] = stack.elided_at;
  }
  if (!stack.why_incomplete.empty()) out["why_incomplete"] = stack.why_incomplete;
  return out;
}

// What follows throws json::exception on a document of another form.

std::uint64_t address_of(const json& value) {
  const auto& text = value.get_ref<const std::string&>();
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  if (!text.starts_with("0x") || std::from_chars(text.data() + 2, end, number, 16).ptr != end) {
    throw json::type_error::create(302, "no address", &value);
  }
  return number;
}

elf::CoreSignal signal_of(const json& value) {
  elf::CoreSignal signal;
  value.at("number").get_to(signal.number);
  value.at("code").get_to(signal.code);
  if (value.contains("address")) signal.address = address_of(value["address"]);
  if (value.contains("sender_pid")) signal.sender_pid = value["sender_pid"].get<std::int32_t>();
  if (value.contains("sender_uid")) signal.sender_uid = value["sender_uid"].get<std::uint32_t>();
  if (value.contains("system_call")) signal.system_call = value["system_call"].get<std::int32_t>();
  return signal;
}

DiagnosedFrame frame_of(const json& value) {
  DiagnosedFrame frame;
  frame.pc = address_of(value.at("pc"));
  frame.trust = value.at("trust").get<std::string>();
  frame.module = value.value("module", std::string());
  if (value.contains("offset")) frame.offset = address_of(value["offset"]);
  frame.build_id = value.value("build_id", std::string());
  frame.function = value.value("function", std::string());
  frame.function_offset = value.value("function_offset", std::uint64_t{0});
  frame.file = value.value("file", std::string());
  frame.line = value.value("line", 0);
  frame.inlined = value.value("inlined", false);
  frame.signal = value.value("signal", false);
  for (const json& one : value.value("arguments", json::array())) {
    frame.arguments.emplace_back(one.at("name").get<std::string>(),
                                 one.at("value").get<std::string>());
  }
  return frame;
}

DiagnosedStack stack_of(const json& value) {
  DiagnosedStack stack;
  value.at("tids").get_to(stack.tids);
  for (const json& frame : value.at("frames")) stack.frames.push_back(frame_of(frame));
  stack.elided = value.value("elided", std::uint64_t{0});
  stack.elided_at = value.value("elided_at", std::size_t{0});
  value.at("complete").get_to(stack.complete);
  stack.why_incomplete = value.value("why_incomplete", std::string());
  return stack;
}

Diagnosis diagnosis_of(const json& value) {
  Diagnosis out;
  value.at("pid").get_to(out.pid);
  value.at("uid").get_to(out.uid);
  value.at("name").get_to(out.name);
  value.at("arguments").get_to(out.arguments);
  out.signal = signal_of(value.at("signal"));
  value.at("signal_name").get_to(out.signal_name);
  if (value.contains("original_signal")) out.original_signal = signal_of(value["original_signal"]);
  const json& classification = value.at("classification");
  out.classification.kind = classification.value("kind", std::string());
  out.classification.summary = classification.value("summary", std::string());
  classification.at("evidence").get_to(out.classification.evidence);
  value.at("signature").at("id").get_to(out.signature.id);
  value.at("signature").at("frames").get_to(out.signature.frames);
  out.instruction = value.value("instruction", std::string());
  for (const json& one : value.at("registers")) {
    out.registers.emplace_back(one.at("name").get<std::string>(), address_of(one.at("value")));
  }
  value.at("thread_count").get_to(out.thread_count);
  for (const json& stack : value.at("stacks")) out.stacks.push_back(stack_of(stack));
  for (const json& one : value.at("modules")) {
    out.modules.push_back({one.at("path").get<std::string>(), address_of(one.at("start")),
                           address_of(one.at("end")), one.value("build_id", std::string()),
                           one.at("match").get<std::string>()});
  }
  value.at("notes").get_to(out.notes);
  return out;
}

}  // namespace

std::string diagnosis_json(const Diagnosis& diagnosis) {
  const Classification& what = diagnosis.classification;
  json registers = json::array(), stacks = json::array(), modules = json::array();
  for (const auto& [name, value] : diagnosis.registers) {
    registers.push_back({{"name", name}, {"value", hexadecimal(value)}});
  }
  for (const DiagnosedStack& stack : diagnosis.stacks) stacks.push_back(stack_json(stack));
  for (const DiagnosedModule& module : diagnosis.modules) {
    modules.push_back({{"path", module.path},
                       {"start", hexadecimal(module.start)},
                       {"end", hexadecimal(module.end)},
                       {"build_id", module.build_id},
                       {"match", module.match}});
  }
  json out = {
      {"version", kVersion},
      {"pid", diagnosis.pid},
      {"uid", diagnosis.uid},
      {"name", diagnosis.name},
      {"arguments", diagnosis.arguments},
      {"signal", signal_json(diagnosis.signal)},
      {"signal_name", diagnosis.signal_name},
      {"classification",
       {{"kind", what.kind}, {"summary", what.summary}, {"evidence", what.evidence}}},
      {"signature", {{"id", diagnosis.signature.id}, {"frames", diagnosis.signature.frames}}},
      {"instruction", diagnosis.instruction},
      {"registers", std::move(registers)},
      {"thread_count", diagnosis.thread_count},
      {"stacks", std::move(stacks)},
      {"modules", std::move(modules)},
      {"notes", diagnosis.notes}};
  if (diagnosis.original_signal) out["original_signal"] = signal_json(*diagnosis.original_signal);
  return out.dump(-1, ' ', true, json::error_handler_t::replace);
}

Result<Diagnosis> parse_diagnosis(std::string_view text) {
  bool fraction = false;
  // Nothing in it has one, and what is too large for an integer would be read as one.
  const auto look = [&](int, json::parse_event_t event, json& part) {
    fraction |= event == json::parse_event_t::value && part.is_number_float();
    return true;
  };
  try {
    const json value = json::parse(text, look);
    if (fraction) {
      return Error(ErrorCode::kCorrupt, "read diagnosis").with_detail("a number is no integer");
    }
    if (value.at("version") == kVersion) return diagnosis_of(value);
    return Error(ErrorCode::kUnsupported, "read diagnosis").with_detail("of another version");
  } catch (const json::exception& error) {
    return Error(ErrorCode::kCorrupt, "read diagnosis").with_detail(error.what());
  }
}

}  // namespace nines::crash
