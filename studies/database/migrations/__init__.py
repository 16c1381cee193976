"""Alembic's migrations of our tables, run by `studies.schema` when a database is opened.

To change a table: change `studies.models`, add `versions/NNNN_what.py` with `down_revision` set to
the last one, and set `studies.schema.HEAD`. A migration is written out, never derived from the
models, which will have moved on; what was released is never edited. There is no way back down:
results are not thrown away. The tests compare where the migrations end with the models.
"""
