from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("risk", "0003_keyword_options"),
    ]

    operations = [
        migrations.CreateModel(
            name="IncidentStep",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "community_id",
                        "incident",
                        "step",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("community_id", models.BigIntegerField()),
                ("incident", models.BigIntegerField()),
                ("step", models.TextField()),
                ("state", models.TextField()),
                ("attempt", models.IntegerField()),
                ("detail", models.TextField()),
                ("people", models.IntegerField(null=True)),
                ("by", models.TextField()),
                ("at", models.DateTimeField()),
                ("due", models.DateTimeField(null=True)),
                ("effects", models.JSONField()),
                ("case_id", models.BigIntegerField(null=True)),
                ("file", models.TextField()),
            ],
            options={
                "db_table": "incident_step",
            },
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "community_id", "seq", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("community_id", models.BigIntegerField()),
                ("seq", models.BigIntegerField()),
                ("mode", models.TextField(choices=[("live", "事件"), ("drill", "演练")])),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("open", "进行中"),
                            ("done", "完成"),
                            ("cancelled", "已取消"),
                            ("reopened", "已重新开放"),
                        ]
                    ),
                ),
                ("group_id", models.BigIntegerField()),
                ("case_id", models.BigIntegerField(null=True)),
                ("cause_seq", models.BigIntegerField(null=True)),
                ("new_group_id", models.BigIntegerField(null=True)),
                ("offenders", models.JSONField()),
                ("allowed", models.JSONField()),
                ("invite_after", models.IntegerField()),
                ("started_by", models.TextField()),
                ("started_at", models.DateTimeField()),
                ("confirmed_by", models.TextField()),
                ("proposed_by", models.TextField()),
                ("ended_by", models.TextField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "incident",
                "indexes": [
                    models.Index(condition=models.Q(("state", "open")), fields=["community_id"], name="incident_open"),
                    models.Index(fields=["community_id", "case_id"], name="incident_by_case"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "community_id",
                        "group_id",
                        "member_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("community_id", models.BigIntegerField()),
                ("group_id", models.BigIntegerField()),
                ("member_id", models.BigIntegerField()),
                ("old_group_id", models.BigIntegerField()),
                ("incident", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("joined_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "incident_invitation",
                "indexes": [models.Index(fields=["community_id", "member_id"], name="invitation_by_member")],
            },
        ),
    ]
