"""Numbers of things, in words that agree with them."""


def counted(count: int, one: str, many: str = "") -> str:
    """ "1 image", "1,200 images": `one` or `many` of them, by default `one` with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
