"""The pages about people and organisations."""

from meterkeys.organisations.urls import invitations, organisations, partners, users

urlpatterns = [
    *users.urlpatterns,
    *invitations.urlpatterns,
    *organisations.urlpatterns,
    *partners.urlpatterns,
]
