"""Scenarios that reach for files that are not theirs, YAML that explodes, and images that do."""

import contextlib
import io
import os
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from small_scenario import TEXT

from leakdrill.data.digests import SplitDigest
from leakdrill.data.forms import ImageForm
from leakdrill.datasets.image_folder import ImageFolder
from leakdrill.errors import InvalidInput, ScenarioError
from leakdrill.parties.store import SplitStore
from leakdrill.scenario.loading import load_scenario
from leakdrill.scenario.safe_yaml import parse_yaml

MIB = 1 << 20


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        image(tmp_path / "root" / name)
    return tmp_path / "root"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Somebody's private picture, beside the data."""
    return image(tmp_path / "private" / "secret.png")


def everything(root: Path) -> list[bytes]:
    """All that a drill on this folder would deal."""
    source = ImageFolder(set="image_folder", root=root).open()
    return list(source.encoded(range(len(source.labels))))


def a_file(root: Path, secret: Path) -> Path:
    (root / "a" / "3.png").symlink_to(secret)
    return root / "a" / "3.png"


def a_relative_file(root: Path, secret: Path) -> Path:
    (root / "a" / "3.png").symlink_to(Path("../../private/secret.png"))
    return root / "a" / "3.png"


def a_class(root: Path, secret: Path) -> Path:
    (root / "c").symlink_to(secret.parent)
    return root / "c"


def a_folder_below(root: Path, secret: Path) -> Path:
    (root / "a" / "more").symlink_to(secret.parent)
    return root / "a" / "more"


def a_link_to_a_link(root: Path, secret: Path) -> Path:
    (root / "hop").symlink_to(secret)
    (root / "a" / "3.png").symlink_to(root / "hop")
    return root / "a" / "3.png"


def the_parent(root: Path, secret: Path) -> Path:
    (root / "a" / "up").symlink_to("../..")
    return root / "a" / "up"


@pytest.mark.parametrize("link", [a_file, a_relative_file, a_class, a_folder_below, a_link_to_a_link, the_parent])
def test_a_link_that_leads_out_of_the_data_root_is_refused_by_name(
    root: Path, secret: Path, link: Callable[[Path, Path], Path]
) -> None:
    name = link(root, secret)
    with pytest.raises(InvalidInput, match=rf"^{name} leads out of data\.root={root}, to "):
        everything(root)


def test_a_file_that_becomes_a_link_after_it_was_listed_is_refused(root: Path, secret: Path) -> None:
    source = ImageFolder(set="image_folder", root=root).open()
    (root / "a" / "1.png").unlink()
    (root / "a" / "1.png").symlink_to(secret)
    with pytest.raises(InvalidInput, match=r"a/1\.png leads out of data\.root="):
        list(source.encoded([0]))


def test_a_link_within_the_root_to_a_file_is_followed_and_a_loop_is_refused(root: Path) -> None:
    (root / "b" / "2.png").symlink_to(root / "a" / "1.png")
    assert len(everything(root)) == 4
    for name in ("x", "y"):  # walked blindly, these are 2^40 folders
        (root / "a" / name).symlink_to(".")
    with pytest.raises(ScenarioError, match=r"a/[xy] leads to .*/a, which data\.root=.* holds already"):
        everything(root)


