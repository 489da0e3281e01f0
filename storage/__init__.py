"""What lasts: segment files, the one database, retention and recovery. Imports nothing of edged, recorder or mqtt."""
