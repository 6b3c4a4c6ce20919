"""What is due at an instant: each past month from the second working day of the next on, with its quarter and its year."""

from collections.abc import Iterator
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from jinbao_config.schedule import Schedule
from jinbao_reports.legal_days import LegalDays
from jinbao_reports.service_time import local_day, midnight_ms


def due_periods(schedule: Schedule, now_ms: int, zone: ZoneInfo, legal: LegalDays) -> Iterator[str]:
    """Names of periods, the oldest first. Raises BadInput for a year whose legal calendar is not known."""
    month = date.fromisoformat(f"{schedule.first}-01")
    while midnight_ms(following(month), zone) <= now_ms:
        if due_ms(month, schedule, zone, legal) > now_ms:
            return
        yield f"{month:%Y-%m}"
        if schedule.quarters and month.month % 3 == 0 and _whole(month, 3, schedule):
            yield f"{month.year}-Q{month.month // 3}"
        if schedule.years and month.month == 12 and _whole(month, 12, schedule):
            yield str(month.year)
        month = following(month)


def _whole(last: date, months: int, schedule: Schedule) -> bool:
    """Whether the quarter or year that ends with this month began after the schedule did."""
    first = date(last.year, last.month - months + 1, 1)
    return f"{first:%Y-%m}" >= schedule.first


def due_ms(month: date, schedule: Schedule, zone: ZoneInfo, legal: LegalDays) -> int:
    """The instant at which a month's documents are issued."""
    day, worked = following(month), 0
    while True:
        worked += legal.is_workday(day)
        if worked == schedule.working_day:
            return midnight_ms(day, zone) + schedule.at
        day += timedelta(days=1)


def following(month: date) -> date:
    """The first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def next_due_ms(schedule: Schedule, now_ms: int, zone: ZoneInfo, legal: LegalDays) -> int:
    """When the next month falls due: that of the running month, or of the last one where its day has not come."""
    running = local_day(now_ms, zone).replace(day=1)
    last = (running - timedelta(days=1)).replace(day=1)
    first = date.fromisoformat(f"{schedule.first}-01")
    months = [month for month in (last, running) if month >= first] or [first]
    return next((at for month in months if (at := due_ms(month, schedule, zone, legal)) > now_ms), now_ms)
