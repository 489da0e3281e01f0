"""What is sent next: state and events in turns, within one window. Pure but for `outbox_sender`.

Begin with `send_queue`; `outbox` has the events that wait for the centre, `outbox_sender` reads and deletes their rows.
"""
