"""The demo prints each part as soon as it is there, also into a pipe."""

from __future__ import annotations

import io
import sys

import pytest

from hermes_profiles.cli.commands.demo import demo as module
from hermes_profiles.cli.framework import output


class _GoneReader(io.TextIOWrapper):
    def flush(self) -> None:
        raise BrokenPipeError


def test_first_line_is_printed_before_anything_is_cloned(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.BytesIO()

    def first(*_: object) -> object:
        assert pipe.getvalue().startswith(b"The demo works in a sandbox")
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_cloned", first)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(pipe, "utf-8"))
    with pytest.raises(SystemExit) as end:
        module.demo(keep=False, gateways=False, json=False)
    assert end.value.code == 130


def test_reader_that_went_away_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", _GoneReader(io.BytesIO(), "utf-8"))
    with pytest.raises(SystemExit) as end:
        output.show_now(["a line"])
    assert end.value.code == 0
