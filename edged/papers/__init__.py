"""What the office prints: forms, replies, receipts, case files, registers. It reads the office and changes nothing.

A paper is made of a `PaperCase`, by functions of values that end in a template (`render`). Begin with `paper_case`.
"""
