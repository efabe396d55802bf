from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0010_resume_needs"),
    ]

    operations = [
        migrations.AddField(
            model_name="systemstate",
            name="limits_need",
            field=models.PositiveSmallIntegerField(default=1),
        ),
    ]
