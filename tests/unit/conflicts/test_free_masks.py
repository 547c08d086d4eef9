"""A mask is reported as free when nothing has the channel any more."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from observed_root import Root

from hermes_profiles.conflicts.free_masks import with_free_masks
from hermes_profiles.conflicts.ledger import save_decision
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.gateways.masks import ChannelOwner, Mask, MaskCause
from hermes_profiles.gateways.model import LiveGateway
from hermes_profiles.profiles.channels import claimed_resources

CATALOG = load_catalog()
MASK = Mask("ntfy", MaskCause.IDENTITY, ChannelOwner("aa", 11))


@pytest.fixture
def pair(tmp_path: Path) -> Root:
    root = Root(tmp_path, "default", "aa", "bb")
    for name in ("aa", "bb"):
        root.write(name, ".env", "NTFY_TOPIC=CANARY-topic\n")
    return root


def is_free(root: Root, mask: Mask = MASK) -> bool:
    held = claimed_resources(root.layout.home("bb"), catalog=CATALOG)
    (found,) = with_free_masks(root.world, "bb", (mask,), held)
    return found.is_free


def test_mask_is_free_once_its_owner_is_gone(pair: Root) -> None:
    pair.runs("aa", 11)
    assert not is_free(pair)
    pair.table.live.clear()
    assert is_free(pair)
    pair.runs("aa", 12)  # the owner started again
    assert not is_free(pair)


def test_mask_is_kept_for_an_owner_whose_start_is_pending(pair: Root) -> None:
    held = claimed_resources(pair.layout.home("aa"), catalog=CATALOG)
    coming = {"aa": LiveGateway(None, starting=True)}
    save_decision(pair.layout, {"aa": ()}, {"aa": held}, now=time.time(), live=lambda _: coming)
    assert not is_free(pair)


def test_mask_of_a_port_is_free_when_nothing_listens(pair: Root) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        mask = Mask("api_server", MaskCause.PORT, ChannelOwner(None, None), taken.getsockname()[1])
        assert not is_free(pair, mask)
    assert is_free(pair, mask)


def test_process_outside_the_root_keeps_its_channel_while_it_lives(pair: Root) -> None:
    mask = Mask("ntfy", MaskCause.IDENTITY, ChannelOwner(None, 77))
    pair.table.add(77)
    assert not is_free(pair, mask)
    pair.table.live.clear()
    assert is_free(pair, mask)
    assert not is_free(pair, mask._replace(owner=ChannelOwner(None, None)))  # nothing is known of the owner
