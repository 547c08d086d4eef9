"""Metrics as text, by prometheus_client: OpenMetrics, and the older text format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from hermes_profiles.model.named_tuple import NamedTuple

from .collect import Sample
from .names import METRICS, MetricKind

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

# Returns texts in which secrets are hidden.
Hide = Callable[[Sequence[str]], Sequence[str]]


class _Registry(NamedTuple):
    """Families of metrics, in the form that the encoders of prometheus_client take."""

    families: tuple[Family, ...]

    def collect(self) -> Iterable[Family]:
        """Return the families."""
        return self.families


def open_metrics(samples: Iterable[Sample], hide: Hide) -> str:
    """Return the metrics as OpenMetrics text."""
    from prometheus_client.openmetrics.exposition import generate_latest

    return _text(generate_latest(_registry(samples, hide)))  # type: ignore[no-untyped-call]


def textfile(samples: Iterable[Sample], hide: Hide) -> bytes:
    """Return the metrics in the text format that the textfile collector of node_exporter reads.

    It has no type `info` (github.com/prometheus/common, expfmt/text_parse.go).
    """
    from prometheus_client.exposition import generate_latest

    return _text(generate_latest(_registry(samples, hide))).encode()


def encoded(samples: Iterable[Sample], accept: str, hide: Hide) -> tuple[bytes, str]:
    """Return the metrics in the format that a request accepts, and its content type."""
    from prometheus_client.exposition import choose_encoder

    encoder, content_type = choose_encoder(accept)
    return _text(encoder(_registry(samples, hide))).encode(), content_type


def _text(content: bytes) -> str:
    return content.decode("utf-8")


def _registry(samples: Iterable[Sample], hide: Hide) -> _Registry:
    return _Registry(tuple(_families(samples, hide)))


def _families(samples: Iterable[Sample], hide: Hide) -> Iterator[Family]:
    """Yield a family for each metric that has a value, in the order of the names; labels are without secrets."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.metric.name, []).append(sample)
    texts = [*dict.fromkeys(text for found in by_name.values() for sample in found for text in sample.labels)]
    shown = dict(zip(texts, map(_clean, hide(texts)), strict=True))
    for metric in METRICS:
        found = by_name.get(metric.name, [])
        if not found:
            continue
        labels = [[shown[text] for text in sample.labels] for sample in found]
        if metric.kind is MetricKind.INFO:
            info = InfoMetricFamily(metric.name.removesuffix("_info"), metric.help)
            for values in labels:
                info.add_metric([], dict(zip(metric.labels, values, strict=True)))
            yield info
            continue
        kind = CounterMetricFamily if metric.kind is MetricKind.COUNTER else GaugeMetricFamily
        family: CounterMetricFamily | GaugeMetricFamily = kind(metric.name, metric.help, labels=metric.labels)
        for sample, values in zip(found, labels, strict=True):
            family.add_metric(values, float(sample.number))
        yield family


def _clean(text: str) -> str:
    """Return a text that UTF-8 can encode: the name of a folder can be any bytes."""
    return text.encode("utf-8", "replace").decode()
