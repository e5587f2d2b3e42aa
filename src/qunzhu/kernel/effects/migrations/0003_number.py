"""Effects get the order of their request; those that wait now keep the order of their time."""

import django.db.models
from django.db import migrations, models

FORWARD = """
CREATE SEQUENCE effect_number;
ALTER TABLE effect ADD COLUMN number bigint NOT NULL DEFAULT 0;
UPDATE effect SET number = waiting.number
  FROM (SELECT community_id, id, nextval('effect_number') AS number
        FROM (SELECT community_id, id FROM effect WHERE status = 'pending' ORDER BY created_at, id) AS by_time) AS waiting
  WHERE effect.community_id = waiting.community_id AND effect.id = waiting.id;
ALTER TABLE effect ALTER COLUMN number SET DEFAULT nextval('effect_number');
ALTER SEQUENCE effect_number OWNED BY effect.number;
"""


class Migration(migrations.Migration):
    dependencies = [("effects", "0002_detail")]

    operations = [
        migrations.RunSQL(
            FORWARD,
            "ALTER TABLE effect DROP COLUMN number",
            state_operations=[
                migrations.AddField(
                    model_name="effect",
                    name="number",
                    field=models.BigIntegerField(
                        db_default=django.db.models.Func(models.Value("effect_number"), function="nextval")
                    ),
                ),
            ],
        ),
        migrations.RemoveIndex(model_name="effect", name="effect_pending"),
        migrations.AddIndex(
            model_name="effect",
            index=models.Index(
                fields=["next_attempt_at", "number"], name="effect_pending", condition=models.Q(status="pending")
            ),
        ),
    ]
