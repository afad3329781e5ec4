#include "elf/arguments.h"

#include <fmt/format.h>

#include <dwarf.h>

#include <bit>
#include <cstring>
#include <span>

namespace nines::elf {
namespace {

constexpr std::size_t kMaxArguments = 16;
constexpr int kMaxTypedefs = 32;

std::optional<std::span<const Dwarf_Op>> expression_of(Dwarf_Die* die, unsigned attribute,
                                                       std::uint64_t address) {
  Dwarf_Attribute memory;
  Dwarf_Op* operations = nullptr;
  std::size_t count = 0;
  Dwarf_Attribute* found = dwarf_attr_integrate(die, attribute, &memory);
  if (found == nullptr || dwarf_getlocation_addr(found, address, &operations, &count, 1) != 1 ||
      count == 0) {
    return std::nullopt;
  }
  return std::span<const Dwarf_Op>(operations, count);
}

/// Behind all typedefs and qualifiers.
std::optional<Dwarf_Die> type_of(Dwarf_Die* variable) {
  Dwarf_Attribute memory;
  Dwarf_Die type;
  if (dwarf_formref_die(dwarf_attr_integrate(variable, DW_AT_type, &memory), &type) == nullptr) {
    return std::nullopt;
  }
  for (int i = 0; i < kMaxTypedefs; ++i) {
    switch (dwarf_tag(&type)) {
      case DW_TAG_typedef:
      case DW_TAG_const_type:
      case DW_TAG_volatile_type:
      case DW_TAG_restrict_type:
      case DW_TAG_atomic_type: {
        Dwarf_Die next;
        if (dwarf_formref_die(dwarf_attr(&type, DW_AT_type, &memory), &next) == nullptr) {
          return std::nullopt;
        }
        type = next;
        break;
      }
      default: return type;
    }
  }
  return std::nullopt;
}

std::string number_text(std::uint64_t bits, std::size_t size, Dwarf_Word encoding) {
  const unsigned shift = static_cast<unsigned>(8 * (sizeof bits - size));
  const auto as_signed = static_cast<std::int64_t>(bits << shift) >> shift;
  const std::uint64_t as_unsigned = bits << shift >> shift;
  switch (encoding) {
    case DW_ATE_boolean: return as_unsigned == 0 ? "false" : "true";
    case DW_ATE_address: return fmt::format("{:#x}", as_unsigned);
    case DW_ATE_signed:
    case DW_ATE_signed_char: return fmt::format("{}", as_signed);
    case DW_ATE_float:
      if (size == sizeof(float)) {
        return fmt::format("{:g}", std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
      }
      return size == sizeof(double) ? fmt::format("{:g}", std::bit_cast<double>(bits)) : "...";
    default: return fmt::format("{}", as_unsigned);
  }
}

/// @return a word that says what it is, where it is no number.
std::string value_text(Dwarf_Die* type, const ExpressionResult& where,
                       const ExpressionContext& state) {
  const int tag = dwarf_tag(type);
  const bool pointer = tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type ||
                       tag == DW_TAG_rvalue_reference_type || tag == DW_TAG_ptr_to_member_type;
  if (!pointer && tag != DW_TAG_base_type && tag != DW_TAG_enumeration_type) return "...";
  const int declared = dwarf_bytesize(type);
  const std::size_t size =
      pointer && declared <= 0 ? sizeof(void*) : static_cast<std::size_t>(std::max(declared, 0));
  if (size == 0 || size > sizeof(std::uint64_t)) return "...";
  std::uint64_t bits = 0;
  switch (where.kind) {
    case ExpressionResult::Kind::kValue: bits = where.number; break;
    case ExpressionResult::Kind::kRegister: {
      const auto value = state.registers.get(where.number);
      if (!value) return "(optimized out)";
      bits = *value;
      break;
    }
    case ExpressionResult::Kind::kAddress:
      if (!state.memory.read(where.number, &bits, size)) return "(not in the core)";
      break;
  }
  Dwarf_Attribute memory;
  Dwarf_Word encoding = pointer ? DW_ATE_address : DW_ATE_signed;
  if (tag == DW_TAG_base_type) {
    (void)dwarf_formudata(dwarf_attr(type, DW_AT_encoding, &memory), &encoding);
  }
  return number_text(bits, size, encoding);
}

Argument argument_of(Dwarf_Die* parameter, std::uint64_t address, const ExpressionContext& state) {
  Argument argument;
  Dwarf_Attribute memory;
  const char* name = dwarf_formstring(dwarf_attr_integrate(parameter, DW_AT_name, &memory));
  argument.name = name == nullptr ? "" : name;
  argument.value = "(optimized out)";
  auto type = type_of(parameter);
  if (!type) return argument;
  Dwarf_Word constant = 0;
  if (Dwarf_Attribute* value = dwarf_attr(parameter, DW_AT_const_value, &memory);
      value != nullptr && dwarf_formudata(value, &constant) == 0) {
    argument.value = value_text(&*type, {ExpressionResult::Kind::kValue, constant}, state);
    return argument;
  }
  const auto expression = expression_of(parameter, DW_AT_location, address);
  if (!expression) return argument;
  if (const auto where = evaluate(*expression, state)) {
    argument.value = value_text(&*type, *where, state);
  }
  return argument;
}

}  // namespace

std::optional<std::uint64_t> frame_base_of(Dwarf_Die* function, std::uint64_t address,
                                           const ExpressionContext& state) {
  const auto expression = expression_of(function, DW_AT_frame_base, address);
  if (!expression) return std::nullopt;
  const auto base = evaluate(*expression, state);
  if (!base) return std::nullopt;
  if (base->kind == ExpressionResult::Kind::kRegister) return state.registers.get(base->number);
  return base->number;
}

std::vector<Argument> arguments_of(Dwarf_Die* function, std::uint64_t address,
                                   const ExpressionContext& state) {
  std::vector<Argument> arguments;
  Dwarf_Die child;
  if (dwarf_child(function, &child) != 0) return arguments;
  do {
    if (dwarf_tag(&child) == DW_TAG_formal_parameter) {
      arguments.push_back(argument_of(&child, address, state));
    }
  } while (arguments.size() < kMaxArguments && dwarf_siblingof(&child, &child) == 0);
  return arguments;
}

}  // namespace nines::elf
