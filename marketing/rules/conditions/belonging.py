"""Conditions about the companies that customers belong to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from marketing.rules import operators, values
from marketing.rules.base import COMPANY, Asked, Payload, Sql, Timeless, exists

TEXTS = {
    "key": gettext_lazy("key of the company"),
    "name": gettext_lazy("name of the company"),
    "domain": gettext_lazy("domain of the company"),
    "industry": gettext_lazy("industry of the company"),
    "country": gettext_lazy("country of the company"),
}
NUMBERS = {"employees": gettext_lazy("employees of the company")}
ANY = "any"


@dataclass(frozen=True)
class InCompany(Timeless):
    """Belongs to a company of which something holds: `{"company": "industry", "op": "is", …}`.

    `{"company": "any"}` asks for any company at all.
    """

    name: str
    question: operators.Question | None

    @classmethod
    def parse(cls, payload: Payload, path: str) -> Self:
        """Read and check the payload."""
        values.only_keys(payload, ("company", "op", "value"), path)
        known = [ANY, *TEXTS, *NUMBERS]
        name = values.choice(payload["company"], f"{path}.company", known)
        if name == ANY:
            values.only_keys(payload, ("company",), path)
            return cls(name, None)
        parse = operators.parse_text if name in TEXTS else operators.parse_number
        return cls(name, parse(payload, path))

    def ask(self, now: datetime) -> Asked:
        """Go from the few companies to their members, or from a member to the companies."""
        rows = Sql(
            "SELECT x.customer_id FROM crm_company b JOIN crm_companymember x"
            " ON x.company_id = b.id WHERE "
        )
        if self.question is None:
            rows += Sql("true")
        else:
            rows += self.question.sql(Sql(f"b.{self.name}"), now)
        return Asked(exists(rows + Sql(" AND x.customer_id = c.id")), rows, effort=3)

    def subjects(self) -> frozenset[str]:
        """The companies and who belongs to them."""
        return frozenset({COMPANY})

    def sentence(self) -> str:
        """Say it."""
        if self.question is None:
            return _("belongs to a company")
        return self.question.sentence(str({**TEXTS, **NUMBERS}[self.name]))
