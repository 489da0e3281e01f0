"""`edged demo`: the real daemon on two test patterns, its status, a broker, and checks of what came of it."""
