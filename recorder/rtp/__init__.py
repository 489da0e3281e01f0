"""RTP, RTCP and SDP: packets of a track to coded units and the camera's clock. Pure. Begin with `track`."""
