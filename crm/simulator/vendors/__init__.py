"""Providers of SMS as they really speak: what they take, what they answer, how they call back."""

from crm.simulator.vendors.aliyun_sms import AliyunSms
from crm.simulator.vendors.http_template import HttpTemplate
from crm.simulator.vendors.messagebird import MessageBird
from crm.simulator.vendors.plivo import Plivo
from crm.simulator.vendors.shapes import Keys, Said, Taken, Vendor
from crm.simulator.vendors.sinch import Sinch
from crm.simulator.vendors.tencent_sms import TencentSms
from crm.simulator.vendors.twilio import Twilio
from crm.simulator.vendors.vonage import Vonage

__all__ = ["TOLD_IN_CONSOLE", "UNSIGNED", "VENDORS", "Keys", "Said", "Taken", "Vendor", "all_of"]

VENDORS: dict[str, type[Vendor]] = {
    "aliyun_sms": AliyunSms,
    "http_template": HttpTemplate,
    "messagebird": MessageBird,
    "plivo": Plivo,
    "sinch": Sinch,
    "tencent_sms": TencentSms,
    "twilio": Twilio,
    "vonage": Vonage,
}
# Vendors that learn from their console, not from each message, where reports go.
TOLD_IN_CONSOLE = frozenset({"aliyun_sms", "tencent_sms"})
# Vendors that sign nothing: the address they call has a token in it.
UNSIGNED = TOLD_IN_CONSOLE | {"http_template"}


def all_of(*, key: str, secret: str) -> dict[str, Vendor]:
    """Every vendor, with the key that it takes and the secret that it signs with."""
    return {name: vendor(Keys(key, secret)) for name, vendor in VENDORS.items()}
