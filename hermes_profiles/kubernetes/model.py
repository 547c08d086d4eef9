"""What the files of a Kubernetes place are rendered from. Pure."""

from __future__ import annotations

from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .names import check_object_name, check_subdomain

OFFICIAL_IMAGE = "nousresearch/hermes-agent"
ACCESS_MODES = ("ReadWriteOncePod", "ReadWriteOnce")
# The user of the official image, whose home folder and HERMES_HOME is the folder of the volume (its Dockerfile).
USER, DATA = 10000, "/opt/data"

# Memory in MiB. A gateway has 264 to 270 MB resident with all channel SDKs, which the official image has, and 110 MB
# without, before it answers; `run` and supervisord together have 75 MB. A multiplexer grows by 3.5 MB with each profile
# that has answered. The request leaves room for one answer; the limit is four times the request.
GATEWAY_MEMORY, LEAN_GATEWAY_MEMORY = 384, 256
BASE_MEMORY, PROFILE_MEMORY = 96, 8
LIMIT = 4
# An idle gateway uses below 1 % of a core. There is no CPU limit: a throttled gateway misses its heartbeat.
GATEWAY_CPU, LEAST_CPU = 20, 100
# Beyond the stop of the gateways: what `run` takes to end supervisord and to print the last lines of the logs.
STOP_MARGIN, SHORTEST_GRACE = 30, 120

_SIZE = lazy_pattern(r"([1-9][0-9]{0,5})(Mi|Gi|Ti)")
_IN_MIB = {"Mi": 1, "Gi": 1024, "Ti": 1024 * 1024}
# A reference of an image, as distribution/reference spells it, without its limits of length.
_IMAGE = lazy_pattern(
    r"(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::[0-9]+)?/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_TIMEZONE = lazy_pattern(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")


class KubernetesPlace(NamedTuple):
    """One root in a cluster.

    `image`: what the pod runs; `base`: what the Dockerfile builds on; `profiles`, `gateways`: how many the pod has;
    `stop`: seconds that a stop of all its gateways may take; `timezone`: "" for the image's own; `storage_class`: ""
    for the cluster's default; `namespace`: "" for that of the context; `secrets`: names of Secrets whose keys become
    variables; `memory`: MiB of one gateway; `replicas`: 0 for a place that is being filled.
    """

    name: str
    image: str
    base: str
    profiles: int
    gateways: int
    stop: float
    version: str
    timezone: str = ""
    access_mode: str = ACCESS_MODES[0]
    storage: str = "10Gi"
    storage_class: str = ""
    namespace: str = ""
    secrets: tuple[str, ...] = ()
    memory: int = GATEWAY_MEMORY
    replicas: int = 1

    @property
    def grace(self) -> int:
        """Return the seconds between SIGTERM and SIGKILL: never less than our own stop takes."""
        return max(SHORTEST_GRACE, int(self.stop) + 1 + STOP_MARGIN)

    @property
    def memory_request(self) -> int:
        """Return the MiB that the pod asks for."""
        served = max(0, self.profiles - self.gateways)
        return BASE_MEMORY + self.gateways * self.memory + served * PROFILE_MEMORY

    @property
    def cpu_request(self) -> int:
        """Return the thousandths of a core that the pod asks for."""
        return max(LEAST_CPU, self.gateways * GATEWAY_CPU)


def check_place(place: KubernetesPlace) -> KubernetesPlace:
    """Return the place. Raises UsageProblem for the first value that a cluster would refuse or misread."""
    check_object_name(place.name, "--name")
    check_image(place.image, "--image")
    check_image(place.base, "--from")
    for secret in place.secrets:
        check_subdomain(secret, "--env-secret")
    if place.storage_class:
        check_subdomain(place.storage_class, "--storage-class")
    if place.namespace:
        check_object_name(place.namespace, "--namespace")
    if place.access_mode not in ACCESS_MODES:
        raise UsageProblem(
            f"{place.access_mode!r} lets two pods write one database, or none",
            target="--access-mode",
            hint=f"use one of {', '.join(ACCESS_MODES)}",
        )
    mebibytes(place.storage, "--storage")
    if place.timezone and _TIMEZONE.fullmatch(place.timezone) is None:
        raise UsageProblem(
            f"{place.timezone!r} is not a name of a time zone",
            target="--timezone",
            hint="use a name such as `--timezone Europe/Berlin`",
        )
    return place


def check_image(text: str, option: str) -> None:
    """Raise UsageProblem for a text that is no reference of an image."""
    if _IMAGE.fullmatch(text) is None:
        raise UsageProblem(
            f"{text!r} is not a reference of an image",
            target=option,
            hint=f"use `{option} registry.example.org/hermes:TAG@sha256:DIGEST`",
        )


def is_pinned(image: str) -> bool:
    """Return whether a reference has a digest: any other one can be another image tomorrow."""
    found = _IMAGE.fullmatch(image)
    return found is not None and found["digest"] is not None


def is_official(image: str) -> bool:
    """Return whether a reference is of the image that Nous Research publishes."""
    name = image.partition("@")[0].removeprefix("docker.io/")
    return name == OFFICIAL_IMAGE or name.startswith(f"{OFFICIAL_IMAGE}:")


def mebibytes(text: str, option: str) -> int:
    """Return the MiB of a quantity such as `384Mi`. Raises UsageProblem."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise UsageProblem(f"{text!r} is not a size", target=option, hint=f"use `{option} 512Mi` or `{option} 10Gi`")
    return int(found[1]) * _IN_MIB[found[2]]
