"""What the centre may tell a box to do, and whether a message is such a command. Pure. Begin with `validation`."""
