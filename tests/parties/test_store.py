import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from leakdrill.data.digests import SplitDigest
from leakdrill.data.forms import ImageForm, RowForm
from leakdrill.errors import InvalidInput, NotFound
from leakdrill.parties.store import SplitStore

Files = list[tuple[bytes, int]]


def encode(image: Image.Image, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def noise(seed: int, size: int = 8) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def some_files(count: int, first: int = 0) -> Files:
    return [(encode(Image.fromarray(noise(number))), number % 3) for number in range(first, first + count)]


def digest_of(files: Files, image_size: int = 8) -> str:
    digest = SplitDigest(ImageForm(image_size))
    for file, label in files:
        digest.add(file, label)
    return digest.hexdigest()


def write(store: SplitStore, files: Files, split: str = "source_train") -> int:
    return store.write(split, ImageForm(8), digest_of(files), len(files), files)


def everything(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def test_what_is_written_is_read_pixel_by_pixel_from_a_memory_map(tmp_path: Path) -> None:
    files = some_files(5)
    size_bytes = write(SplitStore(tmp_path), files)
    examples = SplitStore(tmp_path).read("source_train")
    assert isinstance(examples.inputs, np.memmap)
    assert examples.inputs.dtype == np.uint8
    assert np.array_equal(examples.inputs, np.stack([noise(number) for number in range(5)]))
    assert examples.labels.dtype == np.int64
    assert examples.labels.tolist() == [0, 1, 2, 0, 1]
    assert 5 * 8 * 8 * 3 < size_bytes < 5 * 8 * 8 * 3 + 500
    with pytest.raises(ValueError, match="read-only"):
        examples.inputs[0] = 0


def test_held_gives_the_digest_of_each_split(tmp_path: Path) -> None:
    store = SplitStore(tmp_path)
    assert store.held() == {}
    write(store, some_files(2), "target_test")
    write(store, some_files(3), "target_train")
    assert store.held() == {"target_test": digest_of(some_files(2)), "target_train": digest_of(some_files(3))}


def test_a_split_dealt_again_replaces_the_old_one_which_stays_readable_where_it_was_open(tmp_path: Path) -> None:
    store = SplitStore(tmp_path)
    write(store, some_files(2))
    old = store.read("source_train")
    write(store, some_files(3, first=10))
    assert len(store.read("source_train")) == 3
    assert np.array_equal(old.inputs[1], noise(1))


def test_files_are_decoded_as_they_come(tmp_path: Path) -> None:
    """The stream may be larger than memory: nothing is read ahead of what is decoded."""
    stream = iter(broken(some_files(10)))
    with pytest.raises(InvalidInput, match="example 2"):
        SplitStore(tmp_path).write("source_train", ImageForm(8), "", 10, stream)
    assert len(list(stream)) == 7


def broken(files: Files) -> Files:
    return [*files[:2], (files[2][0][:60], 0), *files[3:]]


@pytest.mark.parametrize(
    ("files", "announced", "message"),
    [
        (broken(some_files(4)), 4, r"example 2 of split 'source_train': not a readable image"),
        (
            [*some_files(1), (b"", 0)],
            2,
            r"example 1 of split 'source_train': not a readable image \(0 bytes\), wanted PNG",
        ),
        (some_files(3), 4, r"ended after 3 of the 4 examples announced"),
        (some_files(3), 2, r"more than the 2 examples announced"),
    ],
)
def test_a_bad_stream_is_refused_and_leaves_what_was_held(
    tmp_path: Path, files: Files, announced: int, message: str
) -> None:
    store = SplitStore(tmp_path)
    write(store, some_files(2))
    before = everything(tmp_path)
    with pytest.raises(InvalidInput, match=message):
        store.write("source_train", ImageForm(8), digest_of(files), announced, files)
    assert everything(tmp_path) == before
    assert len(store.read("source_train")) == 2


def test_files_that_are_not_those_announced_are_refused(tmp_path: Path) -> None:
    files = some_files(3)
    for other in (files[::-1], [(file, 2 - label) for file, label in files], some_files(3, first=1)):
        with pytest.raises(InvalidInput, match="is not what its digest"):
            SplitStore(tmp_path).write("source_train", ImageForm(8), digest_of(other), 3, files)
    with pytest.raises(InvalidInput, match="is not what its digest"):
        SplitStore(tmp_path).write("source_train", ImageForm(16), digest_of(files, image_size=8), 3, files)
    assert everything(tmp_path) == []


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "Source", "source_train\n", ".unfinished-x", "x" * 9 + "1"])
def test_a_name_that_could_be_a_path_is_refused(tmp_path: Path, name: str) -> None:
    store = SplitStore(tmp_path / "splits")
    with pytest.raises(InvalidInput, match="small letters and underscores"):
        write(store, some_files(1), name)
    with pytest.raises(InvalidInput, match="small letters and underscores"):
        store.read(name)
    assert everything(tmp_path) == ["splits"]


