"""One runner a camera, between recorder and storage. Begin with `runners`. May enter access and the rooms below."""
