"""Sets of time: sorted, disjoint, half-open spans of integer milliseconds UTC."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Span = tuple[int, int]
Spans = tuple[Span, ...]

FOREVER: Spans = ((-(1 << 62), 1 << 62),)


def merge(spans: Iterable[Span]) -> Spans:
    """Any spans, in any order -> the set they cover; empty ones vanish, touching ones join."""
    merged: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return tuple(merged)


def intersect(left: Spans, right: Spans) -> Spans:
    return tuple(_overlaps(near(left, right), near(right, left)))


def near(spans: Spans, others: Spans) -> Spans:
    """Without those that lie wholly before or after the others: a minute is often put beside a year's thousand spans."""
    if not spans or not others:
        return ()
    first = max(bisect_right(spans, (others[0][0], FOREVER[0][1])) - 1, 0)
    return spans[first : bisect_left(spans, (others[-1][1],), first)]


def _overlaps(left: Spans, right: Spans) -> Iterator[Span]:
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            yield start, end
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1


def subtract(left: Spans, right: Spans) -> Spans:
    return intersect(left, complement(near(right, left)))


def complement(spans: Spans) -> Spans:
    edges = [FOREVER[0][0], *(edge for span in spans for edge in span), FOREVER[0][1]]
    return tuple((start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end)


def union(*sets: Spans) -> Spans:
    return merge(span for spans in sets for span in spans)


def total(spans: Iterable[Span]) -> int:
    return sum(end - start for start, end in spans)


def contains(spans: Spans, instant: int) -> bool:
    at = bisect_right(spans, (instant, FOREVER[0][1])) - 1
    return at >= 0 and instant < spans[at][1]
