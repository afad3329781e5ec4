"""Loads a tool of tools/ as a module; they carry no .py because people type their names."""

import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def load_tool(name):
    module_name = name.replace("-", "_")
    loader = SourceFileLoader(module_name, str(ROOT / "tools" / name))
    spec = importlib.util.spec_from_file_location(module_name, loader.path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    # No __pycache__ in the source tree.
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module
