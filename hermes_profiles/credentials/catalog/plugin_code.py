"""Reads the Python of a plugin without running it: the channels it registers and the variables it reads. Pure.

Hermes takes a channel from `register_platform(...)` in the code; plugin.yaml can omit it (hermes_cli/plugins.py).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import product

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

MARKS = ("register_platform", "platform_registry", "PlatformEntry", "register_deferred")
# Functions that register a channel; the name is the keyword, or the first argument.
_REGISTERING = frozenset({"register_platform", "PlatformEntry", "register_deferred"})
_NAME_ARGUMENTS = ("name", "platform_name")
_VARIABLE = lazy_pattern(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_ANY_VARIABLE = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*")
_READS = lazy_pattern(r"env|secret", re.IGNORECASE)
# Variables of the machine and of Hermes: a plugin that reads them does not own them.
_OF_MACHINE = lazy_pattern(
    r"(?:HERMES|XDG|LC|PYTHON|SSL|DBUS|SSH|PIP|UV|NODE|npm)_.*|(?:HTTPS?|NO|ALL|FTP)_PROXY|REQUESTS_CA_BUNDLE"
    r"|CURL_CA_BUNDLE|VIRTUAL_ENV|LOG_LEVEL|LOCAL_APPDATA|SYSTEM_ROOT"
    r"|(?:PATH|HOME|USER|LOGNAME|LANG|TZ|TMPDIR|TEMP|TMP|SHELL|TERM|DEBUG|CI|DISPLAY|PWD|EDITOR|PAGER|HOSTNAME)"
)
_ROUNDS = 4
_MOST_TEXTS = 64


class PluginCode(NamedTuple):
    """What the code of a plugin says.

    `names`: the channels that it registers; `variables`: the variables that it names; `unread`: (file, line) of a
    registration whose name only running the code would show, None without one.
    """

    names: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    unread: tuple[str, int] | None = None

    @property
    def registers(self) -> bool:
        """Return whether the code registers a channel."""
        return bool(self.names) or self.unread is not None


def read_plugin_code(files: Mapping[str, str]) -> PluginCode:
    """Return what the Python files of a plugin say; `files`: path → text."""
    if not any(mark in text for text in files.values() for mark in MARKS):
        unread = _from_elsewhere(files)
        return PluginCode(variables=_variables_of(files), unread=unread) if unread is not None else PluginCode()
    trees: dict[str, ast.Module] = {}
    unread = None
    for path, text in files.items():
        try:
            trees[path] = ast.parse(text.removeprefix("\ufeff"))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            if any(mark in text for mark in MARKS):
                unread = (path, 1)
    try:
        reader = _Reader(trees.values())
        names: dict[str, None] = {}
        for path, tree in trees.items():
            for line, found in reader.registrations(tree):
                names.update(dict.fromkeys(found))
                if not found:
                    unread = unread or (path, line)
        variables = sorted(reader.variables())
    except RecursionError:
        return PluginCode(unread=next(((path, 1) for path in files), None))
    if not names and unread is None:
        unread = next(((path, 1) for path, text in files.items() if any(mark in text for mark in MARKS)), None)
    return PluginCode(tuple(names), tuple(variables), unread)


def _variables_of(files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables that the files name; those of a file that cannot be parsed are not known."""
    trees: list[ast.Module] = []
    for text in files.values():
        try:
            trees.append(ast.parse(text.removeprefix("\ufeff")))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    try:
        return tuple(sorted(_Reader(trees).variables()))
    except RecursionError:
        return ()


