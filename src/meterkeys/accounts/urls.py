from allauth.account import views as allauth_views
from django.urls import path, re_path

from meterkeys.accounts import views

urlpatterns = [
    path("login/", allauth_views.login, name="account_login"),
    path("logout/", views.LogoutView.as_view(), name="account_logout"),
    path("account/inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("signup/", allauth_views.signup, name="account_signup"),
    path("password/change/", allauth_views.password_change, name="account_change_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/set/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.SetPasswordView.as_view(),
        name="account_reset_password_from_key",
    ),
    path(
        "password/set/done/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("profile/email/", allauth_views.email, name="account_email"),
    path("email/confirm/", allauth_views.email_verification_sent, name="account_email_verification_sent"),
    re_path(
        r"^email/confirm/(?P<key>[-:\w]+)/$", views.ConfirmEmailView.as_view(), name="account_confirm_email"
    ),
]
