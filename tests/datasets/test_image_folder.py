import io
from pathlib import Path

import pytest
from PIL import Image
from torchvision.datasets import ImageFolder as TorchvisionFolder

from leakdrill.datasets.image_folder import MAX_FILE_BYTES, FileSource, ImageFolder
from leakdrill.errors import InvalidInput, ScenarioError

NAMES = ["b/0002.png", "b/0001.PNG", "b/deeper/0000.png", "b/a-folder/9.png", "a/x.png", "a/y.png", "c.d/1.png"]


def png(colour: int = 0) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (2, 2), (colour, 0, 0)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))
    (tmp_path / "root" / "b" / "notes.txt").write_text("no image")
    (tmp_path / "root" / "list.csv").write_text("no class")
    return tmp_path / "root"


def open_folder(root: Path, **keys: object) -> FileSource:
    source = ImageFolder.model_validate({"set": "image_folder", "root": root} | keys).open()
    assert isinstance(source, FileSource)
    return source


def test_classes_files_and_their_order_are_torchvisions(root: Path) -> None:
    source, theirs = open_folder(root), TorchvisionFolder(str(root))
    assert source.classes == theirs.classes
    assert [(str(root / path), label) for path, label in zip(source.paths, source.labels.tolist(), strict=True)] == (
        theirs.samples
    )


def test_files_come_in_the_order_asked_for(root: Path) -> None:
    source = open_folder(root)
    assert list(source.encoded([3, 0, 3])) == [(root / source.paths[index]).read_bytes() for index in (3, 0, 3)]


def test_a_file_is_read_when_it_is_asked_for(root: Path) -> None:
    files = open_folder(root).encoded([0, 1])
    next(files)
    (root / "a" / "y.png").write_bytes(png(99))
    assert next(files) == png(99)


def test_small_classes_are_left_out_and_the_rest_can_be_cut(root: Path) -> None:
    (root / "empty").mkdir()
    assert open_folder(root).classes == ["a", "b", "c.d"]
    assert open_folder(root, min_per_class=2).classes == ["a", "b"]
    assert open_folder(root, classes=1).paths == ["a/x.png", "a/y.png"]
    assert open_folder(root, min_per_class=3, per_class=2).paths == ["b/0001.PNG", "b/0002.png"]


def test_near_duplicates_share_a_group_and_unlisted_files_have_their_own(root: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups.csv"
    groups.write_text("file,group\nb/0002.png,twins\na/x.png,twins\nb/0001.PNG,b/0002.png\nelsewhere/1.png,9\n")
    source = open_folder(root, groups=groups)
    group = dict(zip(source.paths, source.groups.tolist(), strict=True))
    assert group["b/0002.png"] == group["a/x.png"]
    assert len(set(group.values())) == len(NAMES) - 1


def test_a_groups_file_beside_the_folder_is_found_without_being_named(root: Path) -> None:
    assert len(set(open_folder(root).groups.tolist())) == len(NAMES)
    root.with_name(f"{root.name}-groups.csv").write_text("file,group\nb/0002.png,1\na/x.png,1\n")
    assert len(set(open_folder(root).groups.tolist())) == len(NAMES) - 1


def test_attributes_are_by_class_and_minus_one_where_unknown(root: Path, tmp_path: Path) -> None:
    attributes = tmp_path / "attributes.csv"
    attributes.write_text("identity,male,age\nb,1,30\na,0,41\nnobody,1,1\n")
    source = open_folder(root, attributes=attributes)
    assert {name: values.tolist() for name, values in source.attributes.items()} == {
        "male": [0, 1, -1],
        "age": [41, 30, -1],
    }


@pytest.mark.parametrize("name", ["nowhere", "list.csv"])
def test_a_missing_root_names_the_key_and_how_to_set_it(root: Path, name: str) -> None:
    with pytest.raises(ScenarioError, match=rf"data\.root=.*{name}: .*; .* --set data\.root=DIR"):
        open_folder(root / name)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"classes": 4},
            r"data\.classes asks for 4, but 3 of the 3 class folders in .* have data\.min_per_class=1 images",
        ),
        ({"min_per_class": 9}, r"asks for at least 1, but 0 of the 3 .* data\.min_per_class=9"),
    ],
)
def test_a_selection_that_cannot_be_met_says_what_there_is(root: Path, keys: dict[str, int], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        open_folder(root, **keys)


@pytest.mark.parametrize(
    ("key", "content", "message"),
    [
        ("groups", "path,group\na/x.png,1\n", r"data\.groups=.*must name the columns.*\['file'\] missing"),
        ("groups", "file,group\nroot/a/x.png,1\n", r"names no image of .*'a/x\.png', got 'root/a/x\.png'"),
        ("groups", "\xff\xfe", r"data\.groups=.* is not a readable CSV file"),
        ("attributes", "identity,male\na,yes\n", r"data\.attributes=.*must be an integer: .*'yes'"),
        ("attributes", "identity,male\na\n", r"data\.attributes=.*must be an integer"),
    ],
)
def test_a_csv_file_that_does_not_fit_is_refused(
    root: Path, tmp_path: Path, key: str, content: str, message: str
) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ScenarioError, match=message):
        open_folder(root, **{key: path})


def test_a_missing_groups_file_is_refused(root: Path) -> None:
    with pytest.raises(ScenarioError, match=r"data\.groups=.*nowhere\.csv is not a readable CSV file"):
        open_folder(root, groups=root / "nowhere.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not an image", r"a/x\.png: not a readable image \(12 bytes\), wanted PNG or JPEG"),
        (b"", r"a/x\.png: not a readable image \(0 bytes\)"),
        (bytes(MAX_FILE_BYTES + 1), r"a/x\.png is larger than 32 MiB"),
    ],
)
def test_an_unreadable_file_is_named(root: Path, content: bytes, message: str) -> None:
    (root / "a" / "x.png").write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        list(open_folder(root).encoded([0]))


def test_a_file_that_has_gone_is_named(root: Path) -> None:
    source = open_folder(root)
    (root / "a" / "x.png").unlink()
    with pytest.raises(InvalidInput, match=r"a/x\.png: No such file"):
        list(source.encoded([0]))


def test_a_file_with_samples_of_16_bits_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.new("I;16", (20, 20)).save(tmp_path / "a" / "deep.png")
    source = ImageFolder(set="image_folder", root=tmp_path).open()
    with pytest.raises(InvalidInput, match=r"a/deep\.png: pixels in Pillow's mode .* convert the image first"):
        next(iter(source.encoded([0])))
