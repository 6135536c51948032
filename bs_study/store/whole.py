"""Reading all of an object: a short answer of a store is a fault to ask again, and no damage."""

from __future__ import annotations

import pyarrow as pa


def whole_object(file: pa.NativeFile, path: str) -> bytes:
    """Return all bytes of an object.

    pyarrow takes no notice of a short answer: it returns as many bytes as it asked for, the last ones as they lay in
    memory. So the last byte is set before, and set otherwise where the object seems to end by that very byte.

    Raises:
        OSError: the answer was cut.
    """
    content = bytearray(file.size())
    for mark in (0xA5, 0x5A):
        content[-1:] = bytes([mark])[: len(content)]
        file.seek(0)
        if file.readinto(content) == len(content) and content[-1:] != bytes([mark]):
            return bytes(content)
    raise OSError(f"{path}: the answer of the store was cut short")
