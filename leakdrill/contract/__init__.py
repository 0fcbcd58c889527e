"""What every attack and every defence owes, as tests that can be run on one that is not in this tree.

pytest --pyargs leakdrill.contract --plugin ./mine.py:MyAttack
"""
