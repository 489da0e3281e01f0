"""`state/edged.db`: one writer, short readers, the schema and how it came about.

Knows no table by name. Begin with `writer`.
"""
