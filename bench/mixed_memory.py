"""mixed_memory.py MIB FILE: fills memory as applications have it, as far as that can be said (an
eighth random, three eighths of words, a quarter of small numbers, a quarter zero), writes its pid to
FILE, and waits."""

import os
import random
import sys
import time

_MIB = 1 << 20


def main(mib, path):
    chance = random.Random(1)
    words = [bytes(chance.choices(range(97, 123), k=chance.randrange(2, 12))) for _ in range(4096)]
    text = b" ".join(chance.choices(words, k=200000))[:_MIB]
    numbers = b"".join(chance.randrange(1 << 20).to_bytes(8, "little") for _ in range(_MIB // 8))
    kinds = [
        lambda: os.urandom(_MIB), lambda: text, lambda: bytes(_MIB), lambda: numbers,
        lambda: text[::-1], lambda: numbers, lambda: text, lambda: bytes(_MIB),
    ]
    kept = [bytearray(kinds[i % len(kinds)]()) for i in range(mib)]
    with open(path + ".part", "w", encoding="ascii") as file:
        file.write(str(os.getpid()))
    os.rename(path + ".part", path)
    time.sleep(3600)
    return len(kept)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
