"""Which techniques of MITRE ATLAS an attack's queries are."""

from leakdrill.report.atlas import of_queries


def test_searches_and_transfers_are_told_from_plain_questions_and_named_once() -> None:
    asked = [{"kind": "gap"}, {"kind": "boundary"}, {"kind": "oslo"}, {"kind": "combined"}, {}]
    assert [each.id for each in of_queries(asked)] == ["AML.T0040", "AML.T0043.001", "AML.T0043.002"]
    assert [each.id for each in of_queries(asked[:1])] == ["AML.T0040"]
