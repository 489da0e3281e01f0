"""The calls of the control API by topic, each module with its own routes; `edged.control` serves them.

A module here turns a request into values, asks storage or the site on a thread, and answers with a document. What is
decided is decided elsewhere.
"""
