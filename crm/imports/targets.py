"""Targets: where a column of a file of customers can go, and which headings say so."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from crm.choices import Channel

# Columns of the customer, each with the longest text it takes; the rest of Person follows.
LENGTHS = {
    "external_id": 320,
    "email": 320,
    "phone": 40,
    "first_name": 150,
    "last_name": 150,
    "country": 60,
    "city": 150,
    "postcode": 20,
    "street": 255,
    "language": 10,
    "time_zone": 64,
}
HANDLES = ("external_id", "email", "phone")
NOTHING = ""
ATTRIBUTE = "attributes."
CONSENT = "consent."
CONSENT_SOURCE = "consent.source"
CONSENT_DATE = "consent.date"
CONSENTS = tuple(f"{CONSENT}{channel}" for channel in Channel.values)
ATTRIBUTE_NAME = re.compile(r"[^\x00-\x1f]{1,100}\Z")


@dataclass(frozen=True, slots=True)
class Target:
    """One place a column can go, in words, and the headings it is known by."""

    name: str
    label: Any
    headings: tuple[str, ...]


TARGETS: tuple[Target, ...] = (
    Target(
        "external_id",
        _("Customer number"),
        (
            "id",
            "customerid",
            "customernumber",
            "customerno",
            "externalid",
            "userid",
            "memberid",
            "clientid",
            "contactid",
            "客户编号",
            "客户id",
            "客户号",
            "会员号",
            "会员编号",
            "会员id",
            "用户id",
            "编号",
            "kundennummer",
            "kundennr",
            "numeroclient",
            "numerodecliente",
        ),
    ),
    Target(
        "email",
        _("E-mail"),
        (
            "email",
            "emailaddress",
            "mail",
            "mailaddress",
            "emailadresse",
            "courriel",
            "adressemail",
            "correo",
            "correoelectronico",
            "correoelectrónico",
            "邮箱",
            "电子邮箱",
            "电子邮件",
            "邮件",
            "邮箱地址",
            "电邮",
        ),
    ),
    Target(
        "phone",
        _("Phone"),
        (
            "phone",
            "phonenumber",
            "mobile",
            "mobilephone",
            "mobilenumber",
            "cell",
            "cellphone",
            "tel",
            "telephone",
            "telefon",
            "handy",
            "telefonnummer",
            "mobil",
            "téléphone",
            "telefono",
            "teléfono",
            "móvil",
            "电话",
            "手机",
            "手机号",
            "手机号码",
            "电话号码",
            "联系电话",
        ),
    ),
    Target(
        "first_name",
        _("First name"),
        (
            "firstname",
            "givenname",
            "forename",
            "first",
            "vorname",
            "prénom",
            "prenom",
            "nombre",
            "名",
            "名字",
        ),
    ),
    Target(
        "last_name",
        _("Last name"),
        (
            "lastname",
            "surname",
            "familyname",
            "last",
            "nachname",
            "familienname",
            "nomdefamille",
            "apellido",
            "apellidos",
            "姓",
            "姓氏",
        ),
    ),
    Target(
        "full_name",
        _("Whole name"),
        (
            "name",
            "fullname",
            "customername",
            "contactname",
            "nom",
            "nomcomplet",
            "nombrecompleto",
            "姓名",
            "客户姓名",
            "全名",
        ),
    ),
    Target(
        "country",
        _("Country"),
        ("country", "countrycode", "land", "pays", "país", "pais", "国家", "国家地区", "国家代码"),
    ),
    Target("city", _("City"), ("city", "town", "ort", "stadt", "ville", "ciudad", "城市", "市")),
    Target(
        "postcode",
        _("Postcode"),
        (
            "postcode",
            "postalcode",
            "zip",
            "zipcode",
            "plz",
            "postleitzahl",
            "codepostal",
            "códigopostal",
            "邮编",
            "邮政编码",
        ),
    ),
    Target(
        "street",
        _("Street"),
        (
            "street",
            "address",
            "address1",
            "streetaddress",
            "addressline1",
            "straße",
            "strasse",
            "adresse",
            "rue",
            "calle",
            "dirección",
            "地址",
            "街道",
            "详细地址",
        ),
    ),
    Target(
        "language",
        _("Language"),
        ("language", "lang", "locale", "sprache", "langue", "idioma", "语言"),
    ),
    Target("time_zone", _("Time zone"), ("timezone", "tz", "zeitzone", "时区")),
    Target(
        "created_at",
        _("Customer since"),
        (
            "createdat",
            "created",
            "customersince",
            "since",
            "signupdate",
            "registeredat",
            "registrationdate",
            "erstelltam",
            "注册时间",
            "注册日期",
            "创建时间",
        ),
    ),
    Target(
        "consent.email",
        _("Consent to e-mail"),
        (
            "consentemail",
            "emailconsent",
            "newsletter",
            "optin",
            "emailoptin",
            "marketingconsent",
            "acceptsmarketing",
            "subscribed",
            "acceptsemailmarketing",
            "邮件订阅",
            "同意邮件",
            "邮件同意",
            "是否订阅",
        ),
    ),
    Target(
        "consent.sms",
        _("Consent to SMS"),
        (
            "consentsms",
            "smsconsent",
            "smsoptin",
            "acceptssmsmarketing",
            "短信订阅",
            "同意短信",
            "短信同意",
        ),
    ),
    Target(
        CONSENT_SOURCE,
        _("Where consent was given"),
        ("consentsource", "optinsource", "同意来源", "订阅来源"),
    ),
    Target(
        CONSENT_DATE,
        _("When consent was given"),
        ("consentdate", "consentat", "optindate", "optintime", "同意日期", "同意时间", "订阅时间"),
    ),
)
BY_NAME: Mapping[str, Target] = {target.name: target for target in TARGETS}
_BY_HEADING = {heading: target.name for target in TARGETS for heading in target.headings}


def plain(*, heading: str) -> str:
    """A heading without spaces, marks and capitals."""
    return "".join(letter for letter in heading.lower() if letter.isalnum())


def by_heading(*, heading: str) -> str:
    """The target that a heading names, or nothing."""
    if heading in BY_NAME or heading.startswith(ATTRIBUTE):
        return heading
    return _BY_HEADING.get(plain(heading=heading), NOTHING)


def is_ours(*, heading: str) -> bool:
    """Whether an earlier import wrote this column beside the rows it rejected."""
    return heading in ("rejected_line", "rejected_reason", "rejected_column")


def attribute(*, heading: str) -> str:
    """The name of the attribute that a heading becomes where nothing else fits."""
    name = "_".join(heading.removeprefix(ATTRIBUTE).strip().lower().split())
    return "".join(letter for letter in name if letter.isalnum() or letter in "_-")[:100]
