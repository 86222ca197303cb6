"""What asks for a picture or a link: a person's program, or one that works on its own.

The known programs are those of the list crawler-user-agents (MIT), kept by its maintainers; what it
does not know yet is told by the words that such programs use of themselves.
"""

import json
import re
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

from crm.tracking_choices import SightingKind, SightingReason

# Fetch the pictures of a mail for a person who has opened it; they follow no links.
_IMAGE_PROXIES = re.compile(r"GoogleImageProxy|YahooMailProxy|DuckDuckGo-Image-Proxy")
# What Apple's Mail Privacy Protection says when it loads every picture of a mail ahead.
_LOADED_AHEAD = frozenset({"Mozilla/5.0"})
_WORDS = re.compile(
    r"(?<!cu)bot\b|\bbots?[/;) ]|crawl|spider|slurp|scrap(?:er|y)|\bcurl\b|\bwget\b|libwww|"
    r"python|\bjava/|httpclient|okhttp|go-http|node-fetch|axios|\bruby\b|\bperl\b|guzzle|"
    r"headless|phantomjs|selenium|puppeteer|playwright|link ?preview|urlpreview|link ?check|"
    r"safelinks|barracuda|proofpoint|mimecast|trend ?micro|symantec|fireeye|messagelabs|"
    r"ironport|sophos|cloudmark|vade ?secure|urldefense|virus|scanner|uptime|monitoring|"
    r"facebookexternalhit|feedfetcher|\+https?://|https?://[^ ]*bot",
    re.IGNORECASE,
)
# Collect pages for others to find or to see a part of; `curl` in somebody's hand does not.
_COLLECTORS = re.compile(
    r"(?<!cu)bot\b|\bbots?[/;) ]|crawl|spider|slurp|preview|externalhit|whatsapp|embedly|"
    r"archive|feedfetcher",
    re.IGNORECASE,
)
_SPECIAL = re.compile(r"[\^$.*+?\[\](){}|]")
_ESCAPE = re.compile(r"\\(.)")


@lru_cache(maxsize=4096)
def reason(*, agent: str, kind: str) -> str:
    """Why what calls itself so is no person; empty where it may be one."""
    agent = agent.strip()
    if not agent:
        return SightingReason.NAMELESS.value
    if agent in _LOADED_AHEAD:
        return SightingReason.PREFETCH.value
    if kind == SightingKind.OPENED and _IMAGE_PROXIES.search(agent):
        return ""
    return SightingReason.CRAWLER.value if is_program(agent=agent) else ""


def is_program(*, agent: str) -> bool:
    """Whether the list knows it, or it calls itself by a word that only programs use."""
    if _WORDS.search(agent):
        return True
    words, pattern = _known()
    return any(word in agent for word in words) or pattern.search(agent) is not None


def collects_pages(*, agent: str) -> bool:
    """Whether what it is shown may be found by others: search engines, previews of links."""
    return bool(_COLLECTORS.search(agent))


@cache
def _known() -> tuple[tuple[str, ...], re.Pattern[str]]:
    """The list: plain words, which are quick to look for, and the few true patterns."""
    # The package would keep all of its data, examples too, in memory.
    spec = find_spec("crawleruseragents")
    if spec is None or spec.origin is None:
        raise RuntimeError("crawler-user-agents is not installed: see requirements.txt.")
    path = Path(spec.origin).with_name("crawler-user-agents.json")
    patterns = [one["pattern"] for one in json.loads(path.read_text(encoding="utf-8"))]
    plain = [one for one in patterns if not _SPECIAL.search(_ESCAPE.sub("", one))]
    true = "|".join(f"(?:{one})" for one in patterns if one not in set(plain))
    return tuple(_ESCAPE.sub(r"\1", one) for one in plain), re.compile(true)
