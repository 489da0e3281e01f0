"""The dialogue with a camera: RTSP, authentication, and the connection it runs over. Begin with `source`."""
