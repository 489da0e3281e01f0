"""調閱: requests for footage as rows and leaves, the people who decide them, and the keys that open what people wrote.

Keys may be missing or damaged: then nobody is shown, and everything else goes on. Begin with `table` and `keys`;
`key_files` is pure.
"""
