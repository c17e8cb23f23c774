"""Frames on a pipe: `V6FLOWER`, the length of the head (64-bit, little-endian), the head (JSON), the blobs that the head names.

The head's `blobs` gives each blob's place behind the head: `{name: [begin, end]}`. The same form as `Frame.swift`.
"""

import json
import os
import struct
import threading

MAGIC = b"V6FLOWER"
# What one call hands to the kernel at most: writev takes no more buffers.
_BUFFERS = 512


class Closed(Exception):
    """The other side has gone."""


class Channel:
    """One frame after the other, each way; `send` may be called by any thread."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._lock = threading.Lock()

    def send(self, head: dict, blobs: "list[tuple[str, list]] | None" = None) -> None:
        """Sends a head and named blobs, each a list of buffers that are written as they lie in memory."""
        places, buffers, end = {}, [], 0
        for name, parts in blobs or []:
            size = sum(len(part) for part in parts)
            places[name] = [end, end + size]
            end += size
            buffers += [part for part in parts if len(part)]
        text = json.dumps({**head, "blobs": places}, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        # What is no Unicode (a file's name, bytes that an exception quotes) would not arrive at all.
        text = text.encode(errors="replace")
        text += b" " * (-len(text) % 8)
        with self._lock:
            self._write([MAGIC + struct.pack("<Q", len(text)) + text, *buffers])

    def _write(self, buffers: list) -> None:
        buffers = [memoryview(buffer).cast("B") for buffer in buffers]
        first = 0
        while first < len(buffers):
            try:
                count = os.writev(self._writing, buffers[first : first + _BUFFERS])
            except BrokenPipeError as error:
                raise Closed from error
            while first < len(buffers) and count >= len(buffers[first]):
                count -= len(buffers[first])
                first += 1
            if count:
                buffers[first] = buffers[first][count:]

    def receive(self) -> "tuple[dict, dict[str, memoryview]]":
        """The next head and its blobs, which share one buffer."""
        start = self._read(16)
        if start[:8] != MAGIC:
            raise ValueError("what arrived on the pipe is no frame")
        head = json.loads(bytes(self._read(struct.unpack("<Q", start[8:])[0])))
        places = head.pop("blobs", {})
        buffer = self._read(max((end for _, end in places.values()), default=0))
        return head, {name: buffer[begin:end] for name, (begin, end) in places.items()}

    def _read(self, size: int) -> memoryview:
        buffer = memoryview(bytearray(size))
        done = 0
        while done < size:
            count = os.readv(self._reading, [buffer[done:]])
            if count == 0:
                raise Closed
            done += count
        return buffer
