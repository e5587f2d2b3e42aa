"""How hot tables are stored: room on each page for the next version of a row, and no vain compression of hashes."""

from django.db import migrations

FORWARD = """
ALTER TABLE sealed_block ALTER COLUMN leaves SET STORAGE EXTERNAL;
ALTER TABLE engine_state SET (fillfactor = 80);
ALTER TABLE consumer_cursor SET (fillfactor = 20);
ALTER TABLE event_head SET (fillfactor = 20);
"""
BACKWARD = """
ALTER TABLE sealed_block ALTER COLUMN leaves SET STORAGE EXTENDED;
ALTER TABLE engine_state RESET (fillfactor);
ALTER TABLE consumer_cursor RESET (fillfactor);
ALTER TABLE event_head RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
