"""What `edgectl probe` says of a camera: remarks, the table to paste, the document. Pure."""
