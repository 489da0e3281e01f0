"""The dialogue with a camera: RTSP, SDP, authentication, and the connection it runs over."""
