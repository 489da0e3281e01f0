"""What an unclean stop, a lost database or a stranger's hand left: found, told, mended."""
