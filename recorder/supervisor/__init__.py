"""The daemon's side of one camera: a state machine, the worker's process, facts on their way to the store.

May enter every room of recorder. Begin with `state`, which is pure, and `runner`, which acts. How a worker's closed
file becomes a row: `worker_session` hears it, `backlog` enters it, the caller's `SegmentStore` keeps it. Beside them:
`processes` makes and ends workers, `connect_queue` says who may connect now. `Subscription` (in `worker_session`) reads
copies of a stream; `CameraLog` (in `state`) says what the journal hears.
"""
