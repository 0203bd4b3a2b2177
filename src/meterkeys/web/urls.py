from django.urls import path

from meterkeys.web.views import audit, entrance, letters, product_types, profile

urlpatterns = [
    path("", entrance.home, name="home"),
    path("organisation/switch/", entrance.switch_organisation, name="switch_organisation"),
    path("profile/", profile.profile, name="profile"),
    path("language/", profile.set_language, name="set_language"),
    path("theme/", profile.set_theme, name="set_theme"),
    path("audit/", audit.audit_list, name="audit_list"),
    path("product-types/", product_types.product_type_list, name="product_type_list"),
    path("demo/letters/", letters.demo_letters, name="demo_letters"),
]
