"""The one database (索引): its writer, its facts, its questions. Only here is SQL spoken."""
