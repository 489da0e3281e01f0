"""What the rooms of recorder say to each other: streams, addresses, messages, why a session ended; and memory that a
process gives back, for those of them that stay.

Imports no other room. Begin with `stream`.
"""
