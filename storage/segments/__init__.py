"""Segments (錄影檔): their files and rows, gaps (S9), coverage, and listings of both.

Begin with `table`, where a segment's file becomes a row, and `segment_file`, which a worker carries and so stays lean.
"""
