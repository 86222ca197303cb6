"""Fields that take exactly what the OpenAPI document says, and nothing like it."""

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from crm.api.problems import Unusable

MAX_BATCH = 1_000
_FIRST = datetime(1900, 1, 1, tzinfo=UTC)
_LAST = datetime(2200, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)


class Text(serializers.CharField):
    """A text as it came: not trimmed, never made of a number; without NUL and half characters."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        if not kwargs.get("allow_blank"):
            kwargs.setdefault("min_length", 1)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Refuse what is no text, or cannot be stored."""
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            data.encode()
        except UnicodeEncodeError as error:
            raise serializers.ValidationError("It holds half a character.") from error
        return super().to_internal_value(data)


class Batch(serializers.ListField):
    """One or more of something."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_length": 1, "max_length": MAX_BATCH, **kwargs})


class Optional(Text):
    """A text that may be left out or empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "allow_blank": True, **kwargs})


class Pattern(Text):
    """A text of one form."""

    def __init__(self, pattern: str, **kwargs: Any) -> None:
        self.pattern = pattern
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Refuse what has another form."""
        text = super().to_internal_value(data)
        if not re.fullmatch(self.pattern.removeprefix("^").removesuffix("$"), text, re.ASCII):
            raise serializers.ValidationError(f"It has not the form {self.pattern}.")
        return text


class Word(serializers.ChoiceField):
    """One of a list of words."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse what is no text."""
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A whole number; in JSON never a text."""

    def to_internal_value(self, data: Any) -> int:
        """Refuse what is no whole number."""
        is_whole = isinstance(data, int) or (isinstance(data, float) and data.is_integer())
        if isinstance(data, bool) or not is_whole:
            self.fail("invalid")
        return int(data)


class AskedWhole(serializers.IntegerField):
    """A whole number in an address."""

    def to_internal_value(self, data: Any) -> int:
        """Digits and nothing else."""
        if not (isinstance(data, str) and data.isascii() and data.isdigit() and len(data) < 19):
            self.fail("invalid")
        return int(data)


class Flag(serializers.BooleanField):
    """Yes or no, in the words of JSON."""

    def to_internal_value(self, data: Any) -> bool:
        """Refuse what is neither true nor false."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Moment(serializers.DateTimeField):
    """A moment by ISO 8601, in UTC where no zone is given."""

    def to_internal_value(self, value: Any) -> datetime:
        """Refuse other forms; what is well-formed but absurd cannot be used."""
        if not (isinstance(value, str) and _MOMENT.fullmatch(value)):
            self.fail("invalid", format="YYYY-MM-DDThh:mm:ssZ")
        try:
            moment = super().to_internal_value(re.sub(r"(:\d\d):60", r"\1:59", value))
        except (serializers.ValidationError, OverflowError) as error:
            raise Unusable(f"{self.field_name}: there is no such moment.") from error
        if isinstance(moment, date) and not _FIRST <= moment < _LAST:
            raise Unusable(f"{self.field_name}: years from 1900 to 2199 can be kept.")
        return moment


class Amount(serializers.Field[Decimal, Any, str, Any]):
    """An amount of money: a number, or a text with at most two places; kept with two."""

    form = r"^-?[0-9]{1,9}(\.[0-9]{1,2})?$"
    limit = 999_999_999

    def to_internal_value(self, data: Any) -> Decimal:
        """Refuse what is neither."""
        is_text = isinstance(data, str)
        is_number = isinstance(data, int | float) and not isinstance(data, bool)
        if is_text and re.fullmatch(self.form[1:-1], data):
            return Decimal(data)
        if is_number and abs(data) <= self.limit:
            return Decimal(str(data)).quantize(Decimal("0.01"))
        raise serializers.ValidationError("An amount is expected, such as 12.50.")

    def to_representation(self, value: Decimal) -> str:
        """Always with two places."""
        return f"{value:.2f}"


class PlainJSONField(serializers.JSONField):
    """A JSON object that PostgreSQL can keep: no NUL, no half characters, no infinity."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse what cannot be stored."""
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            raise serializers.ValidationError("An object is expected.")
        try:
            written = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except ValueError as error:
            raise serializers.ValidationError("It holds what JSON cannot carry.") from error
        if rb"\u0000" in written:
            raise serializers.ValidationError("It holds a NUL character.")
        return value


class _PatternShown(OpenApiSerializerFieldExtension):
    target_class = Pattern

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """A text with its form."""
        shown: dict[str, Any] = {"type": "string", "pattern": self.target.pattern}
        return shown


class _AmountShown(OpenApiSerializerFieldExtension):
    target_class = Amount

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Text or number in, text out."""
        text: dict[str, Any] = {"type": "string", "pattern": Amount.form}
        if direction == "response":
            return text
        number = {"type": "number", "minimum": -Amount.limit, "maximum": Amount.limit}
        return {"oneOf": [text, number]}


class _ObjectShown(OpenApiSerializerFieldExtension):
    target_class = PlainJSONField

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Any object."""
        return {"type": "object", "additionalProperties": {}}
