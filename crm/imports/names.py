"""Names written in one cell, parted as their language parts them."""

import re

_HAN = re.compile(r"[\u4e00-\u9fff·]+\Z")
# Family names of two letters; every other Chinese family name has one.
_DOUBLE = frozenset(
    [
        "欧阳",
        "太史",
        "端木",
        "上官",
        "司马",
        "东方",
        "独孤",
        "南宫",
        "万俟",
        "闻人",
        "夏侯",
        "诸葛",
        "尉迟",
        "公羊",
        "赫连",
        "澹台",
        "皇甫",
        "宗政",
        "濮阳",
        "公冶",
        "太叔",
        "申屠",
        "公孙",
        "慕容",
        "仲孙",
        "钟离",
        "长孙",
        "宇文",
        "司徒",
        "鲜于",
        "司空",
        "闾丘",
        "令狐",
        "歐陽",
        "司馬",
        "東方",
        "諸葛",
    ]
)


def split_name(*, text: str) -> tuple[str, str]:
    """First and last name; Chinese names have the family name first, “Doe, Ann” says so."""
    name = text.strip()
    if _HAN.match(name) and "·" not in name and 2 <= len(name) <= 4:
        cut = 2 if name[:2] in _DOUBLE and len(name) > 2 else 1
        return name[cut:], name[:cut]
    if name.count(",") == 1:
        last, _, first = name.partition(",")
        return first.strip(), last.strip()
    first, _, last = name.rpartition(" ")
    return (first.strip(), last) if first else (last, "")
