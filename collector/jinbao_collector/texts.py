"""What the command line says, Chinese first; `--lang en` gives English."""

import json
import sys
from collections.abc import Callable

from jinbao_collector import CollectorError

TEXTS: dict[str, tuple[str, str]] = {
    "about": ("采集中心：接收、保存并见证各探针的测量", "the collector: takes in, keeps and attests what the agents measured"),
    "config": ("配置文件（默认 collector.toml）", "configuration file (default: collector.toml)"),
    "lang": ("界面语言（默认 zh）", "language (default: zh)"),
    "json": ("以 JSON 输出", "print JSON"),
    "init": ("生成密钥、空台账和空日志；绝不覆盖", "make keys, an empty ledger and journal; never overwrites"),
    "serve": ("运行服务，SIGTERM 正常停止", "serve until SIGTERM"),
    "invite": ("为一个探针生成一次性登记码", "print a one-time enrol code for an agent"),
    "revoke": ("吊销一个探针的密钥，自当前日志位置起生效", "revoke an agent's keys from the present journal position on"),
    "silences": ("某探针何时没有数据，它自己的记录说明了什么", "when an agent measured nothing, and why by its own records"),
    "days": ("往前看多少天（默认 7）", "how many days back (default: 7)"),
    "silence": ("{since}  {seconds:>9} 秒  {why}  {detail}", "{since}  {seconds:>9} s  {why}  {detail}"),
    "no_silence": ("{agent}：没有间断", "{agent}: no gaps"),
    "stopped": ("服务停止后重启", "stopped and started"),
    "killed": ("进程被强行终止", "killed"),
    "shut_down": ("正常关机后开机", "shut down in order, then booted"),
    "mains_lost": ("停电（UPS 已证实）", "the mains was lost, as the UPS told"),
    "machine_lost": ("断电或死机后重启", "a power cut or a crash of the machine"),
    "suspended": ("机器休眠", "the machine slept"),
    "stalled": ("机器过载，探测未按时进行", "overloaded, probes not on time"),
    "not_sent": ("本机无法发送", "this machine could not send"),
    "unrecorded": ("没有任何记录", "nothing recorded says why"),
    "former": ("只吊销已被新密钥取代的旧密钥", "only the keys before its newest one"),
    "configure": (
        "按线路文件为探针下发新配置（签名、编号；探针按本机允许范围决定是否采用）",
        "issue what links.toml says to the agents, signed and numbered; each takes it within what its own machine allows",
    ),
    "agents_named": ("探针名称，可重复；省略则为全部", "an agent's name, repeatable; without it all"),
    "back": ("恢复上一版内容（作为新版本）", "the content before the newest one, as a new version"),
    "wait": ("等待应答的时间", "how long an answer is waited for"),
    "batch": ("成批间隔上限", "a batch is closed after this long at the latest"),
    "every": ("上传间隔", "how often batches are sent"),
    "configured": ("{agent}：已下发第 {version} 版配置", "{agent}: configuration {version} issued"),
    "configured_already": ("{agent}：配置无变化", "{agent}: nothing has changed"),
    "unknown_agent": ("{agent}：没有此探针，或其密钥已吊销", "{agent}: no such agent, or its keys are revoked"),
    "no_former": ("{agent}：没有更早的版本可恢复", "{agent}: there is no earlier version to go back to"),
    "lives_under": ("    配置：第 {version} 版（0 表示本机文件）", "    configuration {version} (0: its own files)"),
    "config_refused": ("    拒绝了第 {version} 版：{why}", "    refused version {version}: {why}"),
    "ledger": ("台账：通知、故障单、原因、审批", "the ledger: notices, tickets, causes, approvals"),
    "add": ("录入 TOML 文件中的条目", "enter the entries of a TOML file"),
    "list": ("列出全部台账并核对哈希链", "list the whole ledger and check its hash chain"),
    "approve": ("批准一个条目（须为录入人以外的人）", "approve an entry (by somebody else than its author)"),
    "agents": ("列出探针：密钥、线路、静默时间", "list the agents: keys, links, silence"),
    "manifest": ("每日清单：查看，或立即生成", "daily manifests: show them, or make one now"),
    "seal": (
        "把日志封存为便于快速读取的存储（serve 运行时自动进行）",
        "seal the journal into the store that is read quickly (serve does so by itself)",
    ),
    "rebuild": ("从日志重新生成", "make it again from the journal"),
    "utc_day": ("仅此一天（UTC），须同时给出 --agent", "only this day (UTC); with --agent"),
    "of_agent": ("仅此探针，须同时给出 --day", "only this agent; with --day"),
    "sealed": ("已封存至日志位置 {cursor}", "sealed to journal position {cursor}"),
    "sealing": ("封存 {cursor} / {last}", "sealing {cursor} / {last}"),
    "resealed": ("{agent} {day}：重新生成 {count} 个样本", "{agent} {day}: {count} samples made again"),
    "day_and_agent": (
        "--day 与 --agent 须与 --rebuild 同时给出",
        "--day and --agent go together, with --rebuild",
    ),
    "telegraf": ("Telegraf 写入令牌（数据不签名，单独存放）", "tokens for Telegraf, whose unsigned data is kept apart"),
    "telegraf_issue": ("发放一个写入令牌，只显示一次", "issue a token, shown once"),
    "telegraf_revoke": ("收回一个令牌", "take a token back"),
    "telegraf_list": ("列出有效的令牌", "list the tokens that are good"),
    "telegraf_name": ("持有者名称", "the holder's name"),
    "telegraf_interval": ("它的采集周期，默认同线路文件", "how often it probes; by default as links.toml says"),
    "issued": (
        '{holder} 的令牌（只显示这一次）：\n{token}\n写入 Telegraf 的 [[outputs.influxdb_v2]]：urls = ["{url}"]',
        'the token of {holder}, shown this once:\n{token}\nfor Telegraf\'s [[outputs.influxdb_v2]]: urls = ["{url}"]',
    ),
    "taken_back": ("已收回 {holder} 的令牌", "the token of {holder} is taken back"),
    "holder": ("{holder}  {vantage}  线路 {links}", "{holder}  {vantage}  links {links}"),
    "no_holder": ("没有有效的 Telegraf 令牌", "there is no good token for Telegraf"),
    "bad_interval": ("{interval}：不是周期，应写作 10s、1m", "{interval}: no interval; write 10s or 1m"),
    "replica": ("副本：把每个样本另存一份的服务器", "replicas: servers that get a copy of every sample"),
    "replica_list": ("列出副本：位置、落后、状态", "list the replicas: position, lag, state"),
    "refused": ("列出服务器不收的行及原因", "list the lines a server would not take, with the reason"),
    "again": ("重新发送（服务器已有的不会重复）", "send everything again (what the server has it keeps once)"),
    "again_since": ("仅自该日（采集中心时区）起到达的", "only what arrived since this day, in the collector's time zone"),
    "replica_name": ("collector.toml 中的副本名", "the replica's name in collector.toml"),
    "no_replica": ("collector.toml 中没有 [[replica]]", "collector.toml has no [[replica]]"),
    "unknown_replica": ("{replica}：没有这个副本；已有：{known}", "{replica}: no such replica; there are: {known}"),
    "replica_line": (
        "{replica}  {state}  位置 {position}，落后 {behind} 行、{seconds} 秒  不收 {refused} 行，过期 {expired} 行  {message}",
        "{replica}  {state}  position {position}, {behind} rows and {seconds} s behind"
        "  {refused} refused, {expired} expired  {message}",
    ),
    "compare": (
        "逐线路逐日比对样本数（默认最近 31 天），不一致则退出码 1",
        "compare counts of samples by link and day (by default of 31 days); exit 1 where they differ",
    ),
    "difference": ("{link} {day}：本地 {here}，服务器 {there}", "{link} {day}: {here} here, {there} there"),
    "still_behind": ("{replica}：还有 {rows} 行尚未发送", "{replica}: {rows} rows are yet to be sent"),
    "compared": (
        "{replica} {since} 至 {until}：本地 {here}，服务器 {there} 个样本，{count} 处不一致",
        "{replica} {since} to {until}: {here} samples here, {there} there, {count} places differ",
    ),
    "refused_line": ("{at}  {line}\n    {reason}", "{at}  {line}\n    {reason}"),
    "none_refused": ("没有被拒收的行", "no line was refused"),
    "sent_again": (
        "{replica}：日志位置 {position} 之后的数据将重新发送",
        "{replica}: everything behind journal position {position} is sent again",
    ),
    "export": ("导出样本为 Parquet 或 CSV", "export samples as Parquet or CSV"),
    "parquet": ("写入 Parquet 文件（需要 pyarrow）", "write a Parquet file (needs pyarrow)"),
    "csv": ("写入 CSV 文件（jinbao-report 可读）", "write a CSV file (jinbao-report reads it)"),
    "sql": ("用 SQL 查询样本与事件（需要 duckdb）", "ask for samples and events in SQL (needs duckdb)"),
    "query": ("查询语句，表 samples 和 events", "the query, over the tables samples and events"),
    "export_link": ("仅此线路，可重复", "only this link; may be repeated"),
    "since": ("起始日（含，采集中心时区）", "first day, in the collector's time zone"),
    "until": ("截止日（不含）", "the day after the last one"),
    "exported": ("已写入 {path}：{count} 个样本", "wrote {path}: {count} samples"),
    "agent": ("探针名称", "the agent's name"),
    "vantage": ("township 乡镇侧 | county 县中心侧", "where it stands: township or county"),
    "link": (
        "它负责的线路代码，可重复；县中心侧省略表示全部",
        "a link it speaks for, repeatable; a county agent without any speaks for all",
    ),
    "file": ("台账条目文件", "file of ledger entries"),
    "document": ("条目所依据的文件，按 SHA-256 存档，可重复", "a document behind the entries, kept by its SHA-256, repeatable"),
    "entry": ("条目编号", "the entry's id"),
    "by": ("批准人", "who approves"),
    "day": ("日期，如 2021-04-10；省略则列出全部", "a day such as 2021-04-10; without it all are listed"),
    "verify": (
        "核对所保存的一切：哈希、签名及其相互衔接",
        "check all that is kept: hashes, signatures, and the links between them",
    ),
    "backup": (
        "把正在使用的数据备份到新目录（不含 keys）",
        "copy the data, also while it is served, into a new folder (without keys)",
    ),
    "backup_into": ("新目录，最好在另一块磁盘上", "a new folder, best on another disk"),
    "restore": ("从备份恢复到新的数据目录", "make the data directory of a backup"),
    "backup_of": ("备份目录", "the backup's folder"),
    "verify_what": ("备份目录；省略则核对数据目录", "a backup's folder; without it the data directory"),
    "keep": (
        "压缩已结月份，并按配置清除过期月份（serve 每天自动进行）",
        "pack closed months, remove those past their time; serve does so daily",
    ),
    "dry_run": ("只列出，不改动", "only say what would be removed"),
    "repair": (
        "修复损坏的月份文件：可读的保留，其余隔离（先停服务）",
        "mend damaged months: keep what can be read; stop serve first",
    ),
    "repair_from": ("用此备份补上缺失的行", "a backup to take missing rows from"),
    "copying": ("复制 {cursor} / {last}", "copying {cursor} / {last}"),
    "checking": ("核对 {cursor} / {last}", "checking {cursor} / {last}"),
    "backed_up": (
        "已备份到 {folder}：{count} 个文件，日志位置 {position}。密钥不在其中，请另行离线保管 {keys}；"
        "声明文件也不在其中，请一并保存：{declared}",
        "backed up into {folder}: {count} files, journal position {position}. Keys are not in it; keep {keys} apart, offline."
        " Neither are the declared files; keep copies of {declared}",
    ),
    "restored": (
        "已恢复 {root}，日志位置 {position}。启动服务后，探针会补传其后的数据",
        "restored {root}, journal position {position}. Once it serves, the agents send again what came after",
    ),
    "keys_missing": (
        "还缺密钥：先把离线保管的 keys 放回 {keys}，再启动服务",
        "the keys are missing: put the copy you keep offline at {keys} before you serve",
    ),
    "all_well": ("完好：{root}", "all is well: {root}"),
    "kept": (
        "已压缩 {packed}；稍后再压缩（正被读取）{waiting}；已过期清除 {old}",
        "packed {packed}; later, for it is being read, {waiting}; past its time {old}",
    ),
    "held_back": (
        "{month} 已到期但未清除：{followers} 还没有收全",
        "{month} is past its time but stays: {followers} has yet to get all of it",
    ),
    "mended": (
        "{file}：保留 {kept} 行，从备份补上 {added} 行，丢失位置 {lost}；原文件在 {quarantined}",
        "{file}: {kept} rows kept, {added} from the backup, lost positions {lost}; the damaged file is {quarantined}",
    ),
    "nothing_damaged": ("没有损坏的月份", "no month is damaged"),
    "verify_manifests": ("核对全部清单及其所证的日志", "check all manifests and the journal they attest"),
    "verified": ("完好：{count} 份清单，签名、链接和日志均相符", "ok: {count} manifests; signatures, chain and journal agree"),
    "made": (
        "已建立 {root}\nCA 指纹   {ca}\n中心公钥 {key}\n请离线备份 {keys}。",
        "made {root}\nCA fingerprint   {ca}\ncentre's key     {key}\nKeep a copy of {keys} off this machine.",
    ),
    "listening": ("正在监听 {address}", "listening on {address}"),
    "invited": (
        "登记码（24 小时内有效，只能用一次）：\n{code}\n在探针上执行：jinbao-agent --config agent.toml enrol '{code}'",
        "enrol code (valid for 24 hours, once):\n{code}\non the agent run: jinbao-agent --config agent.toml enrol '{code}'",
    ),
    "revoked": (
        "已吊销 {agent} 的 {count} 个密钥，日志位置 {position} 之后的数据不再采信",
        "revoked {count} key(s) of {agent}; nothing after journal position {position} is believed",
    ),
    "added": ("新录入 {added} 条，已存在 {known} 条", "{added} entered, {known} known already"),
    "unkept": (
        "警告：条目 {entry} 所引文件 {document} 尚未存档；可用 --document 文件 补上",
        "warning: entry {entry} names {document}, which is not kept here yet; add it with --document FILE",
    ),
    "approved": ("{entry} 已由 {by} 批准", "{entry} approved by {by}"),
    "row": ("{position:>6}  {at}  {kind:<11} {what}", "{position:>6}  {at}  {kind:<11} {what}"),
    "intact": ("哈希链完整，共 {count} 条，末条 {hash}", "hash chain intact, {count} rows, head {hash}"),
    "member": (
        "{agent}  {vantage}  线路 {links}  密钥 {key}  {state}  {silence}",
        "{agent}  {vantage}  links {links}  key {key}  {state}  {silence}",
    ),
    "good": ("有效", "good"),
    "gone": ("已于位置 {position} 吊销", "revoked after position {position}"),
    "never": ("尚未收到数据", "never heard"),
    "silent": ("静默 {seconds} 秒，最新样本 {newest}", "silent for {seconds} s, newest sample {newest}"),
    "nobody": ("尚无已登记的探针；用 invite 生成登记码", "no agent is enrolled yet; make a code with invite"),
    "sheet": ("{day}  {hash}  日志 {first}–{last}", "{day}  {hash}  journal {first}–{last}"),
    "no_manifest": (
        "尚无每日清单；一天结束后自动生成，或用 manifest 日期",
        "no manifest yet; one is made when a day ends, or by manifest DAY",
    ),
    "township_link": ("乡镇侧探针须用 --link 指明线路", "a township agent needs its link: --link CODE"),
    "unknown_link": ("{link}：线路文件 {file} 中没有此线路", "{link}: no such link in {file}"),
    "bad_day": ("{day}：不是日期，应写作 2021-04-10", "{day}: not a day; write 2021-04-10"),
    "error": ("错误：{problem}", "error: {problem}"),
    "missing_extra": (
        "缺少 {module}：pip install 'jinbao-uptime[{extra}]'",
        "{module} is missing: pip install 'jinbao-uptime[{extra}]'",
    ),
}


