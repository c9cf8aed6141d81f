"""Figures: one kind a file. A kind turns results into plain arrays (``data``) and draws those (``draw``)."""
