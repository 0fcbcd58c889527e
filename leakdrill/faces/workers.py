"""Faces rendered by several processes, which import NumPy and nothing else of weight.

Not multiprocessing: a child that it spawns imports the caller's main module again, torch and all, and a script without
a guard would start a second drill. These children read requests from a pipe and end when it ends, however that comes.

A request is a line of JSON, {"seed": s, "photos": [[identity, photo], ...], "size": pixels}; the answer is as many PNG
files, each after its length in four bytes.
"""

import json
import os
import signal
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from leakdrill.faces.render import encode

CHUNK = 64  # photos per request
AHEAD = 3  # chunks per process that may wait for a slower reader: the rest of a large data set is not in memory
LENGTH = struct.Struct(">I")


def encode_in_parallel(
    seed: int, photos: Sequence[tuple[int, int]], size: int, num_processes: int
) -> Iterator[list[bytes]]:
    """`encode` of all photos in their order, a chunk at a time. The processes end with the iterator."""
    workers = [_Worker() for _ in range(num_processes)]
    idle: SimpleQueue[_Worker] = SimpleQueue()
    for worker in workers:
        idle.put(worker)

    def encode_chunk(chunk: Sequence[tuple[int, int]]) -> list[bytes]:
        worker = idle.get()
        try:
            return worker.encode(seed, chunk, size)
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(num_processes)
    waiting: deque[Future[list[bytes]]] = deque()
    try:
        for start in range(0, len(photos), CHUNK):
            waiting.append(threads.submit(encode_chunk, photos[start : start + CHUNK]))
            if len(waiting) > AHEAD * num_processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)
        for worker in workers:
            worker.close()


class _Worker:
    """One child process, as its parent sees it."""

    def __init__(self) -> None:
        # One BLAS thread: the other processes have the other cores.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)

    def encode(self, seed: int, photos: Sequence[tuple[int, int]], size: int) -> list[bytes]:
        assert self._process.stdin is not None
        request = {"seed": seed, "photos": list(photos), "size": size}
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._ended() from error
        return [self._read(LENGTH.unpack(self._read(LENGTH.size))[0]) for _ in photos]

    def _read(self, num_bytes: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(num_bytes)
        if len(data) < num_bytes:
            raise self._ended()
        return data

    def _ended(self) -> RuntimeError:
        return RuntimeError(f"a face renderer ended early, with exit code {self._process.wait()}: see its stderr")

    def close(self) -> None:
        self._process.communicate()


def main() -> None:
    """The child: answer requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides when to end
    for line in sys.stdin.buffer:
        request = json.loads(line)
        photos = [(identity, photo) for identity, photo in request["photos"]]
        for file in encode(request["seed"], photos, request["size"]):
            sys.stdout.buffer.write(LENGTH.pack(len(file)) + file)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
