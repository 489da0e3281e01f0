"""What is sent next: state and events in turns, within one window. Pure but for `outbox_sender`.

Begin with `send_queue`.
"""
