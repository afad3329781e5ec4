"""Run by gdb itself: all threads' frames as JSON, with the names that `thread apply all bt` prints.

    gdb -batch -x gdb_frames.py PROGRAM CORE
"""

import json
import sys

import gdb

KEEP = 150


def name_of(frame):
    if frame.type() == gdb.SIGTRAMP_FRAME:
        return "<signal handler called>"
    return frame.name()


def frames_of(thread):
    thread.switch()
    frames, count, last = [], 0, []
    frame = gdb.newest_frame()
    while frame is not None:
        # Functions that left by a tail call, which gdb infers from the debug information: they are
        # not on the stack.
        if frame.type() == gdb.TAILCALL_FRAME:
            frame = frame.older()
            continue
        count += 1
        one = {"name": name_of(frame), "pc": frame.pc(), "inlined": frame.type() == gdb.INLINE_FRAME}
        if len(frames) < KEEP:
            frames.append(one)
        last = (last + [one])[-10:]
        try:
            frame = frame.older()
        except gdb.error:
            break
    return {"tid": thread.ptid[1], "frames": frames, "count": count, "last": last}


threads = gdb.selected_inferior().threads()
json.dump([frames_of(thread) for thread in threads], sys.stdout)
