"""What the charts of the longer documents say, in both languages."""

from jinbao_reports.words import Catalogue, Text

CAPTIONS: Catalogue = {
    "calendar": Text("图{number}　逐日运行图", "Figure {number}  Uptime by day"),
    "calendar_alt": Text(
        "每条线路一行、每天一格：当天有计入考核的中断涂满，有争议的涂三分之二，"
        "不计入的涂三分之一，无数据用斜线。数字见每日数据。",
        "One row a link, one cell a day: full where time counted against the carrier, two thirds where it is disputed, "
        "one third where it is excused, hatched without data. The figures are in the daily data.",
    ),
    "burn": Text("图{number}　允许中断时长的剩余", "Figure {number}  Allowance left"),
    "burn_alt": Text(
        "每条线路的剩余允许中断比例随时间下降的折线，用得最多的三条线路标出名称；降到零以下即超出。数字见线路汇总。",
        "A line for each link, falling as counted outages use up its allowance; the three that used most are named. Below zero "
        "it is overdrawn. The figures are in the summary of links.",
    ),
    "causes": Text("图{number}　中断时长（分钟）按原因与责任方", "Figure {number}  Minutes of outage by cause and party"),
    "causes_alt": Text(
        "每个原因一条横条，按时长排列，标出责任方、次数与认定类别。数字见原因表。",
        "One bar a cause, the longest first, with the party, the number of outages and the class. The table of causes says the "
        "same.",
    ),
    "bands": Text("图{number}　往返时延（毫秒）", "Figure {number}  Round trip delay (ms)"),
    "bands_alt": Text(
        "每条线路一小图：粗线为中位数，色带到第95百分位，细线为第99百分位。整个周期的数字见线路质量表。",
        "One small chart a link: the thick line is the median, the band reaches to the 95th percentile, the thin line is the "
        "99th. The figures of the whole period are in the table of quality.",
    ),
    "coverage": Text("图{number}　监测覆盖率", "Figure {number}  Coverage"),
    "coverage_alt": Text(
        "每条线路一条横条，为有探测数据的时间占比。数字见线路汇总。",
        "One bar a link: the share of time that was measured. The figures are in the summary of links.",
    ),
}
LABELS: Catalogue = {
    "counted": Text("有计入考核的中断", "time counted"),
    "disputed": Text("有争议", "disputed"),
    "excused": Text("有不计入的中断或剔除", "excused"),
    "unknown": Text("有无数据时间", "time without data"),
    "none": Text("无服务时间", "no service time"),
    "up": Text("全天正常（空白）", "up all day (blank)"),
    "left": Text("剩余允许中断", "allowance left"),
    "pace": Text("匀速使用", "even pace"),
    "others": Text("其他线路", "other links"),
    "minutes": Text("分钟", "minutes"),
    "bar": Text("{party}，{outages}次，{class_}", "{party}, {outages} ×, {class_}"),
    "nothing": Text("在有数据的时间内没有中断", "no outage in the time that was measured"),
    "no_delay": Text("没有时延数据", "no delay was measured"),
    "p50": Text("中位数", "median"),
    "p95": Text("到第95百分位", "to the 95th percentile"),
    "p99": Text("第99百分位", "99th percentile"),
    "no_data": Text("无数据", "no data"),
}
CATALOGUES: tuple[Catalogue, ...] = (CAPTIONS, LABELS)
