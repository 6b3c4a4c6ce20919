"""County → city → province: exact sums, signatures that hold, and what must never be added."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinbao_agent.keys import SigningKey
from jinbao_config.counties import Counties, County
from jinbao_reports import sla, words
from jinbao_reports.cli import main
from jinbao_reports.rollup.figures import Figures, LinkSums
from jinbao_reports.rollup.levels import roll_up

APRIL = "2021-04-01T00:00:00+08:00", "2021-05-01T00:00:00+08:00"
CONTRACT = """schema = "jinbao.contract/1"
effective = { from = 2020-01-01 }
target = "99.9%"
unattributed = "counted"
[parties]
customer = "PARTY"
"""


@dataclass
class Desk:
    """A city's desk: counties' files come in, the command's answers go out."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __post_init__(self) -> None:
        self.keys = {code: SigningKey.generate() for code in ("510422", "510421", "513401")}
        for code, key in self.keys.items():
            key.save(self.folder / f"{code}.key")
        self.counties()

    def counties(self, *, without: str = "") -> None:
        lines = ['schema = "jinbao.counties/1"', 'names = { "5104" = "攀枝花市", "51" = "四川省" }']
        for code, key in self.keys.items():
            if code != without:
                lines += ["[[county]]", f'code = "{code}"', f'name = "县{code}"', f'keys = ["{key.public.fingerprint}"]']
        (self.folder / "counties.toml").write_text("\n".join(lines), encoding="utf-8")

    def run(self, *asked: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = main(list(asked))
        told = self.capsys.readouterr()
        return code, told.out, told.err

    def statement(
        self,
        county: str,
        down: Mapping[str, int],
        *,
        name: str = "",
        period: str = "2021-04",
        contract: str = "",
        more: str = "",
    ) -> Path:
        """A county's Statement, as `compute` prints it: each link is down so many seconds from the period's fourth hour on."""
        start = {"2021-04": "2021-04-01", "2021-05": "2021-05-01", "2021-04-10": "2021-04-10"}[period]
        links, rows = ['schema = "jinbao.links/1"'], ["link,from,to,state"]
        for link, seconds in down.items():
            links += ["[[link]]", f'code = "{link}"', f'name = "{link}"', 'targets = { core = "10.0.0.2" }']
            hours, rest = divmod(seconds, 3600)
            restored = f"{start}T{4 + hours:02d}:{rest // 60:02d}:{rest % 60:02d}+08:00"
            rows.append(f"{link},{start}T00:00:00+08:00,{start}T04:00:00+08:00,up")
            if seconds:
                rows.append(f"{link},{start}T04:00:00+08:00,{restored},down")
            rows.append(f"{link},{restored},{start}T20:00:00+08:00,up")
        files = {
            "links.toml": "\n".join(links),
            "contract.toml": (contract or CONTRACT).replace("PARTY", county),
            "intervals.csv": "\n".join(rows),
        }
        for file, text in files.items():
            (self.folder / file).write_text(text + "\n", encoding="utf-8")
        declared = ["--links", str(self.folder / "links.toml"), "--contract", str(self.folder / "contract.toml")]
        code, out, err = self.run(
            "compute", "--intervals", str(self.folder / "intervals.csv"), *declared, "--period", period, "--json", *more.split()
        )
        assert code in (0, 1), err
        file = self.folder / f"{name or county}.json"
        file.write_text(out, encoding="utf-8")
        return file

    def signed(self, statement: Path, county: str) -> str:
        out = statement.with_suffix(".statement")
        code, told, err = self.run("sign", str(statement), "--key", str(self.folder / f"{county}.key"), "--out", str(out))
        assert (code, err) == (0, "")
        assert self.keys[county].public.fingerprint in told
        return str(out)

    def county(self, county: str, down: Mapping[str, int], **more: str) -> str:
        return self.signed(self.statement(county, down, **more), county)

    def rollup(self, *files: str) -> tuple[int, str, str]:
        return self.run("rollup", *files, "--counties", str(self.folder / "counties.toml"), "--json")

    def areas(self, *files: str) -> dict[str, Any]:
        _, out, err = self.rollup(*files)
        assert not err
        return {area["code"]: area for area in json.loads(out)["areas"]}

    def refused(self, *files: str) -> tuple[int, str]:
        code, out, err = self.rollup(*files)
        assert out == ""
        return code, err


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def test_levels_are_sums_over_sums_and_never_means_of_percentages(desk: Desk) -> None:
    one = desk.county("510422", {"510422101": 3600, "510422102": 0})
    two = desk.county("510421", {"510421101": 60})
    three = desk.county("513401", {"513401101": 0})
    areas = desk.areas(one, two, three)
    assert list(areas) == ["51", "5104", "510421", "510422", "5134", "513401"]
    known, month = 20 * 3600, 30 * 86_400
    assert areas["5104"]["exact"]["high"] == str(1 - Fraction(3660, 3 * month))
    assert areas["51"]["exact"]["high"] == str(1 - Fraction(3660, 4 * month))
    assert areas["51"]["exact"]["low"] == str(Fraction(4 * known - 3660 - 3 * 4 * 3600 + 12 * 3600, 4 * month))
    assert areas["51"]["exact"]["coverage"] == str(Fraction(4 * known, 4 * month))
    assert [areas["51"][name] for name in ("level", "name", "counties", "links", "passing")] == ["province", "四川省", 3, 4, 0]
    shares = [Fraction(areas[code]["exact"]["high"]) for code in ("510421", "510422")]
    assert Fraction(areas["5104"]["exact"]["high"]) != sum(shares) / 2


def test_the_answer_does_not_depend_on_the_order_of_files(desk: Desk) -> None:
    files = [
        desk.county("510422", {"510422101": 3600}, name="a"),
        desk.county("510422", {"510422102": 60}, name="b"),
        desk.county("510421", {"510421101": 5}),
    ]
    assert len({desk.rollup(*order)[1] for order in permutations(files)}) == 1


def test_months_of_a_year_may_be_added_if_every_county_has_them(desk: Desk) -> None:
    april = [desk.county("510422", {"510422101": 3600}, name="a"), desk.county("510421", {"510421101": 0}, name="b")]
    may = [desk.county("510422", {"510422101": 600}, name="c", period="2021-05")]
    code, told = desk.refused(*april, *may)
    assert code == 2
    assert f"{may[0]}: covers 2021-05" in told
    assert f"510421 does ({april[1]})" in told
    may.append(desk.county("510421", {"510421101": 0}, name="d", period="2021-05"))
    areas = desk.areas(*april, *may)
    assert areas["5104"]["seconds"]["counted"] == 4200
    assert (areas["5104"]["links"], areas["5104"]["seconds"]["service"]) == (2, 2 * 61 * 86_400)


@pytest.mark.parametrize("period", ["2021-04", "2021-04-10"])
def test_no_time_of_a_link_counts_twice(desk: Desk, period: str) -> None:
    one = desk.county("510422", {"510422101": 0, "510422102": 0}, name="a")
    again = desk.county("510422", {"510422102": 0}, name="b", period=period)
    code, told = desk.refused(one, again)
    assert code == 2
    assert f"{one} and {again}: both speak of link 510422102" in told or f"{again} and {one}: both speak" in told


@pytest.mark.parametrize(
    ("contract", "more", "named"),
    [
        (CONTRACT.replace("99.9%", "99%"), "", "profile.target is 999/1000"),
        (CONTRACT.replace("[parties]", 'mode = "credit"\n[parties]'), "", "profile.mode is remove"),
        (CONTRACT + '[power]\ngrace = "1m"\n', "", "contract.terms is"),
        ("", "--profile mef", "profile.name is default"),
    ],
)
def test_other_terms_are_never_mixed(desk: Desk, contract: str, more: str, named: str) -> None:
    one = desk.county("510422", {"510422101": 0})
    two = desk.county("510421", {"510421101": 0}, contract=contract, more=more)
    code, told = desk.refused(one, two)
    assert code == 2
    assert all(word in told for word in (one, two, named, "by the same rule and terms"))


def test_other_parties_and_prices_are_no_other_terms(desk: Desk) -> None:
    one = desk.county("510422", {"510422101": 0})
    two = desk.county("510421", {"510421101": 0}, contract=CONTRACT + 'annual_fee = "9900.00"\n[limits]\nloss = "1%"\n')
    assert desk.areas(one, two)["5104"]["links"] == 2


def test_what_was_changed_after_signing_is_found(desk: Desk) -> None:
    file = Path(desk.county("510422", {"510422101": 3600}))
    whole = file.read_text(encoding="utf-8")
    for before, after in (('"counted":3600', '"counted":0'), (file.read_text().splitlines()[3], "A" * 86 + "==")):
        file.write_text(whole.replace(before, after, 1), encoding="utf-8")
        code, told = desk.refused(str(file))
        assert code == 1
        assert f"{file}: the signature does not hold" in told


def test_a_key_nobody_knows_and_one_that_speaks_for_others(desk: Desk) -> None:
    stranger = desk.signed(desk.statement("510422", {"510422101": 0}), "510421")
    assert desk.refused(stranger)[0] == 1
    assert "speaks of link 510422101, but its key is that of county 510421" in desk.refused(stranger)[1]
    desk.counties(without="510421")
    code, told = desk.refused(stranger)
    assert code == 3
    assert "which is no county's key" in told


@pytest.mark.parametrize("figure", ["classes", "ratio", "seconds"])
def test_a_statement_that_contradicts_itself_is_refused_though_signed(desk: Desk, figure: str) -> None:
    file = desk.statement("510422", {"510422101": 3600})
    made = json.loads(file.read_text(encoding="utf-8"))
    link = made["links"][0]
    if figure == "classes":
        link["seconds"]["counted"] = 0
    elif figure == "ratio":
        link["exact"]["low"] = "1/1"
    else:
        link["seconds"]["up"] = "0.0001"
    file.write_text(json.dumps(made), encoding="utf-8")
    code, told = desk.refused(desk.signed(file, "510422"))
    assert (code, "links[0]" in told) == (2 if figure == "seconds" else 1, True)


def test_a_file_that_is_none_and_one_that_was_not_signed(desk: Desk) -> None:
    plain = desk.statement("510422", {"510422101": 0})
    for file in (plain, desk.folder / "counties.toml", desk.folder / "missing"):
        code, told = desk.refused(str(file))
        assert code == 2
        assert str(file) in told
    code, _, told = desk.run("sign", str(desk.folder / "contract.toml"), "--key", str(plain), "--out", "x")
    assert (code, "expected what `compute --json` prints" in told) == (2, True)
    code, _, told = desk.run("sign", str(plain), "--key", str(plain), "--out", "x")
    assert (code, "expected the centre's signing key" in told) == (2, True)


def test_what_was_signed_is_never_overwritten(desk: Desk) -> None:
    statement = desk.statement("510422", {"510422101": 0})
    out = desk.signed(statement, "510422")
    before = Path(out).read_bytes()
    code, _, told = desk.run("sign", str(statement), "--key", str(desk.folder / "510422.key"), "--out", out)
    assert (code, Path(out).read_bytes(), "never overwritten" in told) == (2, before, True)


def test_the_table_speaks_both_languages_and_tells_what_weakens_it(desk: Desk) -> None:
    weak = CONTRACT.replace('"99.9%"', '"placeholder:99.9%"')
    file = desk.county("510422", {"510422101": 7200}, contract=weak, more="--as-of 2021-04-20T00:00:00+08:00")
    asked = ["rollup", file, "--counties", str(desk.folder / "counties.toml")]
    code, chinese, _ = desk.run(*asked)
    assert code == 1
    assert all(
        word in chinese
        for word in ("四川省 51", "攀枝花市 5104", "县510422 510422", words.verdict("fail", "zh"), "占位", "较早时点")
    )
    _, english, _ = desk.run("--lang", "en", *asked)
    assert all(word in english for word in ("passing", words.verdict("fail", "en"), "placeholders", "earlier time"))


@pytest.mark.parametrize(("kind", "code"), [("replica", 0), ("fork", 1)])
def test_what_the_evidence_says_against_itself_travels_up(desk: Desk, kind: str, code: int) -> None:
    file = desk.statement("510422", {"510422101": 0})
    made = json.loads(file.read_text(encoding="utf-8"))
    made["integrity"] = [{"kind": kind, "link": "510422101", "target": "", "at": APRIL[0]}]
    file.write_text(json.dumps(made), encoding="utf-8")
    asked = ["rollup", desk.signed(file, "510422"), "--counties", str(desk.folder / "counties.toml")]
    ended, told, _ = desk.run(*asked)
    assert (ended, words.INTEGRITY[kind].to("zh") in told) == (code, True)


_classes = st.integers(0, 10**6)
_links = st.dictionaries(
    st.sampled_from([f"{county}{number}" for county in ("510422", "510421", "513401") for number in range(101, 105)]),
    st.tuples(*[_classes] * 9),
    min_size=1,
)


def _figures(links: Mapping[str, Sequence[int]], name: str) -> Figures:
    made = []
    for code, (up, counted, excluded, not_carrier, disputed, unclaimed, unknown, user_up, user_down) in links.items():
        parts = (up, counted, excluded, not_carrier, disputed, unclaimed, unknown)
        sums = sla.Sums(sum(parts), *parts)
        made.append(LinkSums(code, code, sums, (min(user_up, sums.service // 2), min(user_down, sums.service // 2))))
    county = County(code="510422", name="", keys=())
    return Figures(name, "", county, (0, 1), "2021", {}, "remove", Fraction(999, 1000), tuple(made), ())


@settings(deadline=None)
@given(_links, st.randoms())
def test_however_links_are_dealt_to_files_every_level_is_the_sum_of_its_links(links: dict[str, Any], chance: Any) -> None:
    names = Counties(schema="jinbao.counties/1", county=(), names={})
    whole = roll_up([_figures(links, "all")], names)
    dealt = [{}, {}, {}]  # type: list[dict[str, Any]]
    for code, sums in links.items():
        chance.choice(dealt)[code] = sums
    assert roll_up([_figures(part, str(number)) for number, part in enumerate(dealt)], names) == whole
    for area in whole:
        mine = [sums for code, sums in links.items() if code.startswith(area.code)]
        assert area.sums.counted == sum(sums[1] for sums in mine)
        assert area.sums.service == sum(sum(sums[:7]) for sums in mine)
    province = next(area for area in whole if area.code == "51")
    counties = [area for area in whole if area.level == "county"]
    assert province.passing == sum(area.passing for area in counties)
    assert province.sums.up == sum(area.sums.up for area in counties)
