"""The zoo of programs that crash: how each is made, and what its diagnosis must say.

Sources are in tests/targets/crash_zoo. They are compiled here and not by CMake, since the flags are
what many of them are about."""

import dataclasses
import functools
import json
import os
import shutil
import subprocess
from pathlib import Path

import harness

SOURCES = Path(__file__).resolve().parent.parent / "targets" / "crash_zoo"
SIGNAL_FRAME = "<signal handler called>"


@dataclasses.dataclass(frozen=True)
class Animal:
    """One program."""

    name: str
    source: str
    #: What the classification's kind is.
    kind: str
    flags: str = "-O0 -g"
    #: Words of its summary or its evidence.
    says: tuple = ()
    #: Done to the linked program: "mini", "link", "build-id"; see finish().
    finish: str = ""
    #: The first frame that gdb has otherwise, and why that is right. Compared up to there.
    until: int | None = None
    why: str = ""
    #: What ours are called from that frame on.
    then: tuple = ()
    #: Given a library to load as its first argument.
    loads: bool = False


def same_source(source, kind, table, **more):
    return [Animal(name, source, kind, flags, **more) for name, flags in table.items()]


ZOO = [
    # One program, made in all the ways that leave more or less to find.
    *same_source("null_write.c", "null-dereference", {
        "plain": "-O0 -g",
        "optimized": "-O2 -fno-optimize-sibling-calls",
        "optimized_debug": "-O2 -g -fno-optimize-sibling-calls",
        "omits_frame_pointer": "-O2 -fomit-frame-pointer -fno-optimize-sibling-calls",
        "keeps_frame_pointer": "-O2 -fno-omit-frame-pointer -fno-optimize-sibling-calls",
        "stripped": "-O2 -s -fno-optimize-sibling-calls",
        "static": "-O1 -g -static -fno-optimize-sibling-calls",
        "static_pie": "-O1 -static-pie -fno-optimize-sibling-calls",
        "no_pie": "-O1 -no-pie -fno-optimize-sibling-calls",
        "no_build_id": "-O1 -Wl,--build-id=none -fno-optimize-sibling-calls",
        "compressed_debug": "-O2 -g -gz -fno-optimize-sibling-calls",
        "dwarf4": "-O2 -gdwarf-4 -fno-optimize-sibling-calls",
        "no_unwind_tables": "-O0 -fno-asynchronous-unwind-tables -fno-omit-frame-pointer",
        "debug_frame_only": "-O2 -g -fno-asynchronous-unwind-tables -fno-optimize-sibling-calls",
        "lld_gold_style": "-O1 -Wl,-z,separate-code -Wl,--no-eh-frame-hdr "
                          "-fno-optimize-sibling-calls",
    }, says=("A write of 4 bytes to 0x0",)),
    Animal("mini_debug_info", "null_write.c", "null-dereference",
           "-O2 -fno-optimize-sibling-calls", finish="mini"),
    Animal("debug_link", "null_write.c", "null-dereference", "-O2 -g -fno-optimize-sibling-calls",
           finish="link"),
    Animal("inlined", "inlined.cc", "null-dereference", "-O2 -g"),
    Animal("templates", "templates.cc", "null-dereference", "-O1 -g"),
    Animal("templates_without_debug", "templates.cc", "null-dereference", "-O1"),
    Animal("dynamic_frame", "dynamic_frame.c", "null-dereference", "-O1"),
    Animal("cold_part", "cold_part.c", "null-dereference", "-O2 -g"),
    Animal("context", "context.c", "null-dereference", "-O1", until=2, then=("__start_context",),
           why="makecontext() puts the address of a function's start on the stack; gdb looks at the "
               "byte before it, finds no tables, and goes on into what is no stack"),
    Animal("callback", "callback.c", "null-dereference", "-O1 -g"),
    Animal("runtime_crash", "runtime_crash.c", "null-dereference", "-O1",
           says=("A read of", "0x10")),
    Animal("thread_storm", "thread_storm.cc", "null-dereference", "-O1 -g"),
    Animal("fork_in_thread", "fork_in_thread.cc", "null-dereference", "-O1 -g"),
    # Stacks.
    Animal("recursion", "recursion.c", "stack-overflow", "-O1 -g", says=("frames deep",)),
    Animal("recursion_mutual", "recursion_mutual.c", "stack-overflow",
           "-O1 -fno-optimize-sibling-calls", says=("guard",)),
    # Signals.
    Animal("altstack", "altstack.c", "null-dereference", "-O1"),
    Animal("raised_again", "raised_again.c", "null-dereference", "-O1 -g",
           says=("A handler had got this signal",)),
    Animal("handler_aborts", "handler_aborts.c", "null-dereference", "-O1",
           says=("A read of 4 bytes from 0x0", "A handler had got this signal")),
    # Where no code is.
    Animal("vdso", "vdso.c", "null-dereference", "-O1", says=("0x8",)),
    Animal("plt", "plt.c", "wild-jump", "-O1 -Wl,-z,lazy -Wl,-z,norelro -fno-plt -fplt"),
    Animal("null_call", "null_call.c", "null-call", "-O1"),
    Animal("wild_jump", "wild_jump.c", "wild-jump", "-O1"),
    Animal("execute_data", "execute_data.c", "execute-data", "-O1"),
    Animal("noreturn_tail", "noreturn_tail.c", "abort", "-O2"),
    Animal("jit_frame", "jit_frame.c", "null-dereference", "-O0", until=1, then=("run", "main"),
           why="gdb takes the top of the stack for the return address of code without a name; what "
               "is there is no address behind a call, and the frame pointer leads to one"),
    Animal("jit_leaf", "jit_leaf.c", "null-dereference", "-O1"),
    Animal("no_tables", "no_tables.c", "null-dereference", "-O1", until=1, then=("call", "main"),
           why="gdb knows no prologue here and takes the top of the stack for the return address"),
    Animal("deleted_library", "deleted_library.c", "null-dereference", "-O0", loads=True,
           until=1, then=("main",),
           why="neither file nor core has the code: gdb guesses two wrong frames and then the right "
               "one, we the frame pointer's, which leaves one out, and say that it is a guess"),
    Animal("unloaded_library", "unloaded_library.c", "wild-jump", "-O1", loads=True),
    # What else is wrong with an address.
    Animal("use_after_unmap", "use_after_unmap.c", "use-after-unmap", "-O1"),
    Animal("write_protected", "write_protected.c", "write-protected", "-O1",
           says=("read-only", "write_protected")),
    Animal("noncanonical", "noncanonical.c", "wild-pointer", "-O1"),
    Animal("truncated_file", "truncated_file.c", "truncated-file", "-O1", says=("mapped.data",)),
    # Who gives up, and why.
    Animal("aborts", "aborts.c", "abort", "-O1"),
    Animal("aborts_static", "aborts.c", "abort", "-O1 -static"),
    Animal("assertion", "assertion.c", "assertion", "-O1",
           says=("assertion.c", "Assertion `value == 42' failed")),
    Animal("double_free", "double_free.c", "heap-corruption", "-O1", says=("double free",)),
    Animal("stack_smash", "stack_smash.c", "stack-smashing", "-O1 -fstack-protector-all",
           until=6, why="the stack above the frame that found out is overwritten"),
    Animal("fortified", "fortified.c", "buffer-overflow", "-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"),
    Animal("uncaught", "uncaught.cc", "uncaught-exception", "-O1 -g",
           says=("shop::OutOfStock", "no teapots left")),
    Animal("uncaught_static", "uncaught.cc", "uncaught-exception", "-O1 -static",
           says=("shop::OutOfStock", "no teapots left")),
    Animal("uncaught_in_thread", "uncaught_in_thread.cc", "uncaught-exception", "-O1",
           says=("type int",)),
    Animal("noexcept", "noexcept.cc", "uncaught-exception", "-O1",
           says=("std::out_of_range", "index 7")),
    Animal("pure_virtual", "pure_virtual.cc", "abort", "-O0 -g"),
    # Faults that are no addresses.
    Animal("trap", "trap.c", "illegal-instruction", "-O1", says=("ud2",)),
    Animal("breakpoint", "breakpoint.c", "trap", "-O1"),
    Animal("divide", "divide.c", "division", "-O1"),
    Animal("forbidden_call", "forbidden_call.c", "seccomp", "-O1", says=("getpgid",)),
]


