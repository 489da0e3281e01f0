"""What the rooms of recorder say to each other: streams, addresses, messages, why a session ended.

Imports no other room. Begin with `stream`.
"""
