"""`meterkeys create-organisation NAME --administrator ADDRESS`: how an empty installation begins."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from meterkeys.accounts.models import User
from meterkeys.accounts.services import create_account, make_password_link
from meterkeys.core.errors import DomainError
from meterkeys.keystore.installation import RootKeyError, check_root_key
from meterkeys.organisations.models import Organisation
from meterkeys.organisations.permissions import Role
from meterkeys.organisations.services import add_member, found_organisation, has_system_administrator


class Command(BaseCommand):
    help = "Found an organisation and make somebody its first administrator."

    def add_arguments(self, parser: CommandParser) -> None:
        languages = [code for code, _name in settings.LANGUAGES]
        parser.add_argument("name", metavar="NAME")
        parser.add_argument(
            "--administrator", required=True, metavar="ADDRESS", help="the person's e-mail address"
        )
        parser.add_argument(
            "--issuer", action="store_true", help="it imports devices to deliver them to others"
        )
        parser.add_argument(
            "--system-administrator",
            action="store_true",
            help="the person runs the installation as well; implied for the first one",
        )
        parser.add_argument("--prefix", default="", help="its batch references begin with it: a-z and 0-9")
        parser.add_argument(
            "--language", default="en", choices=languages, help="of its letters and a new account"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        address = self._read_address(options["administrator"])
        try:
            check_root_key()
            with transaction.atomic():
                organisation = self._found(options)
                administrator = self._bring_account(address, options["language"])
                add_member(administrator, organisation, self._choose_roles(organisation, options))
        except (DomainError, RootKeyError) as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            lines = [f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items()]
            raise CommandError("\n".join(lines)) from error
        self._report(organisation, administrator)

    def _read_address(self, text: str) -> str:
        address = text.strip().lower()
        try:
            User(email=address).clean_fields(exclude=["name", "password"])
        except ValidationError as error:
            raise CommandError(f"{text} is not an e-mail address.") from error
        return address

    def _found(self, options: dict[str, Any]) -> Organisation:
        fields = {
            "is_issuer": options["issuer"],
            "may_create_organisations": True,
            "short_prefix": options["prefix"],
            "language": options["language"],
        }
        Organisation(name=options["name"], **fields).clean_fields()
        return found_organisation(options["name"], **fields)

    def _bring_account(self, address: str, language: str) -> User:
        known = User.objects.filter(email__iexact=address).first()
        return known or create_account(address, name=address.partition("@")[0][:100], language=language)

    def _choose_roles(self, organisation: Organisation, options: dict[str, Any]) -> list[Role]:
        roles = [Role.ADMINISTRATOR]
        if organisation.is_issuer:
            roles.append(Role.ISSUER)
        if options["system_administrator"] or not has_system_administrator():
            roles.append(Role.SYSTEM_ADMINISTRATOR)
        return roles

    def _report(self, organisation: Organisation, administrator: User) -> None:
        self.stdout.write(f'Founded "{organisation.name}"; its administrator is {administrator.email}.')
        if administrator.has_usable_password():
            self.stdout.write(f"This account exists already: log in at {settings.PUBLIC_URL}/login/")
            return
        days = settings.PASSWORD_RESET_TIMEOUT // 86_400
        self.stdout.write(f"The password is set here; the link works once and for {days} days:")
        self.stdout.write(make_password_link(administrator))
