"""Hides the secrets of the root in everything that is printed, so that no renderer has to know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hermes_profiles.model.errors import HermesProfilesError

if TYPE_CHECKING:
    from hermes_profiles.credentials.catalog.catalog import Catalog
    from hermes_profiles.operations.context import Session
    from hermes_profiles.profiles.known_secrets import KnownSecrets
    from hermes_profiles.profiles.redact import Redactor

_MOST = 10_000


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
            redactor = self._redactor(text)
            hidden = self._texts[text] = redactor.redact(text) if redactor is not None else text
        return hidden

    def hide_all(self, texts: Sequence[str]) -> list[str]:
        """Return texts without secrets; they are searched together."""
        redactor = self._redactor("\n".join(texts))
        return [*texts] if redactor is None else redactor.redact_all(texts)

    def hide_data(self, data: Any, written: str) -> Any:
        """Return data for JSON without secrets, the same object when it has none. `written`: the data as JSON."""
        redactor = self._redactor(written)
        return data if redactor is None else _hidden(data, redactor)

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


def _hidden(data: Any, redactor: Redactor) -> Any:
    if isinstance(data, str):
        return redactor.redact(data)
    if isinstance(data, Mapping):
        return {_hidden(key, redactor): _hidden(value, redactor) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_hidden(value, redactor) for value in data]
    if isinstance(data, int | float) and not isinstance(data, bool):
        text = str(data)
        return data if (hidden := redactor.redact(text)) == text else hidden
    return data
