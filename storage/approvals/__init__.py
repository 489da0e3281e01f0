"""Acts that wait for a second person, and the record of what people did.

Begin with `service`.
"""
