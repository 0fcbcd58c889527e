"""A procedural photographer of faces, made from nothing but code; it needs NumPy alone and imports quickly.

`render.render` makes photos from a seed and pairs (identity, photo). `traits` says who and how, `scene` where a pixel
lies on the head; `surroundings`, `features`, `hair` and `accessories` paint; `camera` makes the photograph.
"""
