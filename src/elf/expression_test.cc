#include "elf/expression.h"

#include <gtest/gtest.h>

#include <dwarf.h>

#include <cstring>
#include <vector>

namespace nines::elf {
namespace {

/// Sixteen bytes at 0x1000, of the values 0, 1, 2 ...
class FewBytes : public Memory {
 public:
  bool read(std::uint64_t address, void* into, std::size_t size) const override {
    if (address < 0x1000 || address - 0x1000 > 16 || size > 16 - (address - 0x1000)) return false;
    for (std::size_t i = 0; i < size; ++i) {
      static_cast<unsigned char*>(into)[i] = static_cast<unsigned char>(address - 0x1000 + i);
    }
    return true;
  }
};

Dwarf_Op op(std::uint8_t atom, std::uint64_t number = 0, std::uint64_t number2 = 0,
            std::uint64_t offset = 0) {
  return {atom, number, number2, offset};
}

std::optional<ExpressionResult> run(const std::vector<Dwarf_Op>& operations) {
  static const FewBytes kMemory;
  RegisterSet registers;
  registers.set(7, 0x1000);
  ExpressionContext context{registers, kMemory, 0x400000, 0x2000, {}};
  return evaluate(operations, context);
}

std::uint64_t address(const std::vector<Dwarf_Op>& operations) {
  const auto result = run(operations);
  EXPECT_TRUE(result.has_value());
  return result ? result->number : 0;
}

TEST(Expression, KnowsWhereARegisterWasSaved) {
  EXPECT_EQ(
      address({op(DW_OP_call_frame_cfa), op(DW_OP_plus_uconst, static_cast<std::uint64_t>(-16))}),
      0x1ff0U);
  EXPECT_EQ(address({op(DW_OP_bregx, 7, 8)}), 0x1008U);
  EXPECT_EQ(address({op(DW_OP_breg7, 8)}), 0x1008U);
  EXPECT_EQ(address({op(DW_OP_addr, 0x10)}), 0x400010U);
}

/// The rule of every entry of the PLT: sp + 8 + ((pc & 15) >= 11) * 8.
TEST(Expression, ComputesTheFrameOfThePlt) {
  EXPECT_EQ(address({op(DW_OP_breg7, 8), op(DW_OP_lit12), op(DW_OP_lit15), op(DW_OP_and),
                     op(DW_OP_lit11), op(DW_OP_ge), op(DW_OP_lit3), op(DW_OP_shl), op(DW_OP_plus)}),
            0x1010U);
}

TEST(Expression, ReadsMemory) {
  EXPECT_EQ(address({op(DW_OP_breg7, 0), op(DW_OP_deref_size, 2)}), 0x0100U);
  EXPECT_FALSE(run({op(DW_OP_breg7, 9), op(DW_OP_deref)}));
}

TEST(Expression, SaysRegisterOrValue) {
  const auto in_register = run({op(DW_OP_reg3)});
  ASSERT_TRUE(in_register);
  EXPECT_EQ(in_register->kind, ExpressionResult::Kind::kRegister);
  EXPECT_EQ(in_register->number, 3U);
  const auto value = run({op(DW_OP_lit5), op(DW_OP_neg), op(DW_OP_stack_value)});
  ASSERT_TRUE(value);
  EXPECT_EQ(value->kind, ExpressionResult::Kind::kValue);
  EXPECT_EQ(value->number, static_cast<std::uint64_t>(-5));
}

TEST(Expression, MovesOnTheStack) {
  EXPECT_EQ(address({op(DW_OP_lit1), op(DW_OP_lit2), op(DW_OP_swap), op(DW_OP_minus)}), 1U);
  EXPECT_EQ(
      address({op(DW_OP_lit1), op(DW_OP_lit2), op(DW_OP_lit3), op(DW_OP_rot), op(DW_OP_drop)}), 1U);
  EXPECT_EQ(address({op(DW_OP_lit7), op(DW_OP_lit2), op(DW_OP_pick, 1)}), 7U);
}

TEST(Expression, FailsInsteadOfGuessing) {
  EXPECT_FALSE(run({}));
  EXPECT_FALSE(run({op(DW_OP_plus)}));
  EXPECT_FALSE(run({op(DW_OP_breg0, 0)})) << "rax is not known";
  EXPECT_FALSE(run({op(DW_OP_fbreg, 0)}));
  EXPECT_FALSE(run({op(DW_OP_lit1), op(DW_OP_lit0), op(DW_OP_div)}));
  EXPECT_FALSE(run({op(DW_OP_const8u, std::uint64_t{1} << 63), op(DW_OP_consts, ~std::uint64_t{0}),
                    op(DW_OP_div)}));
  EXPECT_FALSE(run({op(DW_OP_form_tls_address)}));
  EXPECT_FALSE(run({op(DW_OP_lit1), op(DW_OP_pick, 200)}));
}

TEST(Expression, Ends) {
  // Jumps to itself; grows without end.
  EXPECT_FALSE(run({op(DW_OP_skip, static_cast<std::uint64_t>(-3), 0, 0)}));
  EXPECT_FALSE(
      run({op(DW_OP_lit1, 0, 0, 0), op(DW_OP_skip, static_cast<std::uint64_t>(-4), 0, 1)}));
}

TEST(Expression, JumpsForward) {
  EXPECT_EQ(address({op(DW_OP_lit1, 0, 0, 0), op(DW_OP_lit1, 0, 0, 1), op(DW_OP_bra, 1, 0, 2),
                     op(DW_OP_lit9, 0, 0, 5), op(DW_OP_lit8, 0, 0, 6)}),
            8U);
}

}  // namespace
}  // namespace nines::elf
