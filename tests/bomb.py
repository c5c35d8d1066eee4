"""
A compressed body that expands a thousandfold.
"""

from __future__ import annotations

import functools
import zlib
from typing import Final

MEBIBYTE: Final = 1024 * 1024
TIMES: Final = 1000


@functools.cache
def bomb() -> bytes:
    """
    1 MB of zlib data that expands to a thousand, made of one repeated block.
    """
    block = b" " * MEBIBYTE
    packing = zlib.compressobj()
    opening = packing.compress(block) + packing.flush(zlib.Z_FULL_FLUSH)
    again = packing.compress(block) + packing.flush(zlib.Z_FULL_FLUSH)
    ending = packing.flush()[:-4]
    checksum = 1
    for _ in range(TIMES):
        checksum = zlib.adler32(block, checksum)
    return opening + again * (TIMES - 1) + ending + checksum.to_bytes(4, "big")
