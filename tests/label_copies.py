"""Are the copies beside the labels what their devices say?"""

from django.db.models import Case, F, Q, QuerySet, When

from meterkeys.devices.models import DeviceLabel


def list_stale_labels() -> QuerySet[DeviceLabel]:
    """Return the labels that say something else of their device than the device does."""
    own_state = Case(When(device__owner=F("owner"), then=F("device__state")))
    same_state = Q(state=F("own_state")) | Q(state=None, own_state=None)
    same_rest = Q(product_type=F("device__product_type"), serial_number=F("device__serial_number"))
    same_rest &= Q(batch=F("device__batch")) | Q(batch=None, device__batch=None)
    labels = DeviceLabel.unscoped.annotate(own_state=own_state)
    return labels.exclude(pk__in=labels.filter(same_state & same_rest).values("pk"))
