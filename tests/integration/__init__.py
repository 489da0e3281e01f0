"""Tests against real servers, real processes and real files."""
