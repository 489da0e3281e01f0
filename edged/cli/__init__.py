"""`edgectl`: what people on the box see and do; asks the daemon over its socket, and imports late to start fast."""
