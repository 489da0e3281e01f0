"""What the centre is told, and what it may order. Begin with `reports` (told) and `commands` (ordered)."""
