"""What all rooms of storage speak of: values, errors, messages for people, where things lie,
clocks, failpoints. Imports no other room.

Begin with `model`.
"""
