"""The office's word beside a judgement: office.toml and the census, read and checked together."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from jinbao_config.links import Links
from jinbao_config.office import Office, read_office
from jinbao_config.shape import Document
from jinbao_reports.indicators import points_for
from jinbao_reports.notation import exact, ratio
from jinbao_reports.office import census
from jinbao_reports.office.assessment import assessment, office_facts
from jinbao_reports.source import BadInput


@dataclass(frozen=True, slots=True)
class OfficeWord:
    """`forms` is None where no census was held."""

    document: Document[Office]
    forms: tuple[census.Form, ...] | None
    inputs: Mapping[str, str]

    @property
    def office(self) -> Office:
        return self.document.value

    @property
    def satisfaction(self) -> Fraction | None:
        asked = self.office.census
        return None if asked is None or self.forms is None else census.satisfaction(asked, self.forms)

    def adds_to(self, made: Mapping[str, Any]) -> dict[str, Any]:
        """A Statement with the office's word beside it: money and names, the census, and all points together."""
        asked, codes = self.office.census, [link["link"] for link in made["links"]]
        held = None if asked is None or self.forms is None else census.facts(asked, self.forms, codes)
        rows = [self._scored(row) for row in made.get("indicators", [])]
        told = {"indicators": rows} if rows else {}
        return {
            **made,
            **told,
            "office": office_facts(self.office, self.document.placeholders),
            "census": held,
            "assessment": assessment(self.office, rows),
        }

    def _scored(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        share = self.satisfaction
        if row["measure"] != "satisfaction" or share is None:
            return row
        points = points_for(share, row["direction"], Fraction(row["target"]), Fraction(row["points"]))
        exacts = {"actual": exact(share), "score": exact(points)}
        return {**row, "actual": ratio(share), "score": ratio(points), "exact": exacts}


def read_word(office: Path | None, forms: Path | None, links: Links) -> OfficeWord | None:
    """Raises ConfigError and BadInput, naming file, place and what would be right."""
    if office is None:
        if forms is not None:
            raise BadInput("--census needs --office: office.toml says what was asked, and of how many")
        return None
    document = read_office(office)
    inputs = {"office": document.sha256}
    if forms is None:
        return OfficeWord(document, None, inputs)
    if document.value.census is None:
        raise BadInput(f"{office}: census: missing; it says what {forms} answers, and how many were asked")
    came, inputs["census"] = census.read_census(forms, document.value.census, links)
    return OfficeWord(document, came, inputs)
