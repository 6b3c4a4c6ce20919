"""The fixed sentences of the quarterly and the annual report, beyond those of the monthly sheet."""

from jinbao_reports.words import Catalogue, Text

TITLES: Catalogue = {
    "month": Text("月度运行简报", "Monthly operation sheet"),
    "quarter": Text("季度运行报告", "Quarterly operation report"),
    "year": Text("年度SLA报告", "Annual SLA report"),
    "span": Text("运行简报", "Operation sheet"),
}
WHEN: Catalogue = {
    "month": Text("{year}年{month}月", "{year}-{month:02}"),
    "quarter": Text("{year}年第{quarter}季度", "{year}, quarter {quarter}"),
    "year": Text("{year}年度", "{year}"),
}
FILES: Catalogue = {
    "month": Text("金保网月度运行简报-{name}", "jinbao-monthly-{name}"),
    "quarter": Text("金保网季度运行报告-{name}", "jinbao-quarterly-{name}"),
    "year": Text("金保网年度SLA报告-{name}", "jinbao-annual-sla-{name}"),
}
HEADINGS: Catalogue = {
    "months": Text("逐月可用率", "Availability by month"),
}
MONTHS: Catalogue = {
    "lead": Text(
        "每格为结论符号与可用率下限；上限不同时列在下一行。符号：● 达标，× 未达标，▲ 证据不足，○ 无数据。",
        "Each cell: the verdict's mark and the lower bound, the upper one below it where it differs. ● met, × not met, "
        "▲ inconclusive, ○ no data.",
    ),
    "month": Text("{month}月", "{month:02}"),
    "all": Text("全部线路", "All links"),
}
BASIS: Catalogue = {
    "probes": Text(
        "口径“{name}”：T＝{T}秒，n＝{n}，W＝{W}秒。",
        "Profile {name}: T = {T} s, n = {n}, W = {W} s. ",
    ),
    "windows": Text(
        "口径“{name}”：窗长{dt}秒，C＝{C}，n＝{n}，W＝{W}秒。",
        "Profile {name}: windows of {dt} s, C = {C}, n = {n}, W = {W} s. ",
    ),
    "imported": Text("口径：中断区间由外部记录导入。", "Outages imported as intervals. "),
    "remove": Text(
        "公式：下限＝（正常＋未申告）÷（服务时间－剔除－非运营商），上限＝1－计入÷同一分母，覆盖率＝1－无数据÷同一分母。",
        "Formula: low = (up + unclaimed) ÷ (service − excluded − not carrier); high = 1 − counted ÷ the same; "
        "coverage = 1 − no data ÷ the same.",
    ),
    "credit": Text(
        "公式：下限＝（正常＋未申告＋剔除＋非运营商）÷服务时间，上限＝1－计入÷服务时间，覆盖率＝1－无数据÷服务时间。",
        "Formula: low = (up + unclaimed + excluded + not carrier) ÷ service; high = 1 − counted ÷ service; "
        "coverage = 1 − no data ÷ service.",
    ),
}
NOTES: Catalogue = {
    "longest": Text(
        "本期共{all}次中断，此处列出最长的{shown}次；全部见同批《中断台账》。",
        "{all} outages in the period; the {shown} longest are listed here, all of them in the outage ledger issued with it.",
    ),
    "charts_at": Text(
        "图示由同一份数据绘制，图上太短的中断放宽到看得见。", "Drawn from the same figures; very short outages are widened."
    ),
}
CATALOGUES: tuple[Catalogue, ...] = (TITLES, WHEN, FILES, HEADINGS, MONTHS, BASIS, NOTES)
