from leakdrill.seeds import derive, numpy_generator, torch_generator


def test_names_give_different_seeds_and_the_same_names_the_same() -> None:
    assert derive(7, "cbig") == derive(7, "cbig")
    assert len({derive(7, "cbig"), derive(7, "csmall"), derive(8, "cbig"), derive(7, "cbig", "fit")}) == 4


def test_names_are_kept_apart() -> None:
    assert derive(7, "ab", "c") != derive(7, "a", "bc")


def test_a_seed_fits_every_generator() -> None:
    assert 0 <= derive(2**70, "x") < 2**63
    assert numpy_generator(1, "a").integers(1 << 30) == numpy_generator(1, "a").integers(1 << 30)
    assert torch_generator(1, "a").initial_seed() == derive(1, "a")
