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
        *("配信停止", "停止する", "수신거부", "回复退订", "回复td退订", "回t退订", "我要退订"),
        *("стоп", "отписаться", "отписка", "отмена", "відписатися", "rezygnuję", "wypisz"),
        *("iptal", "dur", "ret", "إيقاف", "إلغاء الاشتراك", "توقف", "ยกเลิก", "berhenti"),
        *("stopp sms", "lopeta", "afmeld", "avsluta", "odhlásit", "leiratkozás", "hủy"),
    }
)
_START = frozenset(
    {
        *("start", "unstop", "subscribe", "resubscribe", "opt in", "optin", "start messages"),
        *("anmelden", "reprendre", "alta", "suscribir", "iscrivimi", "aanmelden"),
        *("старт", "подписаться", "начать", "başla", "ابدأ", "mulai"),
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
# What may stand before or after a keyword and changes nothing about it.
_COURTESY = frozenset(
    {
        *("please", "pls", "plz", "thanks", "thank you", "thx", "kindly", "bitte", "danke"),
        *("por favor", "gracias", "obrigado", "obrigada", "per favore", "grazie", "merci"),
        *("svp", "stp", "s il vous plait", "alsjeblieft", "aub", "bedankt", "пожалуйста"),
        *("спасибо", "now", "hi", "hello", "hallo", "bonjour", "hola", "请", "谢谢", "你好"),
    }
)
# Chinese words stand without a space between them.
_SIGNS = 2
_NOT_WORDS = re.compile(r"[^\w]+|_+")
_QUOTED = re.compile(
    r"^(>.*|-{2,}.*|_{4,}.*|\*?(From|Von|De|发件人)\*?\s*[:：].*"
    r"|On .{0,200}wrote:|Am .{0,200}schrieb.*:|Le .{0,200}a écrit\s*:|El .{0,200}escribió:"
    r"|.{0,80}写道[:：].*"
    # What a mail program writes below by itself.
    r"|(Sent from|Sent via|Get Outlook|Von meinem|Gesendet|Envoyé d|Enviado d|Inviato d).{0,80}"
    r"|Verzonden vanaf.{0,80}|Отправлено с.{0,80}|发自.{0,40})$",
    re.IGNORECASE,
)
# Mail programs break the line that leads in a quotation.
_LEAD_IN = re.compile(r"^((?:On|Am|Le|El) [^\n]{0,200})\n([^\n]{0,100}:)$", re.MULTILINE)


def read(*, text: str) -> Keyword | None:
    """The keyword that a text consists of, if it is nothing but a keyword."""
    plain = _plain(text)
    return _MEANINGS.get(plain) or _MEANINGS.get(_without_courtesy(plain))


def names_stop(*, text: str) -> bool:
    """Whether a text names a word by which somebody can put an end to such texts."""
    plain = _plain(text)
    return any(
        f" {word} " in f" {plain} " if word.isascii() else word in plain
        for word, meaning in _MEANINGS.items()
        if meaning is Keyword.STOP
    )


def without_quotes(*, text: str) -> str:
    """What somebody wrote above the mail that their answer quotes."""
    kept = []
    for line in _LEAD_IN.sub(r"\1 \2", text).splitlines():
        if _QUOTED.match(line.strip()):
            break
        kept.append(line)
    return "\n".join(kept).strip()


def _plain(text: str) -> str:
    """In small letters without accents and marks, one space between words."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(_NOT_WORDS.sub(" ", unicodedata.normalize("NFC", bare)).split())


def _without_courtesy(plain: str) -> str:
    """What is left when kind words before and after are taken off, one after another."""
    shorter = next((rest for word in _KIND if (rest := _taken_off(plain, word)) != plain), plain)
    return shorter if shorter == plain else _without_courtesy(shorter)


def _taken_off(plain: str, word: str) -> str:
    gap = "" if not word.isascii() and len(word) <= _SIGNS else " "
    return plain.removeprefix(f"{word}{gap}").removesuffix(f"{gap}{word}").strip()


_MEANINGS = {
    _plain(word): keyword
    for keyword, words in ((Keyword.STOP, _STOP), (Keyword.START, _START), (Keyword.HELP, _HELP))
    for word in words
}
_KIND = sorted(map(_plain, _COURTESY), key=len, reverse=True)
