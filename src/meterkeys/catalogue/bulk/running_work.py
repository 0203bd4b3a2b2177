"""Long work of somebody whose account is closed: whoever closes it takes it over, or ends it."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from meterkeys.accounts.models import User
from meterkeys.organisations.access import Access
from meterkeys.organisations.belongings import Belonging
from meterkeys.runs.models import ENDED, Run
from meterkeys.runs.services import cancel_run


def list_running_work(user: User) -> QuerySet[Run]:
    return Run.objects.filter(user=user).exclude(state__in=ENDED)


def count_running_work(_access: Access, user: User) -> int:
    return list_running_work(user).count()


def hand_work_over(access: Access, user: User) -> None:
    """Let the work go on with the actor's rights; what runs in the name of another organisation ends."""
    own = list_running_work(user).filter(organisation_id=access.organisation_id)
    own.update(user_id=UUID(access.actor.id))
    end_work(access, user)


def end_work(_access: Access, user: User) -> None:
    for run in list_running_work(user):
        cancel_run(run)


RUNNING_WORK = Belonging(
    label=_("Running work"), count=count_running_work, hand_over=hand_work_over, end=end_work
)
