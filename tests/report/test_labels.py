from leakdrill.report.labels import words


def test_defences_go_by_their_kinds_and_settings_and_mappings_by_what_tells_them_apart() -> None:
    cells = [
        {"cbig.api.defences": [], "data.splits": {"source_train": 4, "source_test": 4}, "seed": 1},
        {
            "cbig.api.defences": [{"kind": "rounding", "figures": 1}, {"kind": "top_k"}],
            "data.splits": {"source_train": 8, "source_test": 4},
            "seed": 1,
        },
    ]
    assert words(cells) == [
        {"cbig.api.defences": "none", "data.splits": "source_train 4", "seed": "1"},
        {"cbig.api.defences": "rounding figures=1 + top_k", "data.splits": "source_train 8", "seed": "1"},
    ]
