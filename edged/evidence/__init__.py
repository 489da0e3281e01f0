"""Evidence that leaves the box: what a folder of exported footage holds, how it is sealed, and how anyone checks it."""
