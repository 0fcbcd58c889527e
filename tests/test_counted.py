from leakdrill.counted import counted


def test_one_is_in_the_singular_and_all_else_in_the_plural() -> None:
    assert [counted(count, "image") for count in (0, 1, 1200)] == ["0 images", "1 image", "1,200 images"]
    assert [counted(count, "person", "people") for count in (1, 2)] == ["1 person", "2 people"]
