"""Clocks, boots, running time, and what is credited for the time a box was off (S7).

Begin with `history`, which is pure: boots and an instant in, an age with a low and a high bound out.
"""
