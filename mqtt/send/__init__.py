"""What is sent next: state and events in turns, within one window. Pure but for `OutboxSender`.

Begin with `send_queue`; `outbox` has the events that wait for the centre, and reads and deletes their rows.
"""