def test_a_root_that_is_a_link_itself_is_the_users_own_choice(root: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(root)
    assert len(everything(tmp_path / "linked")) == 3


@pytest.mark.timeout(120)
def test_a_pipe_or_a_device_is_no_image(root: Path) -> None:
    os.mkfifo(root / "a" / "pipe.png")  # opening it would take for ever
    with pytest.raises(InvalidInput, match=r"a/pipe\.png is no file"):
        everything(root)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("key", ["groups", "attributes"])
def test_a_table_without_end_is_refused(root: Path, tmp_path: Path, key: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe", root):
        with pytest.raises(ScenarioError, match=f"data.{key}={path} is not a readable CSV file"):
            ImageFolder.model_validate({"set": "image_folder", "root": root, key: path}).open()


@pytest.mark.parametrize("listed", ["../private/secret.png", "/etc/passwd", "a/../../private/secret.png"])
def test_a_groups_file_names_images_of_the_root_and_reads_no_other(
    root: Path, secret: Path, tmp_path: Path, listed: str
) -> None:
    (tmp_path / "groups.csv").write_text(f"file,group\na/1.png,1\n{listed},1\n")
    source = ImageFolder(set="image_folder", root=root, groups=tmp_path / "groups.csv").open()
    assert len(source.labels) == 3


def merges_that_double() -> str:
    lines = ["l0: &l0 {a0: 1, b0: 1}"]
    for level in range(1, 24):
        lines.append(f"l{level}: &l{level} {{<<: [*l{level - 1}, *l{level - 1}], a{level}: 1}}")
    return "\n".join(lines)


BOMBS = {
    "merges that double": merges_that_double(),
    "merges of merges of merges": "a: &a {<<: {<<: {<<: [" + ", ".join(["{x: 1}"] * 7_000) + "]}}}",
    "a mapping that merges itself": "a: &a {<<: *a, b: 1}",
    "flow mappings nested": "{a: " * 5_000,
    "sequences nested by indents": "\n".join("  " * depth + "-" for depth in range(300)),
    "anchors by the thousand": "\n".join(f"- &a{number} x" for number in range(21_000)),
    "many documents": "---\n" * 100_000,
    "a key of half a megabyte": "? " + "k" * 500_000 + "\n: 1\n" * 2,
    "an integer in base 60": "a: !!int " + ":".join(["59"] * 50_000),
    "a hexadecimal integer": "a: 0x" + "f" * 200_000,
    "an object": "a: !!python/object/apply:os.system ['true']",
    "a module": "a: !!python/module:os",
    "a name": "a: !!python/name:os.system",
    "a tag by a directive": "%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.system ['true']",
    "a binary": "a: !!binary aGVsbG8=",
    "a set": "a: !!set {x, y}",
    "a timestamp": "a: !!timestamp 2026-01-01",
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", BOMBS)
def test_yaml_that_explodes_is_refused_as_a_scenario(what: str, tmp_path: Path) -> None:
    (tmp_path / "bomb.yaml").write_text(BOMBS[what])
    with pytest.raises(ScenarioError, match=r"bomb\.yaml"):
        load_scenario(tmp_path / "bomb.yaml")


@pytest.mark.parametrize("number", ["1e400", ".inf", ".nan", "9" * 4000, "-1", "0x" + "f" * 1000])
def test_a_number_beyond_all_bounds_is_refused(tmp_path: Path, number: str) -> None:
    (tmp_path / "x.yaml").write_text(TEXT.replace("image_size: 8", f"image_size: {number}"))
    with pytest.raises(ScenarioError, match=r"image_size|a number of"):
        load_scenario(tmp_path / "x.yaml")


@settings(max_examples=300, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_text_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    text = TEXT
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        put = data.draw(
            st.one_of(st.text(max_size=5), st.sampled_from(["&a ", "*a", "<<: ", "!!int ", "{", "[", "\t"]))
        )
        text = text[:start] + put + text[start + data.draw(st.integers(0, 5)) :]
    with contextlib.suppress(ScenarioError):
        parse_yaml(text, "x.yaml")


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), *chunks, (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + body


ZEROS = zlib.compress(bytes(64 * MIB), 9)
IMAGES = {
    "50,000 x 50,000": png(50_000, 50_000, (b"IDAT", ZEROS)),
    "2^31 x 2^31": png(2**31 - 1, 2**31 - 1, (b"IDAT", ZEROS)),
    "a line without end": png(2**31 - 1, 1, (b"IDAT", ZEROS)),
    "text that inflates": png(8, 8, (b"zTXt", b"k\0\0" + ZEROS)),
    "text that inflates, in Unicode": png(8, 8, (b"iTXt", b"k\0\1\0\0\0" + ZEROS)),
    "a colour profile that inflates": png(8, 8, (b"iCCP", b"k\0\0" + ZEROS)),
    "no pixels": png(0, 0),
    "pixels cut off": png(8, 8, (b"IDAT", zlib.compress(bytes(8)))),
}


@pytest.mark.parametrize("what", IMAGES)
def test_an_image_that_explodes_is_refused_by_the_party_it_is_dealt_to(what: str, tmp_path: Path) -> None:
    store = SplitStore(tmp_path)
    digest = SplitDigest(ImageForm(16))
    digest.add(IMAGES[what], 0)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match=r"example 0 of split 'challenge'"):
            store.write("challenge", ImageForm(16), digest.hexdigest(), 1, [(IMAGES[what], 0)])
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8 * MIB
    assert store.held() == {}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of odd metadata
def test_damaged_images_are_decoded_or_refused_and_nothing_else(tmp_path: Path) -> None:
    draw = random.Random(0)
    outcomes = set()
    for kind in ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM"):
        out = io.BytesIO()
        Image.effect_noise((24, 24), 60).convert("RGB").save(out, kind)
        for _ in range(60):
            damaged = bytearray(out.getvalue())
            for _change in range(draw.randint(1, 6)):
                damaged[draw.randrange(min(len(damaged), 200))] = draw.randrange(256)
            digest = SplitDigest(ImageForm(16))
            digest.add(bytes(damaged), 0)
            try:
                SplitStore(tmp_path).write("challenge", ImageForm(16), digest.hexdigest(), 1, [(bytes(damaged), 0)])
                outcomes.add("decoded")
            except InvalidInput:
                outcomes.add("refused")
    assert outcomes == {"decoded", "refused"}
