"""STOP and START in their many spellings; they count only when they are all that was written."""

import re
import unicodedata
from enum import Enum


class Keyword(Enum):
    """What a text of one keyword asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


_STOP = frozenset(
    {
        *("stop", "stop all", "stopall", "end", "quit", "cancel", "unsubscribe", "unsubscribe me"),
        *("opt out", "optout", "remove me", "no more messages", "stop sms", "stop messages"),
        *("stopp", "stoppen", "abmelden", "abbestellen", "austragen"),
        *("arret", "arreter", "desabonner", "se desabonner", "stop pub"),
        *("baja", "alto", "parar", "darse de baja", "cancelar suscripcion", "sair", "cancelar"),
        *("ferma", "disiscrivi", "annulla iscrizione", "afmelden", "uitschrijven"),
        *(
            "td",
            "t",
            "退订",
            "退訂",
            "停止",
            "停止发送",
            "取消订阅",
            "取消訂閱",
            "拒收",
            "不要再发",
        ),
        *("配信停止", "停止する", "수신거부"),
    }
)
_START = frozenset(
    {
        *("start", "unstop", "subscribe", "resubscribe", "opt in", "optin", "start messages"),
        *("anmelden", "reprendre", "alta", "suscribir", "iscrivimi", "aanmelden"),
        *("开始", "開始", "订阅", "訂閱", "恢复订阅", "重新订阅", "配信再開"),
    }
)
_HELP = frozenset(
    {
        *(
            "help",
            "info",
            "help me",
            "sms help",
            "aide",
            "ayuda",
            "hilfe",
            "aiuto",
            "ajuda",
            "hulp",
        ),
        *("帮助", "幫助", "帮助信息", "ヘルプ", "도움말"),
    }
)
_NOT_WORDS = re.compile(r"[^\w]+|_+")
_QUOTED = re.compile(r"^(>.*|-{2,}.*|On .{0,200}wrote:|Am .{0,200}schrieb.*:|.{0,80}写道[::].*)$")


def read(*, text: str) -> Keyword | None:
    """The keyword that a text consists of, if it is nothing but a keyword."""
    return _MEANINGS.get(_plain(text))


def without_quotes(*, text: str) -> str:
    """What somebody wrote above the mail that their answer quotes."""
    kept = []
    for line in text.splitlines():
        if _QUOTED.match(line.strip()):
            break
        kept.append(line)
    return "\n".join(kept).strip()


def _plain(text: str) -> str:
    """In small letters without accents and marks, one space between words."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(_NOT_WORDS.sub(" ", unicodedata.normalize("NFC", bare)).split())


_MEANINGS = {
    _plain(word): keyword
    for keyword, words in ((Keyword.STOP, _STOP), (Keyword.START, _START), (Keyword.HELP, _HELP))
    for word in words
}
