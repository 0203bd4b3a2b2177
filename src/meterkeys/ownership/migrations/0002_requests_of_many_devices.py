from django.db import migrations, models



def write_on_devices(apps, schema_editor):
    """A request named its one device; from now on the devices name the request that they wait in."""
    requests = apps.get_model("ownership", "OwnershipRequest")._base_manager.select_related("device")
    for request in requests.iterator():
        request.subject = request.device.serial_number
        request.save(update_fields=["subject"])
        if request.state == "open":
            request.device.pending_id = request.pk
            request.device.save(update_fields=["pending_id"])


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0002_pending_answers"),
        ("organisations", "0002_invitations_and_grants"),
        ("ownership", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            "ownershiprequest", "device_count", models.PositiveIntegerField(default=1)
        ),
        migrations.AddField(
            "ownershiprequest", "subject", models.CharField(default="", max_length=100), preserve_default=False
        ),
        migrations.RunPython(write_on_devices, migrations.RunPython.noop),
        migrations.RemoveConstraint("ownershiprequest", "one_open_request_per_device"),
        migrations.RemoveField("ownershiprequest", "device"),
    ]
