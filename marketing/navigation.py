"""The admin's accent and sidebar: every page staff use, grouped by the work they do."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.http import HttpRequest


def static_lazy(path: str) -> Callable[[HttpRequest], str]:
    """The address of a static file, for whoever asks with a request."""

    def address(_request: HttpRequest) -> str:
        from django.templatetags.static import static

        return static(path)

    return address


def _reverse(name: str) -> str:
    from django.urls import get_script_prefix, get_urlconf

    return _reversed(name, get_script_prefix(), get_urlconf())


# Every page asks for every address, some of them several times.
@cache
def _reversed(name: str, prefix: str, addresses: str | None) -> str:
    from django.urls import reverse

    return reverse(name, urlconf=addresses)


# Django's own would load its database layer with the settings, for processes without one too.
reverse_lazy = lazy(_reverse, str)


def _page(title: Any, icon: str, name: str, permission: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{name}"),
        "permission": lambda request: request.user.has_perm(permission),
    }


# The accent of the admin.
TEAL = {
    "50": "oklch(98.4% .014 180.72)",
    "100": "oklch(95.3% .051 180.801)",
    "200": "oklch(91% .096 180.426)",
    "300": "oklch(85.5% .138 181.071)",
    "400": "oklch(77.7% .152 181.912)",
    "500": "oklch(70.4% .14 182.503)",
    "600": "oklch(51.1% .096 186.391)",
    "700": "oklch(43.7% .078 188.216)",
    "800": "oklch(38.6% .063 188.416)",
    "900": "oklch(33% .05 188)",
    "950": "oklch(27.7% .046 192.524)",
}

SIDEBAR: dict[str, Any] = {
    "show_search": True,
    "command_search": True,
    "show_all_applications": False,
    "navigation": [
        {
            "items": [
                {
                    "title": _("Dashboard"),
                    "icon": "space_dashboard",
                    "link": reverse_lazy("admin:index"),
                },
                {
                    **_page(_("Inbox"), "inbox", "crm_inbox", "crm.use_inbox"),
                    "badge": "crm.admin.inbox_list.waiting_badge",
                    "badge_variant": "warning",
                },
                _page(
                    _("Outbox"), "outbox", "crm_caughtmessage_changelist", "crm.view_caughtmessage"
                ),
            ],
        },
        {
            "title": _("Customers"),
            "separator": True,
            "items": [
                _page(_("Customers"), "group", "crm_customer_changelist", "crm.view_customer"),
                _page(
                    _("Possible duplicates"),
                    "join_inner",
                    "crm_duplicatecandidate_changelist",
                    "crm.merge_customer",
                ),
                _page(_("Merges"), "merge", "crm_merge_changelist", "crm.merge_customer"),
                _page(
                    _("Segments"),
                    "donut_small",
                    "marketing_segment_changelist",
                    "marketing.view_segment",
                ),
                _page(_("Companies"), "domain", "crm_company_changelist", "crm.view_company"),
                _page(_("Data quality"), "health_and_safety", "crm_quality", "crm.view_customer"),
                _page(_("Orders"), "receipt_long", "crm_order_changelist", "crm.view_order"),
                _page(_("Products"), "sell", "crm_product_changelist", "crm.view_product"),
                _page(_("Events"), "timeline", "crm_event_changelist", "crm.view_event"),
            ],
        },
        {
            "title": _("Campaigns"),
            "separator": True,
            "items": [
                _page(
                    _("Campaigns"),
                    "campaign",
                    "campaigns_campaign_changelist",
                    "campaigns.view_campaign",
                ),
                _page(_("Templates"), "draft", "crm_template_changelist", "crm.view_template"),
                _page(_("Snippets"), "extension", "crm_snippet_changelist", "crm.view_snippet"),
                _page(
                    _("Deliveries"),
                    "send",
                    "campaigns_delivery_changelist",
                    "campaigns.view_delivery",
                ),
                _page(_("Messages"), "mail", "crm_message_changelist", "crm.view_message"),
                _page(_("In doubt"), "help", "crm_doubts", "crm.view_message"),
                _page(_("Links by day"), "ads_click", "crm_linkday_changelist", "crm.view_linkday"),
                _page(
                    _("Not counted"),
                    "smart_toy",
                    "crm_uncountedsighting_changelist",
                    "crm.view_uncountedsighting",
                ),
                _page(
                    _("Returned mail"),
                    "undo",
                    "crm_returnedmail_changelist",
                    "crm.view_returnedmail",
                ),
            ],
        },
        {
            "title": _("Understanding"),
            "separator": True,
            "items": [
                _page(
                    _("Training runs"),
                    "model_training",
                    "marketing_trainingrun_changelist",
                    "marketing.view_trainingrun",
                ),
                _page(
                    _("Customer clusters"),
                    "bubble_chart",
                    "marketing_cluster_changelist",
                    "marketing.view_cluster",
                ),
                _page(
                    _("Recommendations"),
                    "auto_awesome",
                    "marketing_recommendationoverride_changelist",
                    "marketing.view_recommendationoverride",
                ),
                _page(
                    _("Intents"),
                    "psychology",
                    "marketing_intent_changelist",
                    "marketing.view_intent",
                ),
                _page(
                    _("Bot answers"),
                    "smart_toy",
                    "campaigns_answer_changelist",
                    "campaigns.view_answer",
                ),
                _page(
                    _("Canned replies"),
                    "quickreply",
                    "campaigns_cannedreply_changelist",
                    "campaigns.view_cannedreply",
                ),
            ],
        },
        {
            "title": _("Records"),
            "separator": True,
            "collapsible": True,
            "items": [
                _page(
                    _("Attributes"),
                    "data_object",
                    "crm_attributedefinition_changelist",
                    "crm.view_attributedefinition",
                ),
                _page(
                    _("Rejected events"),
                    "report",
                    "crm_rejectedevent_changelist",
                    "crm.view_rejectedevent",
                ),
                _page(
                    _("Consent decisions"),
                    "verified_user",
                    "crm_consentdecision_changelist",
                    "crm.view_consentdecision",
                ),
                _page(
                    _("Tracking choices"),
                    "visibility_off",
                    "crm_trackingrefusal_changelist",
                    "crm.view_trackingrefusal",
                ),
                _page(
                    _("Marketing pauses"),
                    "pause_circle",
                    "crm_marketingpause_changelist",
                    "crm.view_marketingpause",
                ),
                _page(
                    _("Suppressions"), "block", "crm_suppression_changelist", "crm.view_suppression"
                ),
                _page(
                    _("Imports"), "upload_file", "crm_importrun_changelist", "crm.view_importrun"
                ),
                _page(_("Exports"), "download", "crm_exportrun_changelist", "crm.view_exportrun"),
                _page(
                    _("Privacy requests"),
                    "shield_person",
                    "crm_privacyrequest_changelist",
                    "crm.view_privacyrequest",
                ),
                _page(
                    _("Retention rules"),
                    "auto_delete",
                    "crm_retentionrule_changelist",
                    "crm.view_retentionrule",
                ),
                _page(
                    _("Accesses"),
                    "visibility",
                    "crm_accessrecord_changelist",
                    "crm.view_accessrecord",
                ),
                _page(_("Callbacks"), "webhook", "crm_callback_changelist", "crm.view_callback"),
                _page(_("Webhooks"), "webhook", "crm_webhook_changelist", "crm.view_webhook"),
                _page(
                    _("Mailboxes"),
                    "mark_email_unread",
                    "crm_mailbox_changelist",
                    "crm.view_mailbox",
                ),
                _page(
                    _("Webhook deliveries"),
                    "outgoing_mail",
                    "crm_webhookdelivery_changelist",
                    "crm.view_webhookdelivery",
                ),
                _page(
                    _("Provider accounts"),
                    "dns",
                    "crm_provideraccount_changelist",
                    "crm.view_provideraccount",
                ),
                _page(
                    _("Sending domains"),
                    "alternate_email",
                    "crm_sendingdomain_changelist",
                    "crm.view_sendingdomain",
                ),
                _page(_("API keys"), "key", "crm_apikey_changelist", "crm.view_apikey"),
                _page(_("Staff"), "badge", "auth_user_changelist", "auth.view_user"),
                _page(
                    _("Roles"), "admin_panel_settings", "auth_group_changelist", "auth.view_group"
                ),
            ],
        },
    ],
}
