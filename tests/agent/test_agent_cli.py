"""The command as an operator meets it: a real process, real probes on loopback, real signals."""

import contextlib
import json
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_process import AGENT, COMMAND, running, write_config
from agent_records import check_chain, everything_in
from jinbao_agent.cli import main
from jinbao_agent.heartbeat import read_beat
from jinbao_agent.keys import SigningKey
from jinbao_agent.probes import icmp_rights
from jinbao_config.services import read_agent
from tiny_centre import TinyCentre

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not icmp_rights().usable(4), reason="this process may not send echo requests")


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """An agent whose application server listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield write_config(tmp_path, server.getsockname()[1])


def command(config: Path, *words: str) -> list[str]:
    return [*COMMAND, "--config", str(config), *words]


def spool_of(config: Path) -> Path:
    return config.parent / "data" / "spool.db"


def ask(file: Path, query: str) -> object:
    with contextlib.closing(sqlite3.connect(file)) as db:
        return db.execute(query).fetchone()[0]


# run


def test_kill_9_loses_no_committed_sample_and_repeats_none(config: Path) -> None:
    committed: set[tuple[object, ...]] = set()

    def key(sample: object) -> tuple[object, ...]:
        return tuple(getattr(sample, name) for name in ("boot", "target", "seq", "sent_us", "outcome", "rtt_us"))

    for _ in range(5):
        with running(command(config, "run"), config.parent) as agent:
            agent.ready()
            agent.beats(2)
            committed |= {key(sample) for sample in everything_in(spool_of(config))[1]}
            agent.kill()
    with running(command(config, "run"), config.parent) as agent:
        agent.ready()
        assert agent.stop() == 0

    batches, samples, events = everything_in(spool_of(config))
    check_chain(batches)
    key_file = SigningKey.load(config.parent / "data" / "agent.key").public
    assert all(batch.signed.verified_by(key_file) for batch in batches)
    assert committed
    assert committed <= {key(sample) for sample in samples}
    numbers = [(sample.boot, sample.target, sample.seq) for sample in samples]
    assert len(numbers) == len(set(numbers))
    assert [event.event for event in events] == ["start", *["heartbeat", "start"] * 5, "stop"]
    assert ask(spool_of(config), "PRAGMA integrity_check") == "ok"


def test_sigterm_is_a_clean_stop_with_everything_in_signed_batches(config: Path) -> None:
    with running(command(config, "run"), config.parent) as agent:
        agent.ready()
        agent.beats(2)
        assert agent.stop() == 0
    last = read_beat(config.parent / "data" / "heartbeat")
    assert last is not None
    assert last.stopped
    batches, samples, events = everything_in(spool_of(config))
    assert (events[-1].event, events[-1].fact("reason")) == ("stop", "SIGTERM")
    assert last.head is not None
    assert (last.head.number, last.head.hash) == (batches[-1].fields()["number"], batches[-1].signed.hash)
    assert ask(spool_of(config), "SELECT count(*) FROM open_sample") == 0
    assert {sample.target for sample in samples} == {"nic", "lan", "core", "app"}
    assert {sample.outcome for sample in samples} <= {"reply", "not_sent:stopped"}


def test_an_agent_nobody_knows_measures_and_is_heard_once_it_is_enrolled(config: Path, tmp_path: Path) -> None:
    centre = TinyCentre(tmp_path)
    with running(command(config, "run"), config.parent) as agent:
        agent.ready()
        agent.beats(3)
        with centre.open():
            subprocess.run(command(config, "--lang", "en", "enrol", centre.code), check=True, capture_output=True)
            assert centre.arrived.wait(30)
            assert agent.stop() == 0
    (chain,) = centre.kept.values()
    check_chain(chain[number] for number in sorted(chain))
    first = chain[1].fields()
    assert (first["agent"], first["vantage"]) == ("", "township")
    start = everything_in(spool_of(config))  # what was not yet acknowledged
    assert start[2][-1].event == "stop"


def test_a_turn_of_a_rung_closes_its_batch_at_once_and_sends_it(tmp_path: Path) -> None:
    centre = TinyCentre(tmp_path)
    slow = AGENT.replace('batch = "2s"', 'batch = "1h"').replace('every = "1s"', 'every = "1h"')
    with centre.open(), socket.create_server(("127.0.0.1", 0)) as server:
        file = write_config(tmp_path, server.getsockname()[1], slow)
        assert main(["--config", str(file), "enrol", centre.code]) == 0
        with running(command(file, "run"), tmp_path) as agent:
            agent.ready()
            agent.beats(3)
            assert not centre.requests
            server.close()
            assert centre.arrived.wait(30)
            agent.stop()
    (chain,) = centre.kept.values()
    assert sorted(chain) == [1]


def test_only_one_agent_runs_on_one_data_folder(config: Path) -> None:
    with running(command(config, "run"), config.parent) as agent:
        agent.ready()
        second = subprocess.run(command(config, "run"), capture_output=True, text=True, timeout=30)
        assert second.returncode == 2
        assert "another jinbao-agent runs on this data folder" in second.stderr
        assert agent.stop() == 0


def test_the_log_is_facts_for_people_and_json_for_programs(config: Path) -> None:
    for words in ((), ("--json",)):
        with running(command(config, "run", *words), config.parent) as agent:
            agent.ready()
            assert agent.stop() == 0
    lines = (config.parent / "agent.log").read_text().splitlines()
    plain = [line for line in lines if not line.startswith("{")]
    facts = [json.loads(line) for line in lines if line.startswith("{")]
    assert any("INFO event=start boot=" in line for line in plain)
    assert any(fact["message"].startswith("event=stop boot=") and fact["level"] == "INFO" for fact in facts)


# once, status, check


def test_once_asks_every_rung_now_and_leaves_nothing_behind(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(config), "once", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [(fact["target"], fact["outcome"]) for fact in facts] == [(name, "reply") for name in ("nic", "lan", "core", "app")]
    assert not (config.parent / "data").exists()


@pytest.fixture
def deaf(config: Path) -> Path:
    """The same, but its application is asked by HTTP and never answers."""
    links = config.parent / "links.toml"
    links.write_text(links.read_text().replace("tcp://", "http://"))
    return config


def test_once_shows_a_table_and_is_bad_news_where_a_rung_does_not_answer(
    deaf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(deaf), "--lang", "en", "once"]) == 1
    head, nic, lan, _, app = capsys.readouterr().out.splitlines()
    assert head.split() == ["link", "rung", "target", "outcome", "rtt"]
    assert nic.split()[:4] == ["510422101", "nic", "nic:lo", "reply"]
    assert lan.split()[1:4] == ["lan", "127.0.0.1", "reply"]
    assert app.split()[1::2] == ["app", "lost"]


def test_a_rung_known_to_be_silent_is_no_bad_news(deaf: Path) -> None:
    links = deaf.parent / "links.toml"
    links.write_text(links.read_text() + 'silent = ["app"]\n')
    assert main(["--config", str(deaf), "once"]) == 0


def test_what_this_machine_cannot_ask_is_its_own_fault(config: Path) -> None:
    links = config.parent / "links.toml"
    links.write_text(links.read_text().replace("nic:lo", "nic:none0"))
    assert main(["--config", str(config), "once"]) == 3


def test_status_tells_of_a_running_agent_and_of_one_that_stopped(config: Path) -> None:
    def status() -> dict[str, object]:
        result = subprocess.run(command(config, "status", "--json"), capture_output=True, check=True, text=True)
        facts: dict[str, object] = json.loads(result.stdout)
        return facts

    with running(command(config, "run"), config.parent) as agent:
        agent.ready()
        agent.beats(2)
        alive = status()
        assert alive["running"] is True
        assert agent.stop() == 0
    after = status()
    assert after["running"] is False
    assert {sample["target"] for sample in after["spool"]["latest"]} == {"nic", "lan", "core", "app"}  # type: ignore[index]
    assert after["beat"]["stopped"] is True  # type: ignore[index]


def test_status_before_the_first_run_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(config), "status"]) == 3
    assert "探针还没有运行过" in capsys.readouterr().err


def findings(config: Path, capsys: pytest.CaptureFixture[str], lang: str = "zh") -> tuple[int, dict[str, dict[str, str]]]:
    code = main(["--config", str(config), "--lang", lang, "check", "--json"])
    return code, {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}


def test_check_on_a_new_machine_names_each_problem_with_its_remedy(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = findings(config, capsys)
    assert code == 3
    assert found["config"]["level"] == "ok"
    assert found["rights"]["level"] == "ok"
    assert found["disk"]["level"] == "environment"
    assert "先启动一次探针" in found["disk"]["remedy"]
    assert main(["--config", str(config), "--lang", "en", "check"]) == 3
    assert "→ start the agent once (run)" in capsys.readouterr().out


def test_check_beside_a_running_enrolled_agent_finds_it_alive_and_the_centre_in_reach(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    centre = TinyCentre(tmp_path)
    with centre.open():
        assert main(["--config", str(config), "enrol", centre.code, "--json"]) == 0
        capsys.readouterr()
        with running(command(config, "run"), tmp_path) as agent:
            agent.ready()
            agent.beats(2)
            _, found = findings(config, capsys)
            assert agent.stop() == 0
    assert {name: found[name]["level"] for name in ("life", "spool", "enrolment", "collector")} == dict.fromkeys(
        ("life", "spool", "enrolment", "collector"), "ok"
    )
    code, found = findings(config, capsys, "en")
    assert code == 1
    assert found["life"]["text"] == "the agent does not run"
    assert found["collector"]["level"] == "problem"
    assert "the collector cannot be reached" in found["collector"]["text"]


def test_check_tells_of_an_agent_that_is_not_enrolled_or_with_another_key(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    code, found = findings(config, capsys, "en")
    assert code == 1
    assert found["enrolment"]["text"] == "not enrolled, data stay on this machine"
    with TinyCentre(tmp_path).open() as centre:
        assert main(["--config", str(config), "enrol", centre.code, "--json"]) == 0
    capsys.readouterr()
    (tmp_path / "data" / "agent.key").unlink()
    _, found = findings(config, capsys, "en")
    assert found["enrolment"]["text"] == "enrolled with another key than this one"


# Used wrongly


def test_a_wrong_configuration_is_named_and_exits_2(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text().replace("510422101", "510422109"))
    assert main(["--config", str(config), "once"]) == 2
    assert "agent.toml: link: '510422109': links.toml declares no such link" in capsys.readouterr().err
    config.write_text(AGENT.replace("500ms", "500"))
    assert main(["--config", str(config), "run"]) == 2
    assert "agent.toml: wait: '500': a duration is a whole number with its unit" in capsys.readouterr().err


def test_an_agent_without_anything_to_probe_is_refused(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    links = config.parent / "links.toml"
    links.write_text('schema = "jinbao.links/1"\n[[link]]\ncode = "510422101"\nname = "红格镇"\n')
    assert main(["--config", str(config), "run"]) == 2
    assert "names no target for this agent" in capsys.readouterr().err


def test_a_wrong_code_exits_2_and_a_silent_collector_3(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(config), "enrol", "hello"]) == 2
    assert "not an enrolment code" in capsys.readouterr().err
    assert main(["--config", str(config), "enrol", f"https://127.0.0.1:1#{'0' * 64}.{'0' * 32}"]) == 3
    assert "127.0.0.1:1" in capsys.readouterr().err


def test_enrolling_again_needs_the_word_for_it_and_a_stopped_agent(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with TinyCentre(tmp_path).open() as centre:
        assert main(["--config", str(config), "enrol", centre.code]) == 0
        assert "已登记为 yanbian-01" in capsys.readouterr().out
        assert main(["--config", str(config), "enrol", centre.code]) == 2
        assert "--again replaces that enrolment" in capsys.readouterr().err
        with running(command(config, "run"), tmp_path) as agent:
            agent.ready()
            assert main(["--config", str(config), "enrol", centre.code, "--again"]) == 2
            assert agent.stop() == 0
        assert main(["--config", str(config), "enrol", centre.code, "--again"]) == 0


@pytest.mark.parametrize("words", [("--json", "--lang", "en", "once"), ("once", "--json", "--lang", "en")])
def test_options_may_stand_before_the_command_or_after_it(
    config: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    main(["--config", str(config), *words])
    assert len(json.loads(capsys.readouterr().out)) == 4


def test_the_example_configuration_reads(tmp_path: Path) -> None:
    shutil.copy(ROOT / "config" / "agent.example.toml", tmp_path / "agent.toml")
    assert read_agent(tmp_path / "agent.toml").value.vantage == "township"
