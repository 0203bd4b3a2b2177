"""Addresses of users, and of what waits for oneself."""

from django.urls import URLPattern, path

from meterkeys.organisations.views import memberships, users

urlpatterns: list[URLPattern] = [
    path("admin/users/", users.list_all, name="user_list"),
    path("admin/users/facets/<str:facet>/", users.list_facet_options, name="user_facet"),
    path("admin/users/new/", users.create, name="user_create"),
    path("admin/users/<int:membership_id>/", users.edit, name="user_edit"),
    path("admin/users/<int:membership_id>/password/", users.set_password, name="user_password"),
    path("admin/users/<int:membership_id>/deactivate/", users.deactivate, name="user_deactivate"),
    path("admin/users/<int:membership_id>/activate/", users.activate, name="user_activate"),
    path("admin/users/<int:membership_id>/remove/", users.remove, name="user_remove"),
    path("admin/users/<int:membership_id>/resend/", users.resend, name="user_resend"),
    path("memberships/<int:membership_id>/", memberships.answer, name="membership_answer"),
]
