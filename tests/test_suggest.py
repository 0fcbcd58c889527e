from leakdrill.suggest import suggest


def test_a_near_miss_is_named_before_the_rest() -> None:
    assert suggest("epoch", ["epochs", "batch_size"]) == "did you mean 'epochs'? known: batch_size, epochs"


def test_what_resembles_nothing_gets_the_list() -> None:
    assert suggest("zzz", ["epochs", "batch_size"]) == "known: batch_size, epochs"


def test_where_nothing_is_known_it_says_so() -> None:
    assert suggest("zzz", []) == "there is none"
