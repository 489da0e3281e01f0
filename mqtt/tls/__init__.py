"""Certificates and keys of the link: read, judged, replaced while it runs. Begin with `keyring`."""
