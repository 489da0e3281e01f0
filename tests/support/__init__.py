"""What the tests stand on: cameras, a broker, a daemon to drive, and the reading back of what was recorded."""
