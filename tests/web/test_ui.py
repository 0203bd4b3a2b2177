"""The template tags and includes that pages are made of."""

from http import HTTPStatus
from typing import Any

import pytest
from django import forms
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from meterkeys.core.facets import Facet, Option
from meterkeys.devices.models import Device, DeviceState
from tests.world import PASSWORD, World


class Answers(forms.Form):
    name = forms.CharField(help_text="As on the label.")
    kind = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    agreed = forms.BooleanField(required=False)
    colour = forms.ChoiceField(choices=[("r", "Red")], required=False)


def render(source: str, **context: Any) -> str:
    return Template("{% load ui %}" + source).render(Context(context))


def test_an_icon_without_a_label_is_hidden_from_screen_readers() -> None:
    assert 'aria-hidden="true"' in render("{% icon 'key' %}")


def test_the_label_of_an_icon_is_escaped() -> None:
    assert 'aria-label="&lt;b&gt;"' in render("{% icon 'key' label %}", label="<b>")


@pytest.mark.parametrize(
    ("field", "css_class"),
    [("name", "form-control"), ("agreed", "form-check-input"), ("colour", "form-select")],
)
def test_each_kind_of_control_has_its_class(field: str, css_class: str) -> None:
    assert f'class="{css_class}"' in render("{% control field %}", field=Answers()[field])


def test_a_control_with_an_error_is_marked_and_points_at_help_and_error() -> None:
    rendered = render_to_string("web/_field.html", {"field": Answers({})["name"]})
    assert "is-invalid" in rendered
    assert 'aria-invalid="true"' in rendered
    assert 'aria-describedby="id_name_helptext id_name_error"' in rendered
    assert 'id="id_name_helptext"' in rendered
    assert 'id="id_name_error"' in rendered


def test_only_fields_that_may_stay_empty_are_called_optional() -> None:
    form = Answers()
    assert "(optional)" not in render_to_string("web/_field.html", {"field": form["name"]})
    assert "(optional)" in render_to_string("web/_field.html", {"field": form["colour"]})


def test_the_error_summary_links_to_the_fields_and_to_the_first_of_a_group() -> None:
    rendered = render_to_string("web/_form_errors.html", {"form": Answers({})})
    assert 'href="#id_name"' in rendered
    assert 'href="#id_kind_0"' in rendered


def test_a_form_without_errors_has_no_summary() -> None:
    assert render_to_string("web/_form_errors.html", {"form": Answers()}).strip() == ""


@pytest.mark.parametrize(
    ("chosen", "summary"), [((), ""), (("A",), "A"), (("A", "C"), "A +1"), (("A", "B", "C"), "A +2")]
)
def test_a_facet_is_summed_up_by_its_first_choice_and_the_number_of_others(
    chosen: tuple[str, ...], summary: str
) -> None:
    options = [Option(label.lower(), label, is_chosen=label in chosen) for label in "ABC"]
    assert render("{{ options|summarise_chosen }}", options=options) == summary


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Camille Martin", "CM"),
        ("camille", "C"),
        ("Ana de la Cruz", "AC"),
        ("", "?"),
        ("installer@x.example", "IX"),
    ],
)
def test_initials_are_at_most_two_letters(name: str, letters: str) -> None:
    assert render("{{ name|initials }}", name=name) == letters


@pytest.mark.parametrize("state", [state.name.lower() for state in DeviceState])
def test_every_state_is_shown_by_an_icon_and_words(state: str) -> None:
    rendered = render_to_string("web/_status.html", {"state": state})
    assert "<svg" in rendered
    assert rendered.split("</svg>")[1].split("<")[0].strip().isupper()


def test_a_state_is_written_in_the_language_of_whoever_reads_it() -> None:
    written = {}
    for language in ("en", "fr", "en"):
        with override(language):
            written[language] = render("{% status 'claimed' %}")
    assert "CLAIMED" in written["en"]
    assert "REVENDIQUÉ" in written["fr"]


def test_a_shown_key_stands_in_the_page_once_and_not_in_its_mask() -> None:
    slot = {"name": "AppKey", "algorithm": "AES-128", "reveal_url": "/reveal/", "download_url": ""}
    rendered = render_to_string("web/_key_shown.html", {"slot": slot, "value": "00AA", "csrf_token": "t"})
    assert rendered.count("00AA") == 1
    assert "00AA" not in rendered.split("<template")[1]
    assert 'hx-post="/reveal/"' in rendered.split("<template")[1]


def test_a_facet_whose_options_are_looked_up_keeps_its_search_out_of_the_form() -> None:
    facet = Facet("type", "Type", [Option("t", "T", is_chosen=True)], "/o/")
    rendered = render_to_string("web/_facet.html", {"facet": facet})
    assert 'form=""' in rendered
    assert "checked" in rendered


def test_a_facet_without_look_up_has_no_search() -> None:
    facet = Facet("type", "Type", [Option("t", "T", is_chosen=False)])
    assert "data-facet-search" not in render_to_string("web/_facet.html", {"facet": facet})


@pytest.mark.django_db
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_a_message_stands_once_in_a_list_and_in_the_part_that_is_replaced(
    world: World, headers: dict[str, str]
) -> None:
    batch = world.deliver(["1001"], world.stadtwerk)
    address = reverse("device_claim", args=[Device.unscoped.get(batch=batch).pk])
    client = world.client("stadtwerk_administrator")
    answer = client.post(address, {"next": "/devices/"}, headers=headers, follow=True)
    assert answer.content.decode().count("notice--success") == 1


@pytest.mark.django_db
def test_logging_in_says_nothing_that_the_page_does_not_say(world: World) -> None:
    given = {"login": world.users["acme_issuer"].email, "password": PASSWORD}
    answer = Client().post("/login/", given, follow=True)
    assert answer.status_code == HTTPStatus.OK
    assert list(answer.context["messages"]) == []
