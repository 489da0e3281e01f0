"""RTP and RTCP: packets of one track to coded units and the camera's clock. Pure: bytes in, values out."""
