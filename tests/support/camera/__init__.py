"""Parts of the project's own RTSP camera; `tests.support.fault_camera` puts them together."""
