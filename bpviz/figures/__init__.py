"""Figures, one kind per file. A kind turns results into plain arrays (``data``) and draws them (``draw``)."""
