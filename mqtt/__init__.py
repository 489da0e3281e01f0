"""The link to the centre. May import storage; knows nothing of edged or recorder. Begin with `client.link`."""
