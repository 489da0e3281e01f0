"""Makes the documents that are written by the code: manual pages, JSON Schemas, the contract, the page of roles.

Called by script/manual, script/schemas and script/roles. No part of the installed program.
"""
