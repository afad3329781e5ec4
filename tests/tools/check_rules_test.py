#!/usr/bin/python3
"""Each rule of tools/check-rules finds what it is for, and nothing in a clean file."""

import unittest

from loading import load_tool

check_rules = load_tool("check-rules")

UNFINISHED = "TO" + "DO"  # in two parts: this file is checked as well
ELSEWHERE = "/wo" + "rk/main"


def rules(name, text, reasons=None):
    return [rule for _, _, rule, _ in check_rules.check_file(name, text, reasons or {})]


class CheckFile(unittest.TestCase):
    def test_clean(self):
        self.assertEqual(rules("src/base/a.h", "#pragma once\nint a();\n"), [])
        self.assertEqual(rules("docs/a.md", "work/life, /sys/fs/cgroup, two blanks  \n"), [])

    def test_length_needs_a_reason(self):
        long_text = "x\n" * 401
        self.assertEqual(rules("src/a.cc", long_text), ["long"])
        self.assertEqual(rules("src/a.cc", long_text, {"src/a.cc": ""}), ["long"])
        self.assertEqual(rules("src/a.cc", long_text, {"src/a.cc": "one table"}), [])
        self.assertEqual(rules("src/a.cc", "x\n" * 400), [])
        self.assertEqual(rules("src/a.cc", "x\n", {"src/a.cc": "one table"}), ["long"])

    def test_words(self):
        self.assertEqual(rules("src/a.cc", f"// {UNFINISHED}: later\n"), ["word"])
        self.assertEqual(rules("docs/a.md", f"see {ELSEWHERE}\n"), ["word"])
        self.assertEqual(rules("src/a.cc", f"{UNFINISHED}_LIST\n"), [])

    def test_whitespace(self):
        self.assertEqual(rules("src/a.cc", "int a; \n"), ["whitespace"])
        self.assertEqual(rules("src/a.cc", "\tint a;\n"), ["whitespace"])
        self.assertEqual(rules("src/a.cc", "int a;"), ["whitespace"])
        self.assertEqual(rules("Makefile.in", "\tcc\n"), [])

    def test_guard(self):
        self.assertEqual(rules("src/base/a.h", "int a();\n"), ["guard"])

    def test_inputs_of_tests_are_left_alone(self):
        self.assertEqual(rules("tests/corpus/unit_fuzzer/a", f"{UNFINISHED} \t"), [])


class CheckFaultPoints(unittest.TestCase):
    DEFINITION = {"src/base/fault_points.def": "NINES_FAULT_POINT(store_begin)  // why\n"}

    def found(self, name, text):
        return list(check_rules.check_fault_points({**self.DEFINITION, name: text}))

    def test_a_point_must_be_passed_by_code(self):
        hit = "fault::hit(FaultPoint::store_begin)"
        self.assertEqual(self.found("src/ledger/store.cc", hit), [])
        self.assertEqual(len(self.found("src/ledger/store_test.cc", hit)), 1)
        self.assertEqual(len(self.found("src/ledger/store.cc", hit.replace("begin", "begins"))), 1)


if __name__ == "__main__":
    unittest.main()
