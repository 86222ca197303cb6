"""What was found about a sending domain, in plain words."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.domains import Finding

TITLES: dict[str, Any] = {
    "dkim": _("Signatures (DKIM)"),
    "spf": _("Who may send (SPF)"),
    "dmarc": _("What receivers do (DMARC)"),
    "mx": _("Where bounces go (MX)"),
}
WORDS: dict[str, Promise] = {
    "unanswered": _("DNS gave no answer (%(what)s). Nothing is known; ask again in a while."),
    "dkim_none": _(
        "No key signs mails of this domain. Make one of each kind, publish their records, and use "
        "them once they are seen here."
    ),
    "dkim_theirs": _(
        "%(providers)s signs mails of this domain with a key of its own: publish the records that "
        "it asks for, and see there that it takes the domain as verified."
    ),
    "dkim_planned": _(
        "The record of %(selector)s is not in DNS yet: publish it. It takes up to some hours until "
        "the world sees it."
    ),
    "dkim_waits": _("The record of %(selector)s is seen: the key can be used."),
    "dkim_good": _("%(selector)s (%(algorithm)s) signs, and its record is right."),
    "dkim_testing": _(
        "The record of %(selector)s says “testing” (t=y): receivers may ignore the signature. "
        "Take that out."
    ),
    "dkim_missing": _(
        "%(selector)s signs, but its record is not in DNS: every mail fails. Publish it again, "
        "or retire the key."
    ),
    "dkim_other": _(
        "Under %(selector)s there is another key in DNS than the one that signs: put this record "
        "in its place."
    ),
    "dkim_revoked": _(
        "The record of %(selector)s says that the key is withdrawn: put this record in its place."
    ),
    "dkim_several": _(
        "Under %(selector)s there are several records in DNS; receivers take any of them. Leave "
        "only this one."
    ),
    "dkim_only_ed25519": _(
        "Only an Ed25519 key signs, which many large providers do not read: use an RSA key beside "
        "it."
    ),
    "spf_good": _(
        "Mails of %(envelope)s may come from our hosts; receivers ask DNS %(lookups)s times of the "
        "10 that are allowed."
    ),
    "spf_theirs": _(
        "%(providers)s sends from its own hosts under an address of its own: publish the record "
        "that it asks for, if it asks for one."
    ),
    "spf_none": _("%(envelope)s does not say who may send for it: publish a record."),
    "spf_several": _("%(detail)s has two SPF records, so neither counts. Make them one."),
    "spf_unreadable": _("The SPF record cannot be read, so it does not count: %(detail)s"),
    "spf_include": _("The SPF record includes %(detail)s, which has none, so nothing counts."),
    "spf_lookups": _(
        "The SPF record makes receivers ask DNS more than 10 times (at %(detail)s), so it does not "
        "count. Leave out what is not used, or write addresses."
    ),
    "spf_void": _(
        "The SPF record names too many hosts that do not exist (the last is %(detail)s), so it "
        "does not count."
    ),
    "spf_open": _("The SPF record of %(envelope)s lets anybody send for it: end it with ~all."),
    "spf_unknown": _(
        "The SPF record can be read, but no mail server outside this machine sends for this "
        "domain, so there is no host to try it with. Name them in EMAIL_SENDING_HOSTS."
    ),
    "spf_refuses": _(
        "The SPF record of %(envelope)s does not let %(hosts)s send. If mails leave from there, "
        "publish this one."
    ),
    "dmarc_good": _("%(domain)s asks receivers to be strict with what fails: %(policy)s."),
    "dmarc_watches": _(
        "%(domain)s only asks for reports (p=none). Once the reports are clean, ask for "
        "quarantine, then reject."
    ),
    "dmarc_none": _(
        "%(domain)s has no DMARC record; large providers want one from whoever mails many."
    ),
    "dmarc_several": _("%(domain)s has two DMARC records, so neither counts. Leave one."),
    "dmarc_unreadable": _("The DMARC record cannot be read, so it does not count."),
    "dmarc_passes": _(
        "Mails pass DMARC: the signature and the bounce address speak for %(domain)s."
    ),
    "dmarc_passes_by_dkim": _(
        "Mails pass DMARC by their signature alone: bounces come back to %(envelope)s, which is "
        "not near enough to %(domain)s. A subdomain of it would be."
    ),
    "dmarc_passes_by_spf": _(
        "Mails pass DMARC by SPF alone, which ends where somebody forwards them. Sign them too."
    ),
    "dmarc_theirs": _(
        "%(providers)s signs mails of %(domain)s: they pass DMARC once it takes the domain as "
        "verified. Send a test and look at its headers."
    ),
    "dmarc_fails": _(
        "Mails of %(domain)s fail DMARC: no signature counts, and SPF does not speak for it."
    ),
    "mx_good": _("Bounces to %(envelope)s reach %(hosts)s."),
    "mx_theirs": _("Bounces of what %(providers)s sends go there, and come to us as callbacks."),
    "mx_none": _("No mail server takes bounces to %(envelope)s: publish a record."),
    "mx_refuses": _("%(envelope)s says that it takes no mail: bounces are lost."),
    "mx_nowhere": _("Bounces to %(envelope)s go to %(hosts)s, which has no address."),
    "mx_implied": _(
        "%(envelope)s has no MX record; bounces go to its own address. Better publish one."
    ),
}


def words(finding: Finding) -> str:
    """The sentence about what was found."""
    return str(WORDS[finding.code]) % finding.facts
