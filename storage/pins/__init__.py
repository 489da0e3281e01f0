"""證據保存: intervals kept out of the ring by somebody with the right to do so (S2).

A pin is a row (`table`), a sidecar and links on the volumes (`sidecar`, which `files` keeps as the rows
say). Begin with `service`; `rules` is pure.
"""
