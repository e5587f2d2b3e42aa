"""Room on each page for the next version of a row: a day's counts change with every message."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE member_day SET (fillfactor = 85); ALTER TABLE group_hour SET (fillfactor = 80);",
            "ALTER TABLE member_day RESET (fillfactor); ALTER TABLE group_hour RESET (fillfactor);",
        )
    ]
