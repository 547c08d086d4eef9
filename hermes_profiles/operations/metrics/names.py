"""The metrics: name, kind, meaning, labels. Pure; docs/reference/metrics.md describes each."""

from __future__ import annotations

from enum import StrEnum

from hermes_profiles.model.named_tuple import NamedTuple


class MetricKind(StrEnum):
    """The type of a metric, as OpenMetrics has it."""

    GAUGE = "gauge"
    COUNTER = "counter"
    INFO = "info"


class Metric(NamedTuple):
    """One metric: its name in a query, its type, its help line, the names of its labels."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()


_GAUGE, _COUNTER = MetricKind.GAUGE, MetricKind.COUNTER
_PROFILE, _CHANNEL = ("profile",), ("profile", "channel")

INFO = Metric("hermes_profiles_info", MetricKind.INFO, "Version, service manager and topology.",
              ("version", "manager", "topology"))  # fmt: skip
STATE = Metric("hermes_gateway_state", _GAUGE, "1 for the state of the gateway, 0 for every other state.",
               ("profile", "state"))  # fmt: skip
UP = Metric("hermes_gateway_up", _GAUGE, "1 when a gateway serves the profile.", _PROFILE)
DOWN = Metric("hermes_gateway_down", _GAUGE, "1 when the gateway is to run and does not.", _PROFILE)
DEGRADED = Metric("hermes_gateway_degraded", _GAUGE, "1 when the gateway runs without one of its channels.", _PROFILE)
DISABLED = Metric("hermes_gateway_disabled", _GAUGE, "1 when fleet commands leave the profile out.", _PROFILE)
RESTARTS = Metric("hermes_gateway_restarts_total", _COUNTER, "Restarts by the service manager.", _PROFILE)
UPTIME = Metric("hermes_gateway_uptime_seconds", _GAUGE, "Seconds since the start of the process.", _PROFILE)
MEMORY = Metric("hermes_gateway_resident_memory_bytes", _GAUGE, "Resident memory of the process.", _PROFILE)
CPU = Metric("hermes_gateway_cpu_seconds_total", _COUNTER, "CPU time of the process, without its children.", _PROFILE)
FILES = Metric("hermes_gateway_open_files", _GAUGE, "Open files of the process.", _PROFILE)
FILES_LIMIT = Metric("hermes_gateway_open_files_limit", _GAUGE, "Soft limit of open files of the process.", _PROFILE)
STATE_AGE = Metric("hermes_gateway_state_age_seconds", _GAUGE, "Seconds since the gateway wrote its state.", _PROFILE)
HEARTBEAT_AGE = Metric("hermes_gateway_heartbeat_age_seconds", _GAUGE, "Seconds since the last heartbeat.", _PROFILE)
CHANNEL_STATE = Metric("hermes_gateway_channel_state", _GAUGE, "1, with the state of the channel as a label.",
                       ("profile", "channel", "state"))  # fmt: skip
CHANNEL_UP = Metric("hermes_gateway_channel_up", _GAUGE, "1 when the channel is served, 0 when it is lost.", _CHANNEL)
CHANNEL_CONFLICT = Metric("hermes_gateway_channel_conflict", _GAUGE,
                          "1 when the channel shares an account or a port with another running gateway.",
                          _CHANNEL)  # fmt: skip
CONFLICTS = Metric("hermes_gateway_conflicts", _GAUGE, "Conflicts between running gateways.")
FINDINGS = Metric("hermes_profiles_doctor_findings", _GAUGE, "Findings of the doctor.", ("severity",))
FINDINGS_AGE = Metric("hermes_profiles_doctor_age_seconds", _GAUGE, "Seconds since the run of the doctor.")
DISK_FREE = Metric("hermes_profiles_root_free_bytes", _GAUGE, "Free bytes of the disk of the root.")
DISK_SIZE = Metric("hermes_profiles_root_size_bytes", _GAUGE, "Size of the disk of the root.")
MANAGER_UP = Metric("hermes_profiles_manager_up", _GAUGE, "1 when the service manager answers.")
SECONDS = Metric("hermes_profiles_collect_seconds", _GAUGE, "Seconds that this collection took.")

METRICS = (
    INFO, STATE, UP, DOWN, DEGRADED, DISABLED, RESTARTS, UPTIME, MEMORY, CPU, FILES, FILES_LIMIT, STATE_AGE,
    HEARTBEAT_AGE, CHANNEL_STATE, CHANNEL_UP, CHANNEL_CONFLICT, CONFLICTS, FINDINGS, FINDINGS_AGE, DISK_FREE,
    DISK_SIZE, MANAGER_UP, SECONDS,
)  # fmt: skip
