"""What the centre reads: every payload and event as a closed model, with topic, QoS and expiry. Pure.

Begin with `messages` (state) and `events` (history).
"""
