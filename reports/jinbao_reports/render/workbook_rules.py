"""What the workbook computes and how it looks: formulas, the words of its drop-downs, the formats of its cells."""

from collections.abc import Mapping
from typing import Any

from jinbao_reports import words
from jinbao_reports.render import figures
from jinbao_reports.render.report import Link
from jinbao_reports.render.workbook_words import ABOUT

TARGET, MODE = "jb_target", "jb_mode"  # the two cells that a user may change


def formulas(cells: Mapping[str, str], up: str, lang: str) -> dict[str, str]:
    """The cells that follow from a row's seconds, as R5.3 and R5.4 say; `cells` names the row's cells, `up` is its up time."""
    credit = ABOUT["credit"].to(lang)
    nothing = figures.NO_DATA.to(lang)
    excused = f"{cells['excluded']}+{cells['not_carrier']}"
    denominator = f'={cells["service"]}-IF({MODE}="{credit}",0,{excused})'
    numerator = f'({cells["up"]}+{cells["unclaimed"]}+IF({MODE}="{credit}",{excused},0))'
    whole, unknown = cells["denominator"], cells["unknown"]
    dark = f'IF(OR({whole}<=0,{unknown}>={whole}),"{nothing}",'
    said = {code: words.VERDICTS[code].to(lang) for code in words.VERDICTS}
    verdict = (
        f'=IF(ISTEXT({cells["low"]}),"{said["no_data"]}",IF({cells["low"]}>={TARGET}-1E-12,"{said["pass"]}",'
        f'IF({cells["high"]}<{TARGET}-1E-12,"{said["fail"]}","{said["inconclusive"]}")))'
    )
    return {
        "up": up,
        "denominator": denominator,
        "low": f"={dark}{numerator}/{whole})",
        "high": f"={dark}1-{cells['counted']}/{whole})",
        "coverage": f"={dark}1-{unknown}/{whole})",
        "verdict": verdict,
    }


FORMATS: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 14},
    "head": {"bold": True, "text_wrap": True, "border": 1, "bg_color": "#EBEBEB", "valign": "vcenter", "align": "center"},
    "text": {"border": 1, "text_wrap": True, "valign": "vcenter"},
    "loose": {},
    "warning": {"bold": True, "font_color": "#9B1C1C"},
    "input": {"border": 1, "bg_color": "#FFF9DB", "valign": "vcenter"},
    "input_ratio": {"border": 1, "bg_color": "#FFF9DB", "num_format": "0.000000%", "align": "left"},
    "seconds": {"border": 1, "valign": "vcenter"},
    "clock": {"border": 1, "num_format": "[h]:mm:ss", "valign": "vcenter"},
    "ratio": {"border": 1, "num_format": "0.000000%", "valign": "vcenter", "align": "right"},
    "moment": {"border": 1, "num_format": "yyyy-mm-dd hh:mm:ss", "valign": "vcenter"},
}


def drop_downs(class_: str | None) -> tuple[str, str]:
    """计入考核 and 不计时按 of a slice; outside the service hours nothing adds it up."""
    match class_:
        case "counted":
            return "yes", "not_carrier"
        case "disputed":
            return "disputed", "not_carrier"
        case None:
            return "outside", "not_carrier"
        case _:
            return "no", class_


def known_figures(link: Link) -> dict[str, Any]:
    low, high, coverage = (
        None if value is None else float(value) for value in (link.ratios["low"], link.ratios["high"], link.coverage)
    )
    return {"low": low, "high": high, "coverage": coverage, "verdict": link.verdict}
