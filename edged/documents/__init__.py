"""What `edgectl --json` prints and the control socket serves: one class per verb, a module per topic.

The contract of the surface; `docs/schemas/` is generated from here (`script/schemas`).
"""
