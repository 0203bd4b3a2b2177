from django.urls import path

from meterkeys.web.views import (
    audit,
    entrance,
    letters,
    mail_templates,
    notices,
    outbox,
    product_types,
    profile,
    runs,
    terms,
)

urlpatterns = [
    path("", entrance.home, name="home"),
    path("admin/", entrance.administration_home, name="admin_home"),
    path("organisation/switch/", entrance.switch_organisation, name="switch_organisation"),
    path("profile/", profile.profile, name="profile"),
    path("language/", profile.set_language, name="set_language"),
    path("theme/", profile.set_theme, name="set_theme"),
    path("notices/", notices.show_notices, name="notice_list"),
    path("notices/panel/", notices.show_panel, name="notice_panel"),
    path("notices/read/", notices.read_all, name="notice_read_all"),
    path("notices/<int:notice_id>/", notices.open_notice, name="notice_open"),
    path("terms/", terms.terms, name="terms"),
    path("admin/terms/", terms.terms_list, name="terms_list"),
    path("audit/", audit.audit_list, name="audit_list"),
    path("product-types/", product_types.product_type_list, name="product_type_list"),
    path("runs/", runs.run_list, name="run_list"),
    path("runs/<uuid:run_id>/", runs.run_detail, name="run_detail"),
    path("runs/<uuid:run_id>/results/", runs.run_results, name="run_results"),
    path("runs/<uuid:run_id>/results.csv", runs.run_results_csv, name="run_results_csv"),
    path("runs/<uuid:run_id>/cancel/", runs.run_cancel, name="run_cancel"),
    path("admin/mail-templates/", mail_templates.mail_template_list, name="mail_template_list"),
    path("admin/mail-templates/sender/", mail_templates.mail_sender_edit, name="mail_sender_edit"),
    path("admin/mail-templates/<str:key>/", mail_templates.mail_template_detail, name="mail_template_detail"),
    path(
        "admin/mail-templates/<str:key>/preview/",
        mail_templates.mail_template_preview,
        name="mail_template_preview",
    ),
    path(
        "admin/mail-templates/<str:key>/copy/",
        mail_templates.mail_template_create_copy,
        name="mail_template_create_copy",
    ),
    path(
        "admin/mail-templates/<str:key>/test/", mail_templates.mail_template_test, name="mail_template_test"
    ),
    path(
        "admin/mail-templates/<uuid:template_id>/edit/",
        mail_templates.mail_template_edit,
        name="mail_template_edit",
    ),
    path(
        "admin/mail-templates/<uuid:template_id>/activate/",
        mail_templates.mail_template_activate,
        name="mail_template_activate",
    ),
    path(
        "admin/mail-templates/<uuid:template_id>/deactivate/",
        mail_templates.mail_template_deactivate,
        name="mail_template_deactivate",
    ),
    path(
        "admin/mail-templates/<uuid:template_id>/delete/",
        mail_templates.mail_template_delete,
        name="mail_template_delete",
    ),
    path("admin/letters/", outbox.letter_list, name="letter_list"),
    path("admin/letters/<int:letter_id>/send-again/", outbox.letter_resend, name="letter_resend"),
    path("demo/letters/", letters.demo_letters, name="demo_letters"),
    path("demo/letters/gallery/", letters.letter_gallery, name="letter_gallery"),
    path(
        "demo/letters/gallery/<str:kind>/<str:language>/",
        letters.letter_gallery_letter,
        name="letter_gallery_letter",
    ),
]
