from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("risk", "0002_rulereview"),
    ]

    operations = [
        migrations.AddField(
            model_name="keyword",
            name="options",
            field=models.TextField(default=""),
        ),
    ]
