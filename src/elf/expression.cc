#include "elf/expression.h"

#include <dwarf.h>

#include <algorithm>
#include <vector>

namespace nines::elf {
namespace {

constexpr std::size_t kMaxSteps = 10'000;
constexpr std::size_t kMaxStack = 256;
constexpr std::uint64_t kBits = 64;

using Kind = ExpressionResult::Kind;

/// A stack that does not underflow: what is taken from an empty one makes the whole invalid.
class Evaluation {
 public:
  Evaluation(std::span<const Dwarf_Op> operations, const ExpressionContext& context)
      : operations_(operations), context_(context) {}

  std::optional<ExpressionResult> run() {
    std::size_t steps = 0;
    while (at_ < operations_.size() && valid_ && !done_) {
      if (++steps > kMaxSteps || stack_.size() > kMaxStack) return std::nullopt;
      const Dwarf_Op& operation = operations_[at_++];
      step(operation);
    }
    if (!valid_) return std::nullopt;
    if (done_) return result_;
    const std::uint64_t top = pop();
    if (!valid_) return std::nullopt;
    return ExpressionResult{Kind::kAddress, top};
  }

 private:
  std::uint64_t pop() {
    if (stack_.empty()) {
      valid_ = false;
      return 0;
    }
    const std::uint64_t top = stack_.back();
    stack_.pop_back();
    return top;
  }
  void push(std::uint64_t value) { stack_.push_back(value); }
  void push(std::optional<std::uint64_t> value, std::uint64_t offset) {
    if (value) {
      push(*value + offset);
    } else {
      valid_ = false;
    }
  }
  void finish(Kind kind, std::uint64_t number) {
    result_ = {kind, number};
    done_ = true;
  }

  void step(const Dwarf_Op& op) {
    const std::uint8_t atom = op.atom;
    if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) return push(atom - DW_OP_lit0);
    if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) {
      return push(context_.registers.get(atom - DW_OP_breg0), op.number);
    }
    if (atom >= DW_OP_reg0 && atom <= DW_OP_reg31) return in_register(atom - DW_OP_reg0);
    switch (atom) {
      case DW_OP_nop: return;
      case DW_OP_addr: return push(op.number + context_.bias);
      case DW_OP_const1u:
      case DW_OP_const1s:
      case DW_OP_const2u:
      case DW_OP_const2s:
      case DW_OP_const4u:
      case DW_OP_const4s:
      case DW_OP_const8u:
      case DW_OP_const8s:
      case DW_OP_constu:
      case DW_OP_consts: return push(op.number);
      case DW_OP_bregx: return push(context_.registers.get(op.number), op.number2);
      case DW_OP_regx: return in_register(op.number);
      case DW_OP_fbreg: return push(context_.frame_base, op.number);
      case DW_OP_call_frame_cfa: return push(context_.cfa, 0);
      case DW_OP_stack_value: return finish(Kind::kValue, pop());
      case DW_OP_deref: return load(sizeof(std::uint64_t));
      case DW_OP_deref_size: return load(op.number);
      case DW_OP_bra:
        if (static_cast<std::int64_t>(pop()) != 0) jump(op);
        return;
      case DW_OP_skip: return jump(op);
      default: break;
    }
    if (!rearrange(op) && !compute(op)) valid_ = false;
  }

  /// A register is only ever the whole of a location.
  void in_register(std::uint64_t number) {
    if (at_ != operations_.size() || !stack_.empty()) {
      valid_ = false;
      return;
    }
    finish(Kind::kRegister, number);
  }

  void load(std::uint64_t size) {
    std::uint64_t value = 0;
    if (size == 0 || size > sizeof value || !context_.memory.read(pop(), &value, size)) {
      valid_ = false;
      return;
    }
    push(value);
  }

  /// Targets are counted in bytes, from the operation after this one.
  void jump(const Dwarf_Op& op) {
    const std::uint64_t target = op.offset + 3 + op.number;
    if (target == operations_.back().offset + 1) {
      at_ = operations_.size();
      return;
    }
    const auto found = std::find_if(operations_.begin(), operations_.end(),
                                    [&](const Dwarf_Op& other) { return other.offset == target; });
    valid_ = valid_ && found != operations_.end();
    at_ = static_cast<std::size_t>(found - operations_.begin());
  }

  bool rearrange(const Dwarf_Op& op) {
    const auto pick = [this](std::uint64_t depth) {
      if (depth >= stack_.size()) {
        valid_ = false;
        return;
      }
      push(stack_[stack_.size() - 1 - depth]);
    };
    switch (op.atom) {
      case DW_OP_dup: pick(0); return true;
      case DW_OP_over: pick(1); return true;
      case DW_OP_pick: pick(op.number); return true;
      case DW_OP_drop: pop(); return true;
      case DW_OP_swap:
      case DW_OP_rot: {
        const std::size_t count = op.atom == DW_OP_swap ? 2 : 3;
        if (stack_.size() < count) return false;
        std::rotate(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end() - 1,
                    stack_.end());
        return true;
      }
      default: return false;
    }
  }

  bool compute(const Dwarf_Op& op) {
    switch (op.atom) {
      case DW_OP_plus_uconst: push(pop() + op.number); return true;
      case DW_OP_neg: push(0 - pop()); return true;
      case DW_OP_not: push(~pop()); return true;
      case DW_OP_abs: {
        const std::uint64_t value = pop();
        push(static_cast<std::int64_t>(value) < 0 ? 0 - value : value);
        return true;
      }
      default: break;
    }
    const std::uint64_t second = pop();
    const std::uint64_t first = pop();
    const auto signed_first = static_cast<std::int64_t>(first);
    const auto signed_second = static_cast<std::int64_t>(second);
    switch (op.atom) {
      case DW_OP_plus: push(first + second); return true;
      case DW_OP_minus: push(first - second); return true;
      case DW_OP_mul: push(first * second); return true;
      case DW_OP_and: push(first & second); return true;
      case DW_OP_or: push(first | second); return true;
      case DW_OP_xor: push(first ^ second); return true;
      case DW_OP_shl: push(second < kBits ? first << second : 0); return true;
      case DW_OP_shr: push(second < kBits ? first >> second : 0); return true;
      case DW_OP_shra:
        push(static_cast<std::uint64_t>(signed_first >> std::min(second, kBits - 1)));
        return true;
      case DW_OP_div:
        if (second == 0 || (signed_first == INT64_MIN && signed_second == -1)) return false;
        push(static_cast<std::uint64_t>(signed_first / signed_second));
        return true;
      case DW_OP_mod:
        if (second == 0) return false;
        push(first % second);
        return true;
      case DW_OP_eq: push(first == second); return true;
      case DW_OP_ne: push(first != second); return true;
      case DW_OP_ge: push(signed_first >= signed_second); return true;
      case DW_OP_gt: push(signed_first > signed_second); return true;
      case DW_OP_le: push(signed_first <= signed_second); return true;
      case DW_OP_lt: push(signed_first < signed_second); return true;
      default: return false;
    }
  }

  std::span<const Dwarf_Op> operations_;
  const ExpressionContext& context_;
  std::vector<std::uint64_t> stack_;
  std::size_t at_ = 0;
  ExpressionResult result_;
  bool valid_ = true;
  bool done_ = false;
};

}  // namespace

std::optional<ExpressionResult> evaluate(std::span<const Dwarf_Op> operations,
                                         const ExpressionContext& context) {
  return Evaluation(operations, context).run();
}

}  // namespace nines::elf
