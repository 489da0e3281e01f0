"""What lasts. Imports nothing of edged, recorder or mqtt.

store.py       the facade: what the daemon asks of storage; opening.py takes hold of it
model.py       words; answers.py what is answered; errors.py what goes wrong; layout.py where things lie
ages.py, retention.py, recovery.py, clock.py    pure: how old, what goes, what to repair
acts.py        what takes two persons: asked for by one, done when another approves
catalog/       the one database: every fact that is entered, every question that is asked
files/         a segment's file: written, read, removed, so that it lasts
volumes/       the disks: who they are, how full, which takes the next segments
ring/          what goes and when, carried out; what to do when nothing may go
pins/          evidence: what is kept out of the ring
repair/        what an unclean stop, a lost database or a stranger's hand left, found and mended
"""
