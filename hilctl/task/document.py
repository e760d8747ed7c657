"""A YAML file as plain data that remembers where every key and value stands."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from hilctl.errors import TaskFileError
from hilctl.task.problems import Problem, Span, TaskProblemsError
from hilctl.task.regular_files import open_regular

MAX_BYTES = 256 * 1024
_MAX_DEPTH = 12
_MAX_VALUES = 5000
_MAX_INT = 2**63  # larger ones do not fit into other numbers
_TOO_MANY = "too many nested or repeated values for a task file"
_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_LINE_END = re.compile("[\n\r\x85\u2028\u2029]")  # as YAML counts lines

Loc = tuple[str | int, ...]  # keys and indices from the root of the file


class Document:
    """Plain data of a YAML file, with the place of every key and value.

    Args:
        path: the file.
        shown: how messages name the file.

    Raises:
        TaskFileError: unreadable, too large or not YAML.
    """

    def __init__(self, path: Path, shown: str) -> None:
        self.file = shown
        self.problems: list[Problem] = []
        text = _read(path, shown)
        self._lines = _LINE_END.split(text)
        self._keys: dict[Loc, Span] = {}
        self._values: dict[Loc, Span] = {}
        self._count = 0
        root = self._compose(text)
        self.data: Any = None if root is None else self._build(root, ())

    def problem(self, span: Span, message: str, hint: str | None = None) -> Problem:
        """Return a problem at a place of this file."""
        source = self._lines[span.line - 1] if span.line <= len(self._lines) else ""
        return Problem(self.file, span, message, hint, source)

    def key(self, path: Loc) -> Span:
        """Return where a key stands, or the nearest key above it."""
        while path and path not in self._keys:
            path = path[:-1]
        return self._keys.get(path, Span(1, 1, 1))

    def value(self, path: Loc) -> Span:
        """Return where a value stands; a mapping or an absent value is pointed at by its key."""
        found = self._values.get(path)
        return found if found is not None else self.key(path)

    def _compose(self, text: str) -> Node | None:
        try:
            root: Node | None = YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as error:
            raise TaskProblemsError([self._syntax_problem(error)]) from None
        except ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            column = error.position - text.rfind("\n", 0, error.position)
            problem = self.problem(Span(line, column, 1), "this character is not allowed in YAML")
            raise TaskProblemsError([problem]) from None
        except RecursionError:
            problem = self.problem(Span(1, 1, 1), "nested too deeply")
            raise TaskProblemsError([problem]) from None
        except (YAMLError, ValueError) as error:
            problem = self.problem(Span(1, 1, 1), f"not valid YAML: {error}")
            raise TaskProblemsError([problem]) from None
        return root

    def _syntax_problem(self, error: MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark
        span = Span(mark.line + 1, mark.column + 1, 1) if mark else Span(1, 1, 1)
        if span.line > len(self._lines):
            span = Span(len(self._lines), len(self._lines[-1]) + 1, 1)
        said = " ".join(str(part) for part in (error.context, error.problem) if part)
        hint = None
        if "\\t" in said:
            said, hint = "a tab cannot indent YAML", "indent with spaces"
        elif "mapping values" in said:
            hint = "check the indentation, and put quotes around text that contains ': '"
        elif "block end" in said or "could not find expected ':'" in said:
            hint = "look at the line above, too: a colon or its indentation may be missing there"
        return self.problem(span, f"not valid YAML: {said}", hint)

    def _build(self, node: Node, path: Loc) -> Any:
        span = _span(node)
        self._count += 1
        if len(path) > _MAX_DEPTH or self._count > _MAX_VALUES:
            problem = self.problem(span, _TOO_MANY)
            raise TaskProblemsError([*self.problems, problem])
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        self._values[path] = span
        if isinstance(node, SequenceNode):
            return [self._build(child, (*path, i)) for i, child in enumerate(node.value)]
        return self._scalar(node, span)

    def _mapping(self, node: MappingNode, path: Loc) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in self._pairs(node):
            span = _span(key_node)
            if not isinstance(key_node, ScalarNode):
                self.problems.append(self.problem(span, "a key must be a word"))
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in mapping:
                first = self._keys[here].line
                message = f"key {key!r} appears twice (first in line {first})"
                self.problems.append(self.problem(span, message, "remove one of the two"))
                continue
            self._keys[here] = span
            mapping[key] = self._build(value_node, here)
        return mapping

    def _pairs(self, node: MappingNode, depth: int = 0) -> Iterator[tuple[Node, Node]]:
        """Yield the keys and values of a mapping, then those merged into it by `<<: *name`.

        What it says itself, or an earlier merged one, counts (YAML 1.1's merge key).
        """
        self._count += len(node.value)
        if depth > _MAX_DEPTH or self._count > _MAX_VALUES:
            raise TaskProblemsError([*self.problems, self.problem(_span(node), _TOO_MANY)])
        merged = [pair for pair in node.value if pair[0].tag == _MERGE]
        yield from (pair for pair in node.value if pair[0].tag != _MERGE)
        if not merged:
            return
        said = {key.value for key, _ in node.value if isinstance(key, ScalarNode)}
        for key, _ in merged[1:]:
            hint = "write <<: [*one, *other]"
            self.problems.append(self.problem(_span(key), "key '<<' appears twice", hint))
        key, value = merged[0]
        for source in value.value if isinstance(value, SequenceNode) else [value]:
            if not isinstance(source, MappingNode):
                problem = self.problem(_span(key), "only other mappings can be merged by <<")
                raise TaskProblemsError([*self.problems, problem])
            for pair in self._pairs(source, depth + 1):
                if isinstance(pair[0], ScalarNode) and pair[0].value not in said:
                    said.add(pair[0].value)
                    yield pair

    def _scalar(self, node: Node, span: Span) -> Any:
        tag, text = str(node.tag), str(node.value)
        if tag in (f"{_TAG}str", f"{_TAG}timestamp", _MERGE, f"{_TAG}value"):
            return text
        try:
            value = _parse_scalar(tag, text)
        except ValueError:
            self.problems.append(self.problem(span, f"cannot read {text[:40]!r} as {tag}"))
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self.problems.append(self.problem(span, "expected a finite number"))
        if isinstance(value, int) and abs(value) > _MAX_INT:
            self.problems.append(self.problem(span, "this number is too large"))
            return None
        return value


def _parse_scalar(tag: str, text: str) -> Any:
    plain = text.replace("_", "")
    match tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return text.lower() in ("true", "yes", "on")
        case "int":
            return int(plain, 0 if plain.lstrip("+-")[:2].lower() in ("0x", "0o") else 10)
        case "float":
            return float(plain.replace(".inf", "inf").replace(".nan", "nan").lower())
    raise ValueError(tag)


def _span(node: Node) -> Span:
    start, end = node.start_mark, node.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Span(start.line + 1, start.column + 1, max(1, width))


def _read(path: Path, shown: str) -> str:
    try:
        with open_regular(path) as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        hint = "hilctl new-task NAME" if isinstance(error, FileNotFoundError) else None
        reason = (error.strerror or str(error)).lower()
        raise TaskFileError(f"cannot read {shown}: {reason}", where=shown, hint=hint) from None
    if len(raw) > MAX_BYTES:
        message = f"{shown} is larger than {MAX_BYTES // 1024} KiB: is it a task file?"
        raise TaskFileError(message, where=shown)
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        where = f"{shown}:{line}:{column}"
        raise TaskFileError(
            f"{where}: not UTF-8 text", where=where, hint="save the file as UTF-8"
        ) from None
