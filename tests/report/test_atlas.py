"""Which techniques of MITRE ATLAS an attack's queries and searches are."""

from leakdrill.report.atlas import of_gradients, of_queries


def test_searches_and_transfers_are_told_from_plain_questions_and_named_once() -> None:
    asked = [{"kind": "gap"}, {"kind": "boundary"}, {"kind": "oslo"}, {"kind": "combined"}, {}]
    assert [each.id for each in of_queries(asked)] == ["AML.T0040", "AML.T0043.001", "AML.T0043.002"]
    assert [each.id for each in of_queries(asked[:1])] == ["AML.T0040"]


def test_a_search_on_the_leaked_model_is_white_box_and_no_question() -> None:
    attacks = [{"kind": "gap"}, {"kind": "carlini_wagner"}, {"kind": "carlini_wagner"}]
    assert [each.id for each in of_gradients(attacks)] == ["AML.T0043.000"]
    assert [each.id for each in of_queries(attacks)] == ["AML.T0040"]
    assert not of_gradients(attacks[:1])
