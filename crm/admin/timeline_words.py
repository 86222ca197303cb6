"""What events are called on a timeline, the icon of each, and which of them are noise there."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

NAMES: Mapping[str, tuple[Any, str]] = {
    "order.placed": (_("Placed an order"), "shopping_cart"),
    "order.cancelled": (_("Order cancelled"), "remove_shopping_cart"),
    "order.refunded": (_("Order refunded"), "currency_exchange"),
    "customer.identified": (_("Told who they are"), "badge"),
    "customer.linked": (_("Recognised as a known visitor"), "link"),
    "customer.signed_up": (_("Signed up"), "person_add"),
    "company.joined": (_("Joined a company"), "domain"),
    "message.received": (_("Message received"), "mail"),
    "message.sent": (_("Message sent"), "send"),
    "message.delivered": (_("Message delivered"), "mark_email_read"),
    "message.opened": (_("Opened a message"), "drafts"),
    "message.clicked": (_("Clicked a link"), "ads_click"),
    "message.bounced": (_("Message bounced"), "unsubscribe"),
    "message.complained": (_("Complained about a message"), "report"),
    "message.failed": (_("Message failed"), "error"),
    "consent.granted": (_("Gave consent"), "verified_user"),
    "consent.pending": (_("Asked to confirm consent"), "hourglass_top"),
    "consent.withdrawn": (_("Withdrew consent"), "gpp_bad"),
    "page.viewed": (_("Looked at a page"), "web"),
    "screen.viewed": (_("Looked at a screen of the app"), "smartphone"),
    "search.performed": (_("Searched the shop"), "search"),
    "product.searched": (_("Searched the shop"), "search"),
    "product.list_viewed": (_("Looked through products"), "view_list"),
    "product.list_filtered": (_("Narrowed a list of products"), "filter_alt"),
    "product.clicked": (_("Chose a product"), "touch_app"),
    "product.viewed": (_("Looked at a product"), "visibility"),
    "product.shared": (_("Shared a product"), "share"),
    "product.reviewed": (_("Reviewed a product"), "star"),
    "product.added": (_("Put a product in the cart"), "add_shopping_cart"),
    "promotion.viewed": (_("Saw a promotion"), "campaign"),
    "promotion.clicked": (_("Followed a promotion"), "ads_click"),
    "cart.product_added": (_("Put a product in the cart"), "add_shopping_cart"),
    "cart.product_removed": (_("Took a product out of the cart"), "remove_shopping_cart"),
    "cart.viewed": (_("Looked at the cart"), "shopping_cart"),
    "cart.shared": (_("Shared the cart"), "share"),
    "cart.left": (_("Left a cart behind"), "remove_shopping_cart"),
    "cart.updated": (_("Changed the cart"), "add_shopping_cart"),
    "checkout.started": (_("Went to the checkout"), "shopping_cart_checkout"),
    "checkout.step_viewed": (_("Saw a step of the checkout"), "checklist"),
    "checkout.step_completed": (_("Finished a step of the checkout"), "checklist"),
    "checkout.payment_entered": (_("Entered how to pay"), "credit_card"),
    "checkout.order_completed": (_("The shop told of an order"), "receipt_long"),
    "checkout.order_updated": (_("The shop changed an order"), "receipt_long"),
    "checkout.order_refunded": (_("The shop told of a refund"), "receipt_long"),
    "checkout.order_cancelled": (_("The shop told of a cancelled order"), "receipt_long"),
    "coupon.entered": (_("Entered a coupon"), "sell"),
    "coupon.applied": (_("Used a coupon"), "sell"),
    "coupon.denied": (_("Coupon refused"), "sell"),
    "coupon.removed": (_("Took a coupon out"), "sell"),
    "wishlist.product_added": (_("Put a product on the wish list"), "favorite"),
    "wishlist.product_removed": (_("Took a product off the wish list"), "heart_minus"),
    "wishlist.product_moved_to_cart": (_("Moved a wish to the cart"), "add_shopping_cart"),
}
# These say what the message beside them says already.
TOLD_BY_MESSAGES = ("message.sent", "message.received")
# Neither staff nor customers did these: what they led to is on the timeline itself.
NOISE = (
    *TOLD_BY_MESSAGES,
    "message.delivered",
    "message.opened",
    "message.bounced",
    "message.failed",
    "customer.identified",
    "customer.linked",
    "checkout.order_completed",
    "checkout.order_updated",
    "checkout.order_refunded",
    "checkout.order_cancelled",
)
# Many of these in a row are one entry.
BROWSING = frozenset(
    {
        "page.viewed",
        "screen.viewed",
        "search.performed",
        "product.searched",
        "product.list_viewed",
        "product.list_filtered",
        "product.clicked",
        "product.viewed",
        "promotion.viewed",
        "cart.viewed",
        "checkout.step_viewed",
    }
)
NOT_VISITS = ("order.", "message.", "consent.", "customer.", "company.", "checkout.order_")
