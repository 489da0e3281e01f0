"""One runner a camera, between recorder and storage. Begin with `runners`."""
