"""The eye: one process for all cameras that decodes their pictures and sound, and measures them."""