def speak(lang: str, name: str, **facts: object) -> str:
    """One text in `zh` or `en`."""
    return TEXTS[name][0 if lang == "zh" else 1].format(**facts)


class Misuse(CollectorError):
    """The command was used wrongly."""

    exit_code = 2


class Output:
    """Words for people, or one JSON document."""

    def __init__(self, lang: str, as_json: bool) -> None:
        self.lang, self.as_json = lang, as_json

    def say(self, name: str, **facts: object) -> None:
        if not self.as_json:
            print(speak(self.lang, name, **facts), flush=True)

    def word(self, name: str) -> str:
        """One text by itself."""
        return speak(self.lang, name)

    def progress(self, name: str) -> Callable[[int, int], None]:
        """Tells how far it is, on a terminal only."""

        def tell(cursor: int, last: int) -> None:
            if sys.stderr.isatty():
                print(speak(self.lang, name, cursor=cursor, last=last), end="\r", file=sys.stderr, flush=True)

        return tell

    def facts(self, facts: object) -> None:
        if self.as_json:
            print(json.dumps(facts, ensure_ascii=False), flush=True)

    def complain(self, name: str, **facts: object) -> None:
        print(speak(self.lang, name, **facts), file=sys.stderr, flush=True)

    def wrong(self, name: str, **facts: object) -> Misuse:
        return Misuse(speak(self.lang, name, **facts))
