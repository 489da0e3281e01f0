"""The machine below: clock, systemd, journal, file events, who may read what. Knows no configuration and no camera."""
