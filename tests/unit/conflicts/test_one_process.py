"""Identities that several profiles of one process hold, and the masks that such a process can have."""

from __future__ import annotations

from hermes_profiles.conflicts.one_process import (
    LeftOut,
    left_out,
    masks_of_process,
    of_one_process,
    serving_order,
)
from hermes_profiles.credentials.identities import Identity
from hermes_profiles.gateways.masks import ChannelOwner, Mask
from hermes_profiles.profiles.channels import ClaimedResources


def held(*keys: str, channel: str = "telegram") -> ClaimedResources:
    identities = tuple(Identity(channel, key, "token") for key in keys)
    return ClaimedResources(identities=identities, channels=(channel,) if keys else ())


def test_serving_order_begins_with_the_server_then_default() -> None:
    assert serving_order("work", ("b", "default", "a")) == ("work", "default", "a", "b")
    assert serving_order("default", ("b", "a")) == ("default", "a", "b")


def test_left_out_names_the_first_holder_of_each_identity() -> None:
    holdings = {"default": held("x"), "a": held("y"), "b": held("x", "y"), "c": held("y")}
    assert left_out(("default", "a", "b", "c"), holdings) == (
        LeftOut("b", "telegram", "token", "default"),
        LeftOut("c", "telegram", "token", "a"),
    )


def test_one_process_holds_what_its_profiles_keep() -> None:
    holdings = {"default": held("x"), "a": held("x"), "b": held("y")}
    together = of_one_process(("default", "a", "b"), holdings)
    assert [each.key for each in together.identities] == ["x", "y"] and together.channels == ("telegram",)


def test_mask_of_a_process_holds_where_one_profile_has_the_channel() -> None:
    mask = Mask("telegram", owner=ChannelOwner("other"))
    holdings = {"default": held(), "a": held("x"), "other": held("x")}
    assert masks_of_process((mask,), ("default", "a"), holdings) == ((mask,), ())


def test_mask_of_a_process_is_refused_where_another_profile_would_lose_the_channel() -> None:
    mask = Mask("telegram", owner=ChannelOwner("other"))
    holdings = {"default": held("y"), "a": held("x"), "other": held("x")}
    kept, ((refused, loser, others),) = masks_of_process((mask,), ("default", "a"), holdings)
    assert (kept, refused, loser, others) == ((), mask, "a", "default")
