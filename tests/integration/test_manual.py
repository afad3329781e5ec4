"""Manual pages and help: complete, without fault for both formatters, and of one table."""

import re
import subprocess
import unittest
from pathlib import Path

import harness

SOURCE = Path(__file__).resolve().parents[2]
SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES",
            "EXAMPLES", "SEE ALSO"]


def nines(*arguments):
    done = subprocess.run([harness.binary("nines"), *arguments], capture_output=True, text=True,
                          check=True)
    return done.stdout


def pages():
    """@return {name: text}, of all manual pages."""
    parts = re.split(r"(?m)^(?=\.TH )", nines("help", "--man"))[1:]
    return {re.match(r'\.TH "([^"]+)"', part).group(1).lower(): part for part in parts}


def verbs():
    """From the help: whole names."""
    listed = nines("help").partition("\nVerbs\n")[2].partition("\n\n")[0]
    return re.findall(r"(?m)^  (\S+(?: \S+)?)  ", listed)


class Manual(unittest.TestCase):
    def test_there_is_a_page_for_each_verb(self):
        self.assertGreater(len(verbs()), 20)
        self.assertEqual(set(pages()), {"nines"} | {f"nines-{v.replace(' ', '-')}" for v in verbs()})

    def test_each_has_every_section(self):
        for name, text in pages().items():
            found = re.findall(r"(?m)^\.SH (.+)$", text)
            wanted = [s for s in SECTIONS if s in found]
            self.assertEqual([s for s in found if s in SECTIONS], wanted, f"{name}: the order")
            self.assertEqual([s for s in SECTIONS if s not in found], [], name)
            for word in ("NO_COLOR", "NINES_PAGER", "NINES_RUNTIME_DIR", "NINES_UNIT_PATH"):
                self.assertIn(word, text, name)

    def test_mandoc_finds_nothing(self):
        mandoc = harness.need_program("mandoc")
        for name, text in pages().items():
            done = subprocess.run([mandoc, "-T", "lint", "-W", "warning"], input=text,
                                  capture_output=True, text=True)
            # Pages that it does not find installed are no fault of the text.
            said = [line for line in done.stdout.splitlines() + done.stderr.splitlines()
                    if "referenced manual not found" not in line]
            self.assertEqual(said, [], name)

    def test_groff_finds_nothing(self):
        groff = harness.need_program("groff")
        for name, text in pages().items():
            done = subprocess.run([groff, "-man", "-Tutf8", "-ww", "-z"], input=text,
                                  capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)

    def test_options_are_the_same_everywhere(self):
        for verb in verbs():
            page = pages()[f"nines-{verb.replace(' ', '-')}"].replace("\\-", "-")
            named = set(re.findall(r"(?m)^  (?:-\w, )?(--[a-z-]+)", nines("help", *verb.split())))
            self.assertEqual(named, set(re.findall(r"(?m)^\.B (?:-\w, )?(--[a-z-]+)", page)), verb)
            self.assertEqual(nines(*verb.split(), "--help"), nines("help", *verb.split()))

    def test_examples_name_verbs_and_options_that_there_are(self):
        for verb in verbs():
            text = nines("help", *verb.split())
            known = set(re.findall(r"--?[a-z][a-z-]*", text.partition("\nExamples\n")[0]))
            for example in re.findall(r"(?m)^  ([^ ].*)$", text.partition("\nExamples\n")[2]):
                words = re.split(r" [|&]+ | -- ", example.partition("nines ")[2])[0].split()
                for word in words:
                    if re.fullmatch(r"--?[a-z][a-z-]*", word):
                        self.assertIn(word, known, example)

    def test_exit_codes_are_the_same_everywhere(self):
        table = re.findall(r"(?m)^\| (\d+) \| (.+) \|$", (SOURCE / "docs/exit-codes.md").read_text())
        self.assertEqual([code for code, _ in table], [str(i) for i in range(len(table))])
        section = nines("help").partition("\nExit status\n")[2].partition("\n\n")[0]
        section = re.sub(r"\n {10,}", " ", section)  # wrapped
        self.assertEqual(re.findall(r"(?m)^  (\d+) +(.+)$", section), table)
        for name, text in pages().items():
            part = text.partition(".SH EXIT STATUS\n")[2].partition(".SH ")[0].replace("\\-", "-")
            self.assertEqual(re.findall(r"\.TP\n\.B (\d+)\n(.+)", part), table, name)


if __name__ == "__main__":
    harness.main()
