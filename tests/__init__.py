"""Tests: unit (pure), model (state machines), integration (real servers, real files), faults (root)."""
