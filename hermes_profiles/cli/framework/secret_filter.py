"""Hides the secrets of the root in everything that is printed, so that no renderer has to know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hermes_profiles.credentials.detection.shape_marks import may_have_mark
from hermes_profiles.model.errors import HermesProfilesError

if TYPE_CHECKING:
    from hermes_profiles.credentials.catalog.catalog import Catalog
    from hermes_profiles.operations.context import Session
    from hermes_profiles.profiles.known_secrets import KnownSecrets
    from hermes_profiles.profiles.redact import Redactor

_MOST = 10_000
Hide = Callable[[str], str]


class SecretFilter:
    """Replaces secrets by `<their name>`. Nothing is read before something is printed."""

    def __init__(self, session: Callable[[], Session]) -> None:
        self._session = session
        self._known: KnownSecrets | None = None
        self._redactors: dict[tuple[str, ...], Redactor] = {}
        self._texts: dict[str, str] = {}

    def hide(self, text: str) -> str:
        """Return a text, of one line or of many, without secrets."""
        hidden = self._texts.get(text)
        if hidden is None:
            if len(self._texts) >= _MOST:
                self._texts.clear()
            hidden = self._texts[text] = self._without(text)(text)
        return hidden

    def hide_all(self, texts: Sequence[str]) -> list[str]:
        """Return texts without secrets; they are searched together."""
        return [*map(self._without("\n".join(texts)), texts)]

    def hide_data(self, data: Any, written: str) -> Any:
        """Return data for JSON without secrets, the same object when it has none. `written`: the data as JSON."""
        hide = self._without(written)
        return data if hide is _as_it_is else _hidden(data, hide)

    def _without(self, text: str) -> Hide:
        """Return the function that hides what this text, or a part of it, may have; `_as_it_is` for nothing."""
        redactor = self._redactor(text)
        if not may_have_mark(text):
            return _as_it_is if redactor is None else redactor.replace_values
        from hermes_profiles.credentials.detection.secret_shapes import may_have_shape, without_certain_shapes

        if not may_have_shape(text):
            return _as_it_is if redactor is None else redactor.replace_values
        spared = self._secrets.addresses

        def hide(part: str) -> str:
            return without_certain_shapes(redactor.replace_values(part) if redactor else part, spared=spared)

        return hide

    def _redactor(self, text: str) -> Redactor | None:
        try:
            near = self._secrets.near(text)
        except HermesProfilesError:  # there is no root: `--home ""`
            return None
        if not near:
            return None
        key = tuple(near)
        if key not in self._redactors:
            from hermes_profiles.profiles.redact import Redactor

            self._redactors[key] = Redactor(near)
        return self._redactors[key]

    @property
    def _secrets(self) -> KnownSecrets:
        if self._known is None:
            from hermes_profiles.profiles.known_secrets import KnownSecrets

            session = self._session()
            self._known = KnownSecrets(session.layout, _catalog(session), session.environment)
        return self._known


def _catalog(session: Session) -> Catalog:
    """Return the catalogue of the session; where it has read none, no problem of the catalogue is added to it."""
    if "catalog" in vars(session):
        return session.catalog
    from hermes_profiles.profiles.plugin_channels import catalog_for

    return catalog_for(session.layout, session.environment, problems=[])


def _as_it_is(text: str) -> str:
    return text


def _hidden(data: Any, hide: Hide) -> Any:
    if isinstance(data, str):
        return hide(data)
    if isinstance(data, Mapping):
        return {_hidden(key, hide): _hidden(value, hide) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_hidden(value, hide) for value in data]
    if isinstance(data, int) and not isinstance(data, bool):
        text = str(data)
        return data if (hidden := hide(text)) == text else hidden
    return data
