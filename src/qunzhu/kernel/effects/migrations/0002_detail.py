"""What came of an effect is a code with its parameters; sentences of earlier versions are kept as they were said."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("effects", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE effect ALTER COLUMN detail TYPE jsonb USING CASE WHEN detail = '' THEN '{}'::jsonb"
            " ELSE jsonb_build_object('code', 'quoted', 'text', detail) END",
            "ALTER TABLE effect ALTER COLUMN detail TYPE text USING COALESCE(detail->>'text', detail->>'code', '')",
            state_operations=[
                migrations.AlterField(model_name="effect", name="detail", field=models.JSONField(default=dict)),
            ],
        ),
    ]
