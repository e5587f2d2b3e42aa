from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("risk", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="RuleReview",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "community_id", "rule", "seq", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("community_id", models.BigIntegerField()),
                ("rule", models.TextField()),
                ("seq", models.BigIntegerField()),
                ("verdict_right", models.BooleanField()),
                ("verdict_by", models.TextField(default="")),
                ("verdict_at", models.DateTimeField()),
                ("verdict_seq", models.BigIntegerField()),
            ],
            options={"db_table": "rule_review"},
        ),
        migrations.AddIndex(
            model_name="rulereview",
            index=models.Index(fields=["community_id", "rule", "-verdict_seq"], name="rule_review_latest"),
        ),
    ]