@pytest.mark.parametrize("image_size", [0, 1025])
def test_an_impossible_image_size_is_refused(tmp_path: Path, image_size: int) -> None:
    with pytest.raises(InvalidInput, match=f"image_size is {image_size}, wanted 1 to 1024 pixels"):
        SplitStore(tmp_path).write("source_train", ImageForm(image_size), "", 0, [])


def test_a_split_that_was_not_dealt_is_not_found(tmp_path: Path) -> None:
    store = SplitStore(tmp_path)
    write(store, some_files(1), "shadow_test")
    with pytest.raises(NotFound, match=r"'shadow_train' was not dealt to this party, which holds \['shadow_test'\]"):
        store.read("shadow_train")


def test_what_a_killed_process_left_unfinished_is_swept_away(tmp_path: Path) -> None:
    write(SplitStore(tmp_path), some_files(1))
    (tmp_path / ".unfinished-abc" / "shadow_train").mkdir(parents=True)
    assert list(SplitStore(tmp_path).held()) == ["source_train"]
    assert not list(tmp_path.glob(".unfinished-*"))


def test_images_of_any_shape_and_mode_become_rgb_squares() -> None:
    grey = Image.fromarray(noise(0)[:, :, 0])
    assert np.array_equal(ImageForm(8).decode(encode(grey)), np.repeat(noise(0)[:, :, :1], 3, axis=2))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"):
        image = Image.new(mode, (30, 10))
        assert ImageForm(8).decode(encode(image, "TIFF" if mode == "CMYK" else "PNG")).shape == (8, 8, 3), mode


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    inner = ImageForm(8).decode(encode(Image.fromarray(stripes)))[1:-1, 1:-1].astype(int)
    assert np.abs(inner - 128).max() < 16


def test_sixteen_bit_images_are_refused_rather_than_clipped_to_white() -> None:
    deep = Image.fromarray(np.full((4, 4), 1000, np.uint16))
    with pytest.raises(InvalidInput, match="wanted 8 bits per sample"):
        ImageForm(8).decode(encode(deep))


@pytest.mark.parametrize(("width", "height"), [(8_000, 5_001), (10_000, 10_000), (30_000, 30_000)])
def test_an_enormous_image_is_refused_before_it_is_decoded(width: int, height: int) -> None:
    with pytest.raises(InvalidInput, match=r"40 megapixels|decompression bomb"):
        ImageForm(8).decode(f"P6 {width} {height} 255\n".encode())


def test_formats_outside_the_list_are_refused() -> None:
    with pytest.raises(InvalidInput, match="not a readable image"):
        ImageForm(8).decode(encode(Image.fromarray(noise(0)), "GIF"))
    with pytest.raises(InvalidInput, match="not a readable image"):
        ImageForm(8).decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")


def test_rows_are_kept_as_they_came_and_a_bad_one_is_named(tmp_path: Path) -> None:
    rows, form, store = np.array([[1, 2.5], [0, -1]], "<f4"), RowForm(2), SplitStore(tmp_path)
    files, digest = [(row.tobytes(), label) for label, row in enumerate(rows)], SplitDigest(RowForm(2))
    for file, label in files:
        digest.add(file, label)
    store.write("challenge", form, digest.hexdigest(), 2, files)
    np.testing.assert_array_equal(store.read("challenge").inputs, rows)
    assert store.read("challenge").inputs.dtype == np.float32
    with pytest.raises(InvalidInput, match="example 1 of split 'challenge': a row of 4 bytes, wanted 8"):
        store.write("challenge", form, digest.hexdigest(), 2, [files[0], (bytes(4), 0)])
