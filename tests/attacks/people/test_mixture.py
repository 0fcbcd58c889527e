import numpy as np
from sklearn.metrics import roc_auc_score

from leakdrill.attacks.people.mixture import member_log_odds

IS_MEMBER = np.arange(100) % 2 == 0


def test_of_two_groups_the_one_with_the_smaller_mean_spread_is_member() -> None:
    generator = np.random.default_rng(0)
    components = generator.normal(size=(100, 4)) + np.where(IS_MEMBER, 3, -3)[:, None]
    spreads = generator.normal(size=100) + np.where(IS_MEMBER, 0, 2)
    assert roc_auc_score(IS_MEMBER, member_log_odds(components, spreads)) > 0.99
    assert roc_auc_score(IS_MEMBER, member_log_odds(components, -spreads)) < 0.01  # named by spread, and not flipped


def test_log_odds_do_not_depend_on_the_sign_or_the_scale_of_the_components() -> None:
    generator = np.random.default_rng(1)
    components, spreads = generator.normal(size=(100, 3)), generator.normal(size=100)
    np.testing.assert_allclose(
        member_log_odds(-1e-4 * components, spreads), member_log_odds(components, spreads), atol=1e-6
    )


def test_people_who_are_all_the_same_are_as_likely_in_as_out() -> None:
    assert np.abs(member_log_odds(np.zeros((6, 3)), np.ones(6))).max() < 1e-6


def test_of_three_components_one_is_member_and_the_other_two_are_not() -> None:
    generator = np.random.default_rng(2)
    group = np.arange(120) % 3
    components = generator.normal(size=(120, 2)) + 6 * np.stack([group == 1, group == 2], axis=1)
    spreads = generator.normal(size=120) / 10 + np.array([2.0, 1.0, 3.0])[group]
    assert ((member_log_odds(components, spreads, 3) > 0) == (group == 1)).all()