def run(*command, **more):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)


def finish(program, how):
    """Moves symbols to where a distribution has them."""
    program = str(program)
    if how == "mini":
        # gdb manual, "MiniDebugInfo": only what the exported table has not.
        run("objcopy", "--only-keep-debug", program, program + ".all")
        run("objcopy", "-S", "--remove-section", ".comment", program + ".all", program + ".mini",
            "--keep-symbol=innermost", "--keep-symbol=middle", "--keep-symbol=outermost",
            "--keep-symbol=main")
        run("xz", "-f", program + ".mini")
        run("strip", program)
        run("objcopy", "--add-section", f".gnu_debugdata={program}.mini.xz", program)
        os.unlink(program + ".all")
    elif how == "link":
        run("objcopy", "--only-keep-debug", program, program + ".dbg")
        run("strip", program)
        run("objcopy", f"--add-gnu-debuglink={program}.dbg", program)


def make(animal, directory):
    """@return the program."""
    program = directory / animal.name
    source = SOURCES / animal.source
    compiler = "g++" if source.suffix == ".cc" else "gcc"
    run(compiler, "-w", *animal.flags.split(), "-o", str(program), str(source), "-pthread", "-ldl",
        cwd=directory)
    if animal.loads:
        run("gcc", "-w", "-O1", "-shared", "-fPIC", "-o", str(directory / "library.so"),
            str(SOURCES / "library.c"))
    if animal.finish:
        finish(program, animal.finish)
    return program


def gdb_threads(program, core):
    """@return by tid what gdb says."""
    out = subprocess.run(
        [harness.need_program("gdb"), "-nx", "-q", "-batch", "-ex", "set auto-load no", "-ex",
         "set debuginfod enabled off", "-x", str(Path(__file__).with_name("gdb_frames.py")),
         str(program), str(core)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout.decode()

    return {one["tid"]: one for one in json.loads(out[out.index("[{"):])}


@functools.lru_cache(maxsize=None)
def names_by_address(path):
    """Every name that a file and its debug file have for an address."""
    names = {}
    files = [path]
    build_id = subprocess.run(["readelf", "-n", path], capture_output=True, text=True).stdout
    if "Build ID: " in build_id:
        hexadecimal = build_id.split("Build ID: ")[1].split()[0]
        debug = f"/usr/lib/debug/.build-id/{hexadecimal[:2]}/{hexadecimal[2:]}.debug"
        files += [debug] if os.path.exists(debug) else []
    for file in files:
        for option in ("-a", "-D"):
            out = subprocess.run([shutil.which("nm"), option, file], capture_output=True, text=True)
            for line in out.stdout.splitlines():
                words = line.split()
                if len(words) == 3:
                    names.setdefault(int(words[0], 16), set()).add(words[2].split("@")[0])
    return names
