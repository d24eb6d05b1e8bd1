"""A million spoilt messages: none may crash, hang, or allocate beyond the limit. `make fuzz`.

Half are good messages that are spoilt at random, half are found by atheris, which looks for new
paths through `vizworker.wire`; where it is not installed, all are of the first kind. A message
that fails is kept beside this file, in `corpus`, where the tests try it ever after.
"""

import argparse
import faulthandler
import hashlib
import importlib.util
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from mutations import Parts, Spoiler, attempt, seeds

from vizworker.errors import WireError
from vizworker.sinks.record import pack, unpack

CORPUS = Path(__file__).parent / "corpus"
HANG = 5.0  # seconds that no message may take
ROOM = 256 << 20  # bytes of address space beyond those of the start; a message here has 1 MB
ROUND = 1000  # messages between two looks at the clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--atheris", type=Path, help=argparse.SUPPRESS)  # a folder to work in
    arguments = parser.parse_args()
    if arguments.atheris:
        search_paths(arguments.messages, arguments.seed, arguments.atheris)
    guided = arguments.messages // 2 if importlib.util.find_spec("atheris") else 0
    if not guided:
        print("atheris is not installed: all messages are spoilt at random")
    spoil(arguments.messages - guided, arguments.seed)
    if guided:
        guide(guided, arguments.seed)
    print(f"{arguments.messages} messages: no crash, no hang, no allocation beyond the limit")


def spoil(messages: int, seed: int) -> None:
    """Try messages that are spoilt at random."""
    limit_memory()
    spoiler, ends, longest = Spoiler(seed), Counter[str](), 0.0
    started = time.monotonic()
    for first in range(0, messages, ROUND):
        faulthandler.dump_traceback_later(HANG + 10, exit=True)
        for _ in range(min(ROUND, messages - first)):
            parts = spoiler.message()
            start = time.perf_counter()
            ends[tried(parts)] += 1
            took = time.perf_counter() - start
            longest = max(longest, took)
            if took > HANG:
                keep(parts)
                raise SystemExit(f"a message took {took:.1f} s: it is in {CORPUS}")
    faulthandler.cancel_dump_traceback_later()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"{messages} messages spoilt at random (seed {seed}) in {time.monotonic() - started:.0f} s;"
        f" the longest took {1e3 * longest:.1f} ms; at most {memory:.0f} MB of memory"
    )
    print(", ".join(f"{name} {count}" for name, count in ends.most_common()))


def tried(parts: Parts) -> str:
    try:
        return attempt(parts)
    except BaseException:
        keep(parts)
        raise


def limit_memory() -> None:
    """Refuse this process more than a little more memory than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def keep(parts: Parts) -> None:
    """Write a message where the tests find it: a line of hexadecimals for each part."""
    CORPUS.mkdir(exist_ok=True)
    text = "".join(f"{part.hex()}\n" for part in parts)
    (CORPUS / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.viz").write_text(text)


def guide(messages: int, seed: int) -> None:
    """Have atheris look for messages, in a process that it ends."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--atheris", folder, "--messages", str(messages)]
        end = subprocess.run(
            [*command, "--seed", str(seed)], stderr=subprocess.PIPE, text=True, check=False
        )
        if end.returncode:
            for path in Path(folder).glob("found-*"):
                keep(parts_of(path.read_bytes()))
            raise SystemExit(f"atheris found something:\n{end.stderr[-3000:]}")
    covered = [line for line in end.stderr.splitlines() if "cov:" in line][-1]
    print(f"{messages} messages found by atheris: {covered.strip()}")


def search_paths(messages: int, seed: int, folder: Path) -> None:
    """Let atheris look for messages; it ends the process."""
    import atheris

    for name in [name for name in sys.modules if name.startswith(("vizworker", "mutations"))]:
        del sys.modules[name]
    with atheris.instrument_imports(include=["vizworker.wire", "vizworker.frame"]):
        import mutations

    (folder / "seeds").mkdir()
    for i, parts in enumerate(seeds()):
        (folder / "seeds" / str(i)).write_bytes(pack(list(parts)))
    options = [f"-runs={messages}", f"-seed={seed % 2**31}", f"-timeout={int(HANG)}"]
    limits = ["-rss_limit_mb=1024", f"-malloc_limit_mb={ROOM >> 20}", "-max_len=65536"]
    places = [f"-artifact_prefix={folder}/found-", str(folder / "seeds")]
    atheris.Setup(
        [sys.argv[0], *options, *limits, *places], lambda data: mutations.attempt(parts_of(data))
    )
    atheris.Fuzz()


def parts_of(data: bytes) -> Parts:
    """Bytes as a message: the parts that are packed in them, or one part."""
    try:
        return [bytes(part) for part in unpack(data)]
    except WireError:
        return [data]


if __name__ == "__main__":
    main()
