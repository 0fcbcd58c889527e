"""What a model's labels alone give away (Choquette-Choo, Tramèr, Carlini and Papernot 2021, "Label-Only").

space.py          where searches may look: a box, a grid of values, a norm
hopskipjump.py    the distance to the decision boundary
trace.py          what a search knew after how many queries
starts.py         images to start a search from
noise.py          how often a label survives random noise
augmentations.py  shifted and rotated copies
cut.py            a threshold on one number, and how well that number separates
streams.py        randomness of each example's own
"""
