"""YAML as people type it: version 1.2, one document, each key once, and no more of it than settings need."""

from __future__ import annotations

import re
from typing import Any

import yaml

from bs_study.words import count, one_line, shown

MOST_BYTES = 1_000_000
MOST_VALUES = 10_000
"""Values that a file may stand for, those that its aliases repeat included."""
LONG_TEXT = 100  # characters that count as a value more
MOST_LEVELS = 50
LONGEST_INTEGER = 1000  # digits; Python turns 4,300 of them into a number at most, and no setting takes so many
_TEXT = "tag:yaml.org,2002:str"


def parsed(text: str) -> Any:
    """Return what a text of YAML holds: mappings, lists, texts, numbers, true, false and null.

    It is read as YAML 1.2 has it: 010 is ten, 1e-3 a number, and 1:30, yes and 2020-01-01 are texts. `<<` merges.

    Raises:
        ValueError: it is no such YAML; the message goes on from a name of the text, as "is no YAML: ...".
    """
    try:
        _refuse_excess(text)
        return yaml.load(text, _Loader)  # noqa: S506  a SafeLoader, with fewer kinds of values
    except yaml.YAMLError as error:
        raise ValueError(f"is no YAML: {one_line(error)}{_advice(text)}") from error


def _advice(text: str) -> str:
    """Return what to do about a text that is no YAML, where it shows; else nothing."""
    if "\0" in text:  # between the letters of UTF-16 that does not begin with its mark
        return ". Save it as UTF-8"
    tabs = [number for number, line in enumerate(text.splitlines(), start=1) if re.match(r" *\t", line)]
    return f". Indent line {tabs[0]} with spaces, not with a tab" if tabs else ""


def _refuse_excess(text: str) -> None:
    """Refuse what is more than settings need, before any of it is built."""
    sizes: dict[str | None, int] = {}  # of the values that anchors name, once they are complete
    within: list[tuple[str | None, int]] = []  # anchors of the collections around, and the values before each
    values = documents = 0
    event: Any
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise ValueError(f"holds a second document, from line {line} on. Write one")
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in {anchor for anchor, _ in within}:
                raise ValueError(f"holds *{shown(event.anchor)[1:-1]} within itself, in line {line}. Write it out")
            values += sizes.get(event.anchor, 0)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = within.pop()
            sizes |= {anchor: values - before} if anchor else {}
        elif isinstance(event, yaml.CollectionStartEvent):
            _refuse_tag(event.tag, line=line)
            within.append((event.anchor, values))
            values += 1
        elif isinstance(event, yaml.ScalarEvent):
            _refuse_tag(event.tag, line=line)
            size = 1 + len(event.value) // LONG_TEXT
            sizes |= {event.anchor: size} if event.anchor else {}
            values += size
        if values > MOST_VALUES:
            raise ValueError(
                f"holds more than {count(MOST_VALUES)} values by line {line}, with those that aliases repeat. "
                "Write fewer"
            )
        if len(within) > MOST_LEVELS:
            raise ValueError(f"nests more than {MOST_LEVELS} lists or mappings in line {line}. Write fewer")


def _refuse_tag(tag: str | None, *, line: int) -> None:
    if tag not in (None, "!", _TEXT):
        raise ValueError(f"is no YAML of settings: the tag {shown(tag)} in line {line} says a type. Leave it out")


class _Loader(yaml.SafeLoader):
    """Reads YAML 1.2's core schema, where PyYAML's own readers keep to 1.1; and refuses a key that is given twice."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own way

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            named, line = (key.tag, key.value), key.start_mark.line + 1
            if named in lines:
                where = f"in line {line}" if lines[named] == line else f"in lines {lines[named]} and {line}"
                raise ValueError(f"gives {shown(key.value)} twice, {where}. Give it once")
            lines[named] = line
        return node

    def construct_integer(self, node: yaml.ScalarNode) -> int | str:
        """Return the number; as text, which its setting refuses, where it is longer than any setting takes."""
        digits = node.value
        if len(digits) > LONGEST_INTEGER:
            return str(digits)
        return int(digits, {"0o": 8, "0x": 16}.get(digits[:2], 10))


for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", "<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"({_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_integer)
