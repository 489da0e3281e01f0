"""The dialogue with a camera: RTSP, authentication, and the connection it runs over.

Begin with `source`, which opens and reads a stream; `dialogue` asks the questions, `message` has their bytes,
`connection` and `tls` carry them.
"""
