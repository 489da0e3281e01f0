"""What the office prints: forms, replies, receipts, case files, registers. Values to HTML; begin with `paper_case`."""