def _from_elsewhere(files: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the place where a plugin takes its function `register` from another package, or hides what it calls."""
    for path, text in files.items():
        if "register" not in text:
            continue
        try:
            tree = ast.parse(text.removeprefix("\ufeff"))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in tree.body:
            names = node.names if isinstance(node, ast.ImportFrom) and not _is_among(node, files) else ()
            if any((name.asname or name.name) == "register" for name in names):
                return path, node.lineno
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "register":
                line = _hidden_call(node)
                if line is not None:
                    return path, line
    return None


def _is_among(node: ast.ImportFrom, files: Mapping[str, str]) -> bool:
    """Return whether an import is relative, and of a module whose source is there: not compiled, nor in an archive."""
    if node.level == 0:
        return False
    inner = (node.module or "").rpartition(".")[2]
    return not inner or any(
        path.endswith((f"/{inner}.py", f"/{inner}/__init__.py")) or path == f"{inner}.py" for path in files
    )


def _hidden_call(register: ast.FunctionDef | ast.AsyncFunctionDef) -> int | None:
    """Return the line where `register` runs a text, or calls a method of its context by a name that is put together."""
    arguments = [argument.arg for argument in (*register.args.posonlyargs, *register.args.args)][:1]
    for node in ast.walk(register):
        called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if not isinstance(node, ast.Call) or called not in ("exec", "eval", "getattr"):
            continue
        if called != "getattr":
            return node.lineno
        if len(node.args) > 1 and _last_name(node.args[0]) in arguments and not isinstance(node.args[1], ast.Constant):
            return node.lineno
    return None


class _Reader:
    """Knows the constant texts of all names in the files of one plugin, without regard to scopes."""

    def __init__(self, trees: Collection[ast.Module]) -> None:
        self._nodes = [node for tree in trees for node in ast.walk(tree)]
        self._texts: dict[str, set[str]] = {}
        self._values: dict[str, list[ast.expr]] = {}
        self._aliases = set(_REGISTERING)
        self._functions = {
            node.name: node for node in self._nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        for _ in range(_ROUNDS):
            for node in self._nodes:
                self._learn(node)

    def registrations(self, tree: ast.Module) -> Iterator[tuple[int, set[str]]]:
        """Yield (line, names) of each registration; no names where they cannot be read."""
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        called = {id(node.func) for node in calls}
        for node in calls:
            arguments = node.args
            if _last_name(node.func) == "partial" and arguments and _last_name(arguments[0]) in self._aliases:
                arguments = arguments[1:]
                if not arguments and not node.keywords:
                    continue
            elif not self._registers(node.func):
                if (names := self._handed_on(node)) is not None:
                    yield node.lineno, names
                continue
            named = self._argument(arguments, node.keywords)
            texts = self._read(named) if named is not None else ()
            if not texts and id(node) in called:  # it returns the function: `attrgetter("register_platform")(ctx)`
                continue
            yield node.lineno, {text.strip().lower() for text in texts if text.strip()}

    def variables(self) -> set[str]:
        """Return the names of variables in the code: those that it reads, and texts in their form."""
        found: set[str] = set()
        for node in self._nodes:
            if isinstance(node, ast.Call) and node.args and _READS.search(_dotted(node.func)):
                found |= {text for text in self._read(node.args[0]) if _ANY_VARIABLE.fullmatch(text)}
            elif isinstance(node, ast.Subscript) and _READS.search(_dotted(node.value)):
                found |= {text for text in self._read(node.slice) if _ANY_VARIABLE.fullmatch(text)}
            elif isinstance(node, ast.Compare) and any(_READS.search(_dotted(one)) for one in node.comparators):
                found |= {text for text in self._read(node.left) if _ANY_VARIABLE.fullmatch(text)}
            elif isinstance(node, ast.Constant | ast.BinOp | ast.JoinedStr):
                found |= {text for text in self._read(node) if _VARIABLE.fullmatch(text)}
        return {text for text in found if not _OF_MACHINE.fullmatch(text)}

    # names

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._bind(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr | ast.AugAssign) and node.value is not None:
            self._bind(node.target, node.value)
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            for item in self._items(node.iter):
                self._bind(node.target, item)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            positional = [*node.args.posonlyargs, *node.args.args]
            for argument, default in zip(reversed(positional), reversed(node.args.defaults), strict=False):
                self._note(argument.arg, default)
            for argument, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=False):
                if value is not None:
                    self._note(argument.arg, value)
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("append", "add")
        ):
            if node.args:
                self._note(_last_name(node.func.value), ast.List(node.args[:1], ast.Load()))
        elif isinstance(node, ast.Call) and (function := self._functions.get(_last_name(node.func))) is not None:
            positional = [*function.args.posonlyargs, *function.args.args]
            if positional and positional[0].arg in ("self", "cls"):
                positional = positional[1:]
            for argument, value in zip(positional, node.args, strict=False):
                self._note(argument.arg, value)
            for keyword in node.keywords:
                if keyword.arg is not None:
                    self._note(keyword.arg, keyword.value)

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            if isinstance(value, ast.Tuple | ast.List):
                for one, part in zip(target.elts, value.elts, strict=False):
                    self._bind(one, part)
            return
        if isinstance(target, ast.Subscript):  # `TABLE[name] = adapter`
            self._note(_last_name(target.value), ast.Dict([target.slice], [value]))
            return
        name = _last_name(target)
        if _last_name(value) in self._aliases and not isinstance(value, ast.Call):
            self._aliases.add(name)
        self._note(name, value)

    def _note(self, name: str, value: ast.expr) -> None:
        if not name:
            return
        values = self._values.setdefault(name, [])
        if value not in values:
            values.append(value)
        self._texts.setdefault(name, set()).update(self._read(value))

    def _items(self, value: ast.expr) -> Iterator[ast.expr]:
        """Yield the elements of a list, of a name of one, or of the keys and items of a mapping."""
        if isinstance(value, ast.Tuple | ast.List | ast.Set):
            yield from value.elts
        elif isinstance(value, ast.Dict):
            yield from (key for key in value.keys if key is not None)
        elif isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            for table in self._tables(value.func.value):
                if value.func.attr == "values":
                    yield from table.values
                elif value.func.attr == "keys":
                    yield from (key for key in table.keys if key is not None)
                elif value.func.attr == "items":
                    for key, item in zip(table.keys, table.values, strict=True):
                        if key is not None:
                            yield ast.Tuple([key, item], ast.Load())
        elif isinstance(value, ast.Call) and value.args:
            yield from self._items(value.args[0])  # `sorted(NAMES)`, `list(NAMES)`
        else:
            for known in self._values.get(_last_name(value), ()):
                if isinstance(known, ast.Tuple | ast.List | ast.Set | ast.Dict):
                    yield from self._items(known)

    def _tables(self, value: ast.expr) -> Iterator[ast.Dict]:
        if isinstance(value, ast.Dict):
            yield value
        elif isinstance(value, ast.Call) and _last_name(value.func) == "dict":
            keys = [ast.Constant(keyword.arg) for keyword in value.keywords if keyword.arg is not None]
            yield ast.Dict(list(keys), [keyword.value for keyword in value.keywords if keyword.arg is not None])
        else:
            for known in self._values.get(_last_name(value), ()):
                if isinstance(known, ast.Dict | ast.Call):
                    yield from self._tables(known)

    # texts

    def _read(self, value: ast.expr) -> set[str]:
        """Return the texts that an expression can have, empty when they are not known."""
        found: set[str] = set()
        if isinstance(value, ast.Constant):
            found = {value.value} if isinstance(value.value, str) else set()
        elif isinstance(value, ast.Name | ast.Attribute):
            found = self._texts.get(_last_name(value), set())
        elif isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
            found = {a + b for a, b in product(self._read(value.left), self._read(value.right))}
        elif isinstance(value, ast.JoinedStr):
            parts = [self._read(part.value if isinstance(part, ast.FormattedValue) else part) for part in value.values]
            found = {"".join(combination) for combination in _combinations(parts)}
        elif isinstance(value, ast.IfExp):
            found = self._read(value.body) | self._read(value.orelse)
        elif isinstance(value, ast.BoolOp):
            found = {text for one in value.values for text in self._read(one)}
        elif isinstance(value, ast.Subscript):
            found = self._read_item(value)
        elif isinstance(value, ast.Call):
            found = self._read_call(value)
        return set(sorted(found)[:_MOST_TEXTS])

    def _read_item(self, value: ast.Subscript) -> set[str]:
        wanted = self._read(value.slice)
        found: set[str] = set()
        for table in self._tables(value.value):
            for key, item in zip(table.keys, table.values, strict=True):
                if key is not None and (not wanted or self._read(key) & wanted):
                    found |= self._read(item)
        if not isinstance(value.slice, ast.Constant) or not isinstance(value.slice.value, str):
            found |= {text for item in self._items(value.value) for text in self._read(item)}
        return found

    def _read_call(self, value: ast.Call) -> set[str]:
        name = _last_name(value.func)
        if name in ("lower", "upper", "strip", "title") and isinstance(value.func, ast.Attribute):
            return {getattr(text, name)() for text in self._read(value.func.value)}
        if name in ("str", "intern") and value.args:
            return self._read(value.args[0])
        if name == "join" and isinstance(value.func, ast.Attribute) and value.args:
            parts = [self._read(item) for item in self._items(value.args[0])]
            mark = self._read(value.func.value)
            return {one.join(combination) for one in mark for combination in _combinations(parts)} if parts else set()
        if name == "get" and isinstance(value.func, ast.Attribute) and value.args:
            return self._read_item(ast.Subscript(value.func.value, value.args[0], ast.Load()))
        function = self._functions.get(name)
        if function is not None:
            returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
            return {text for one in returned if not isinstance(one, ast.Call) for text in self._read(one)}
        return set()

    # registrations

    def _registers(self, function: ast.expr) -> bool:
        """Return whether an expression is a registering function, also by its name as a text (`getattr`, `vars`)."""
        if isinstance(function, ast.Call):
            named = any(self._read(one) & _REGISTERING for one in function.args)
            return (named and _last_name(function.func) != "methodcaller") or self._registers(function.func)
        if isinstance(function, ast.Subscript):
            return bool(self._read(function.slice) & _REGISTERING)
        return _last_name(function) in self._aliases

    def _handed_on(self, node: ast.Call) -> set[str] | None:
        """Return the names in a call that is given a registering function, or its name, to call; None for any other.

        Such as `Thread(target=ctx.register_platform, args=("pager",))`, `map(ctx.register_platform, ["pager"])` and
        `methodcaller("register_platform", "pager")`.
        """
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        by_name = _last_name(node.func) == "methodcaller" and node.args and self._read(node.args[0]) & _REGISTERING
        if not by_name and not any(_last_name(one) in self._aliases for one in given):
            return None
        found: set[str] = set()
        for one in given:
            if self._read(one) & _REGISTERING or _last_name(one) in self._aliases:
                continue
            for item in (one, *self._items(one)):
                first = item.elts[0] if isinstance(item, ast.Tuple) and item.elts else item
                found |= self._read(first)
            if by_name or found:  # a name is the first argument
                break
        return {text.strip().lower() for text in found if text.strip()}

    def _argument(self, arguments: list[ast.expr], keywords: list[ast.keyword]) -> ast.expr | None:
        """Return the expression of the channel's name in a call, also out of `**ENTRY`; None without one."""
        for keyword in keywords:
            if keyword.arg in _NAME_ARGUMENTS:
                return keyword.value
        if arguments and not isinstance(arguments[0], ast.Starred):
            return arguments[0]
        for keyword in keywords:
            if keyword.arg is None:
                for table in self._tables(keyword.value):
                    for key, item in zip(table.keys, table.values, strict=True):
                        if key is not None and self._read(key) & {*_NAME_ARGUMENTS}:
                            return item
        return keywords[0].value if any(keyword.arg is None for keyword in keywords) else None


def _combinations(parts: list[set[str]]) -> Iterator[tuple[str, ...]]:
    for count, combination in enumerate(product(*(sorted(part) for part in parts))):
        if count >= _MOST_TEXTS:
            return
        yield combination


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        return _dotted(node.func)
    return node.id if isinstance(node, ast.Name) else ""
