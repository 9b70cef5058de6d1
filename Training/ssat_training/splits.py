"""The validation split, fixed for good: the CRC-32 of the file name without extension, modulo 10, is 0. Never train on those."""
import zlib
from pathlib import Path


def held_out(path):
    return zlib.crc32(Path(str(path)).stem.encode()) % 10 == 0
